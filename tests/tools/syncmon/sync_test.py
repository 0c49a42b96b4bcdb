"""What syncmon's tests share: a ring directory for the C library too, and answers taken apart."""
import json
import os

import rings
from camring_test import ToolTest, wait_for
from channels import Channel

STATES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]


class SyncTest(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()

    def camera(self, name="cam0", *options):
        camera = self.start("camcap", "test:", name, "--size", "160x120", *options)
        self.wait_ring(name, 3)
        return camera

    def channel(self, name, delay_s, source="cam0", **options):
        channel = Channel(self.lib, source, name, delay_s, **options)
        self.addCleanup(channel.close)
        wait_for("the channel's first frames", lambda: len(channel.late_ns) > 12)
        return channel

    def once(self, *options):
        """State, checks that failed, and the object of the first comparison."""
        result = self.run_tool("syncmon", *options, "--json")
        self.assertEqual(result.err, "")
        answers = [json.loads(line) for line in result.out.splitlines()]
        worst = max(answers, key=lambda answer: [0, 3, 4, 2][STATES.index(answer["state"])])
        self.assertEqual(STATES[result.returncode], worst["state"], answers)
        return answers[0]["state"], [reason["check"] for reason in answers[0]["reasons"]], answers[0]

    def line(self, code, text, *options):
        result = self.run_tool("syncmon", *options)
        self.assertEqual((result.returncode, result.err), (code, ""), result.out)
        line = result.out.decode()
        self.assertIn(text, line)
        self.assertTrue(line.startswith(f"SYNCMON {STATES[code]} - "), line)
        self.assertEqual(line.count("\n"), 1)
        return line
