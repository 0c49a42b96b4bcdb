"""--watch: a channel that falls behind and catches up, drifts, dies and comes back; sources that start again."""
import json
import os
import signal
import time

import rings
from camring_test import main, wait_for
from sync_test import SyncTest


class Watch(SyncTest):
    def watch(self, *options):
        self.path = os.path.join(self.tmp, "answers")
        self.out = open(self.path, "wb")
        self.addCleanup(self.out.close)
        return self.start("syncmon", *options, "--watch", "--interval", "100ms", stdout=self.out)

    def answers(self):
        with open(self.path) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def last(self):
        answers = self.answers()
        return answers[-1] if answers else {"state": None, "reasons": [], "drift_ppm": None, "jumps": 0, "restarts": 0}

    def wait_state(self, state, check=None):
        return wait_for(f"{state} {check}; it is {self.last()}", lambda: self.last()["state"] == state and (
            check is None or check in [reason["check"] for reason in self.last()["reasons"]]))

    def test_a_channel_that_falls_behind_is_corrected_and_recovers(self):
        self.camera()
        channel = self.channel("cam0.ai", 0.0)
        watch = self.watch("cam0", "cam0.ai", "--window", "2s", "--tolerance", "150ms", "--publish")
        self.wait_state("OK")
        channel.delay_s = 0.4
        self.wait_state("CRITICAL", "degraded")
        self.assertTrue(self.last()["degraded"])
        correction = wait_for("the correction", lambda: (self.rings()["cam0"]["correction"] or {}).get("delay_ms", 0) > 300 and
                              self.rings()["cam0"]["correction"])
        self.assertEqual(correction["against"], "cam0.ai")
        channel.delay_s = 0.0
        self.wait_state("OK")
        self.assertFalse(self.last()["degraded"])
        self.assertGreater(self.last()["violations_total"], 4)
        wait_for("a smaller correction or none", lambda: (self.rings()["cam0"]["correction"] or {"delay_ms": 0})["delay_ms"] < 150)
        self.assertEqual(watch.stop(), 0, watch.stderr)

    def test_a_correction_ends_with_the_ring_that_it_was_for(self):
        self.camera()
        channel = self.channel("cam0.ai", 0.3)
        self.watch("cam0", "cam0.ai", "--publish")
        wait_for("the correction", lambda: self.rings()["cam0"]["correction"])
        channel.close()
        self.wait_state("CRITICAL", "ring")
        wait_for("the correction to end", lambda: not self.rings()["cam0"]["correction"], 20)
        self.assertEqual(self.last()["state"], "CRITICAL")

    def test_a_growing_delay_is_drift(self):
        self.camera()
        self.channel("cam0.ai", 0.02, grow=0.02)
        self.watch("cam0", "cam0.ai", "--tolerance", "5s", "--warning", "drift=-5000:5000")
        self.wait_state("WARNING", "drift")
        wait_for("a drift near what it is", lambda: 12_000 < (self.last()["drift_ppm"] or 0) < 28_000)

    def test_a_channel_that_dies_is_followed_when_it_comes_back(self):
        self.camera()
        again = self.start("shmpub", "cam0", "--out", "cam0.raw:raw")
        self.wait_ring("cam0.raw", 3)
        self.watch("cam0", "cam0.raw", "--tolerance", "5s")
        self.wait_state("OK")
        again.stop(signal.SIGKILL)
        self.wait_state("CRITICAL", "ring")
        self.start("shmpub", "cam0", "--out", "cam0.raw:raw")
        self.wait_state("OK")

    def test_numbers_that_start_again_pair_again(self):
        camera = self.camera()
        self.start("shmpub", "cam0", "--out", "cam0.raw:raw")
        self.wait_ring("cam0.raw", 40)
        self.watch("cam0", "cam0.raw", "--tolerance", "5s", "--window", "1s")
        self.wait_state("OK")
        self.assertEqual(camera.stop(), 0)
        self.wait_state("CRITICAL")
        self.camera()
        wait_for("pairs after the restart", lambda: self.last()["state"] == "OK" and self.last()["restarts"] >= 1)
        self.assertEqual(self.last()["paired_by"], "number")

    def test_a_clock_that_jumps_is_said(self):
        cameras = [rings.Camera(self.lib, name, rings.RAW, 160, 120) for name in ("left", "right")]
        for camera in cameras:
            self.addCleanup(camera.close)
        self.watch("left", "right", "--pair", "time", "--tolerance", "5s", "--window", "1s")
        number, jumped = 0, False
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for camera in cameras:
                camera.publish(rings.picture(160, 120, number), number)
            number += 1
            time.sleep(1 / 30)
            if not jumped and number > 30:
                cameras[0].start_ns += 3_600_000_000_000
                cameras[1].start_ns += 3_600_000_000_000
                jumped = True
            if "jump" in [reason["check"] for reason in self.last()["reasons"]]:
                break
        self.assertIn("jump", [reason["check"] for reason in self.last()["reasons"]])
        self.assertGreaterEqual(self.last()["jumps"], 1)


if __name__ == "__main__":
    main()
