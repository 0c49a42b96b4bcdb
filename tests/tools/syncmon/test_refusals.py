"""What syncmon refuses, and rings that can't be compared."""
import os
import signal
import subprocess
import time

import rings
from camring_test import main, wait_for
from sync_test import SyncTest


class Refusals(SyncTest):
    def test_wrong_options_are_64(self):
        for text, *words in (
                ("nothing to compare",), ("one ring alone", "a"), ("the same ring twice", "a", "b", "a"),
                ("at most 16", *[f"r{i}" for i in range(17)]), ("not with --once", "a", "b", "--watch", "--once"),
                ("not with --matrix", "a", "b", "--watch", "--matrix"), ("not with --time", "a", "b", "--watch", "--time", "1s"),
                ("at most 20 times", "a", "b", "--interval", "1ms"), ("--window", "a", "b", "--window", "1ms"),
                ("--window", "a", "b", "--window", "2h"), ("apart by nothing", "a", "b", "--tolerance", "0"),
                ("--tolerance", "a", "b", "--tolerance", "50"), ("--max-violations", "a", "b", "--max-violations", "0"),
                ("every frame has an age", "a", "b", "--max-age", "0"), ("is not auto, number or time", "a", "b", "--pair", "x"),
                ("not with --content", "a", "b", "--pair", "time", "--content"),
                ("is no METRIC=RANGE", "a", "b", "--warning", "offst=3"), ("is no METRIC=RANGE", "a", "b", "--critical", "max"),
                ("is no METRIC=RANGE", "a", "b", "--warning", "c/offst=3"), ("is no range", "a", "b", "--warning", "c/offset=x"),
                ("is no range", "a", "b", "--warning", "offset=20:10"), ("is no range", "a", "b", "--critical", "drift=x")):
            with self.subTest(words=words):
                self.assert_fails(64, text, "syncmon", *words)

    def test_a_ring_that_is_absent_empty_or_dead_is_critical_and_named(self):
        self.camera("cam0")
        self.line(2, "cam1: there is no such ring", "cam0", "cam1")
        empty = rings.Camera(self.lib, "cam1", rings.RAW, 160, 120)
        self.line(2, "cam1: the ring has had no frame yet", "cam0", "cam1")
        empty.close()
        dying = self.camera("cam2")
        dying.stop(signal.SIGKILL)
        line = self.line(2, "cam2: the ring's writer died", "cam0", "cam2")
        self.assertNotIn("no frames pair", line)

    def test_a_ring_that_stands_still_is_stale(self):
        still = rings.Camera(self.lib, "still", rings.RAW, 160, 120)
        self.addCleanup(still.close)
        still.publish(rings.picture(160, 120, 1), 1)
        self.camera("cam0")

        def stale():
            still.beat()
            return b"still: no new frame for" in self.run_tool("syncmon", "cam0", "still", "--max-age", "200ms").out
        wait_for("the ring to be stale", stale)

    def test_pictures_that_are_compressed_are_refused_with_the_way_out(self):
        self.camera("cam0")
        self.start("shmpub", "cam0", "--out", "cam0.jpeg:mjpeg,160x120")
        wait_for("the JPEG ring to be there", lambda: "cam0.jpeg" in self.rings())
        self.line(3, "shmpub cam0.jpeg --out cam0.jpeg.raw:raw", "cam0", "cam0.jpeg", "--content")
        watch = self.start("syncmon", "cam0", "cam0.jpeg", "--content", "--watch")
        self.assertEqual(watch.wait(), 65)
        self.assertIn("shmpub cam0.jpeg --out", watch.stderr)
        state, checks, answer = self.once("cam0", "cam0.jpeg", "--tolerance", "2s")
        self.assertEqual((state, checks, answer["paired_by"]), ("OK", [], "number"))

    def test_times_that_have_nothing_to_do_with_each_other_pair_nothing(self):
        self.camera("cam0")
        other = rings.Camera(self.lib, "other", rings.RAW, 160, 120)
        self.addCleanup(other.close)
        other.start_ns = time.monotonic_ns() + 3_600_000_000_000
        for number in range(20):
            other.publish(rings.picture(160, 120, number), number)
        line = self.line(2, "no frames pair: the newest are 3", "cam0", "other")
        self.assertIn("--content", line)

    def test_a_verdict_is_told_though_a_file_cannot_be_written(self):
        self.camera("cam0")
        self.start("shmpub", "cam0", "--out", "cam0.raw:raw")
        self.wait_ring("cam0.raw", 20)
        nowhere = os.path.join(self.tmp, "absent", "x.prom")
        result = self.run_tool("syncmon", "cam0", "cam0.raw", "--tolerance", "5s", "--prom", nowhere)
        self.assertIn("write metrics", result.err)
        self.assertEqual((result.returncode, result.out.count(b"\n")), (0, 1), result.out)
        watch = self.start("syncmon", "cam0", "cam0.raw", "--watch", "--interval", "50ms", "--prom", nowhere,
                           stdout=subprocess.DEVNULL)
        watch.wait_line("write metrics")
        self.assertEqual(watch.stop(), 0)

    def test_unknown_is_told_to_programs_too(self):
        for name in ("cam0", "cam1"):
            camera = rings.Camera(self.lib, name, rings.H264, 160, 120)
            self.addCleanup(camera.close)
            camera.publish(b"\0\0\0\1\x65" + bytes(100), 0)
        prom = os.path.join(self.tmp, "x.prom")
        with open(prom, "w") as file:
            file.write("camring_syncmon_state 0\n")
        state, checks, answer = self.once("cam0", "cam1", "--content", "--prom", prom)
        self.assertEqual((state, checks, answer["pairs"]), ("UNKNOWN", ["check"], 0))
        self.assertIn("shmpub", answer["reasons"][0]["text"])
        with open(prom) as file:
            self.assertRegex(file.read(), r"camring_syncmon_state\{.*\} 3\n")
        self.line(3, "shmpub", "cam0", "cam1", "--content")


if __name__ == "__main__":
    main()
