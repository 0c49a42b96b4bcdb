"""Offsets by numbers and times of frames: once, as text, JSON and Prometheus, of two rings and of many."""
import json
import os
import time

import rings
from camring_test import main, wait_for
from sync_test import SyncTest


class Stamps(SyncTest):
    def test_a_late_channel_is_critical_and_the_raw_one_is_to_wait(self):
        self.camera()
        channel = self.channel("cam0.ai", 0.12)
        state, checks, answer = self.once("cam0", "cam0.ai")
        self.assertEqual((state, checks, answer["paired_by"]), ("CRITICAL", ["degraded"], "number"))
        self.assertGreaterEqual(answer["offset_p50_ms"], 120)
        self.assertAlmostEqual(answer["offset_p50_ms"], channel.late_ms(), delta=8)
        self.assertGreaterEqual(answer["offset_p95_ms"], answer["offset_p50_ms"])
        self.assertGreaterEqual(answer["offset_max_ms"], answer["offset_p95_ms"])
        self.assertEqual((answer["missing_in_a"], answer["missing_in_b"]), (0, 0))
        self.assertEqual(answer["violations"], answer["pairs"])
        self.assertEqual(answer["suggestion"]["delay"], "cam0")
        self.assertIn("delay cam0 by 1", self.line(2, "tolerated are 50ms", "cam0", "cam0.ai"))
        # The other way round, the same ring waits.
        answer = self.once("cam0.ai", "cam0")[2]
        self.assertLessEqual(answer["offset_p50_ms"], -120)
        self.assertEqual(answer["suggestion"]["delay"], "cam0")

    def test_a_delay_of_shmpub_is_seen(self):
        self.camera("cam0", "--frames", "64")
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "cam0.high:h264")
        self.start("shmpub", "cam0", "--no-on-demand", "--overlay", "time", "--delay", "120ms", "--out", "cam0.ai:h264")
        for name in ("cam0.high", "cam0.ai"):
            self.wait_ring(name, 20)
        answer = self.once("cam0.high", "cam0.ai")[2]
        self.assertEqual(answer["paired_by"], "number")
        self.assertAlmostEqual(answer["offset_p50_ms"], 120, delta=20)
        self.assertEqual(answer["suggestion"]["delay"], "cam0.high")

    def test_thresholds_decide(self):
        self.camera()
        self.channel("cam0.ai", 0.12)
        rings_ = ("cam0", "cam0.ai", "--tolerance", "5s")
        self.assertEqual(self.once(*rings_)[:2], ("OK", []))
        self.assertEqual(self.once(*rings_, "--warning", "offset=-50:50")[:2], ("WARNING", ["offset"]))
        self.assertEqual(self.once(*rings_, "--critical", "cam0.ai/p95=50")[:2], ("CRITICAL", ["p95"]))
        self.assertEqual(self.once(*rings_, "--critical", "other/p95=50")[:2], ("OK", []))
        config = os.path.join(self.tmp, "syncmon.toml")
        with open(config, "w") as file:
            file.write('[syncmon]\ntolerance = "5s"\nwarning = ["max=100"]\n')
        self.assertEqual(self.once("cam0", "cam0.ai", "--config", config)[:2], ("WARNING", ["max"]))

    def test_the_status_line_has_perfdata(self):
        self.camera()
        self.channel("cam0.ai", 0.0)
        line = self.line(0, "cam0 cam0.ai: cam0.ai is ", "cam0", "cam0.ai", "--tolerance", "5s", "--critical", "max=5000")
        self.assertRegex(line, r" \| offset=[\d.e-]+ms;; p95=[\d.e-]+ms;; max=[\d.e-]+ms;;5000 jitter=[\d.e-]+ms;; "
                               r"(drift=\S+ )?missing=0%;5;50 violations=0;;\n$")

    def test_two_cameras_are_paired_by_time(self):
        self.camera("cam0")
        self.camera("cam1")
        state, checks, answer = self.once("cam0", "cam1", "--tolerance", "5s")
        self.assertEqual((state, checks, answer["paired_by"]), ("OK", [], "time"))

    def test_numbers_alone_pair_what_times_do_not(self):
        self.camera()
        channel = self.channel("cam0.ai", 0.3, restamp=True)
        answer = self.once("cam0", "cam0.ai", "--pair", "number", "--time", "800ms")[2]
        self.assertEqual(answer["paired_by"], "number")
        self.assertAlmostEqual(answer["offset_p50_ms"], channel.late_ms(), delta=15)

    def test_a_channel_of_a_lower_rate_misses_nothing_and_one_with_gaps_does(self):
        self.camera("cam0", "--fps", "60", "--frames", "64")
        self.channel("slow", 0.01, keep=lambda number: number % 4 == 0)
        self.channel("gaps", 0.01, keep=lambda number: number % 4 != 0)
        slow = self.once("cam0", "slow", "--tolerance", "5s", "--time", "900ms")[2]
        gaps = self.once("cam0", "gaps", "--tolerance", "5s", "--time", "900ms")[2]
        self.assertGreater(slow["pairs"], 5)
        self.assertGreater(gaps["missing_in_b"], 3)
        self.assertEqual(gaps["missing_in_a"], 0)
        self.assertEqual([reason["check"] for reason in gaps["reasons"]], ["missing"])

    def test_a_ring_that_holds_more_than_is_remembered_is_judged_by_its_newest_frames(self):
        pair = [rings.Camera(self.lib, name, rings.RAW, 16, 16, fps=100, frames=4096) for name in ("long", "late")]
        for camera in pair:
            self.addCleanup(camera.close)
            camera.start_ns = time.monotonic_ns() - 40_000_000_000
        for number in range(4000):
            for camera in pair:
                camera.publish(rings.picture(16, 16, number), number)
        state, checks, answer = self.once("long", "late", "--tolerance", "1s", "--max-age", "30s")
        self.assertEqual((state, checks), ("OK", []))
        self.assertEqual(answer["pairs"], 2048)
        frames = [answer[name] for name in ("missing_in_a", "missing_in_b", "restarts", "jumps")]
        self.assertEqual(frames, [0, 0, 0, 0])

    def test_what_comes_after_many_placeholders_is_seen(self):
        start_ns = time.monotonic_ns()
        for name, placeholders in (("left", 900), ("right", 0)):
            camera = rings.Camera(self.lib, name, rings.RAW, 16, 16, frames=1024)
            self.addCleanup(camera.close)
            camera.start_ns = start_ns
            for number in range(930):
                flags = rings.KEYFRAME | (rings.PLACEHOLDER if number < placeholders else 0)
                camera.publish(rings.picture(16, 16, number), number, flags)
        answer = self.once("left", "right", "--tolerance", "5s")[2]
        self.assertEqual((answer["paired_by"], answer["pairs"]), ("number", 30))

    def test_what_a_channel_on_demand_did_not_show_to_nobody_is_not_missing(self):
        self.camera("cam0", "--frames", "64")
        self.start("shmpub", "cam0", "--out", "cam0.jpeg:mjpeg")
        wait_for("the ring to be there", lambda: "cam0.jpeg" in self.rings())
        for _ in range(3):
            state, checks, answer = self.once("cam0", "cam0.jpeg", "--tolerance", "5s", "--time", "900ms")
            self.assertEqual((state, checks, answer["missing_in_b"]), ("OK", [], 0))
            wait_for("a pause", lambda: (self.rings()["cam0.jpeg"]["age_ms"] or 0) > 400)

    def test_a_rings_own_threshold_holds_where_that_ring_is_compared(self):
        self.camera()
        self.channel("late", 0.2)
        self.channel("soon", 0.01)
        result = self.run_tool("syncmon", "cam0", "soon", "late", "--json", "--tolerance", "5s", "--warning", "late/offset=-100:100",
                               "--warning", "offset=-4000:4000")
        answers = [json.loads(line) for line in result.out.splitlines()]
        self.assertEqual([(answer["b"], answer["state"]) for answer in answers], [("soon", "OK"), ("late", "WARNING")])
        line = self.line(1, "late:offset", "cam0", "soon", "late", "--tolerance", "5s", "--warning", "late/offset=-100:100")
        self.assertRegex(line, r"cam0:soon:offset=[\d.]+ms;; .*cam0:late:offset=[\d.]+ms;-100:100; ")

    def test_prometheus_gets_a_file(self):
        self.camera()
        self.channel("cam0.ai", 0.12)
        path = os.path.join(self.tmp, "sync.prom")
        self.assertEqual(self.run_tool("syncmon", "cam0", "cam0.ai", "--prom", path).returncode, 2)
        with open(path) as file:
            text = file.read()
        labels = '{tool="syncmon",ring="cam0.ai",against="cam0"}'
        self.assertIn(f"camring_syncmon_state{labels} 2\n", text)
        self.assertRegex(text, r"camring_syncmon_offset_seconds\{[^}]*\} 0\.1\d+\n")
        families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        self.assertEqual(len(families), len(set(families)))

    def test_a_matrix_compares_all_with_all(self):
        self.camera()
        self.channel("late", 0.2)
        self.channel("later", 0.4)
        result = self.run_tool("syncmon", "cam0", "late", "later", "--matrix")
        self.assertEqual((result.returncode, result.err), (2, ""))
        rows = [line.split() for line in result.out.decode().splitlines()]
        self.assertEqual(rows[0], ["ms", "cam0", "late", "later"])
        offsets = {row[0]: list(map(float, row[1:])) for row in rows[1:4]}
        self.assertGreaterEqual(offsets["cam0"][1], 199)
        self.assertGreaterEqual(offsets["cam0"][2], 399)
        self.assertGreater(offsets["late"][2], 100)
        self.assertEqual(offsets["later"][0], -offsets["cam0"][2])
        self.assertEqual(rows[4][:2], ["SYNCMON", "CRITICAL"])

    def test_a_correction_reaches_the_rings_writer(self):
        self.camera()
        self.start("shmpub", "cam0", "--out", "cam0.raw:raw")
        self.wait_ring("cam0.raw", 5)
        channel = self.channel("cam0.ai", 0.15)
        self.assertEqual(self.run_tool("syncmon", "cam0.raw", "cam0.ai", "--publish").returncode, 2)
        correction = self.rings()["cam0.raw"]["correction"]
        self.assertEqual(correction["against"], "cam0.ai")
        self.assertAlmostEqual(correction["delay_ms"], channel.late_ms(), delta=15)
        self.assertIsNone(self.rings()["cam0.ai"]["correction"])
        text = self.run_tool("shmstat", "cam0.raw").out.decode()
        self.assertRegex(text, r"to be delayed by 1\d\d\.\d ms to meet cam0\.ai")

    def test_a_ring_without_a_control_channel_is_said_to_take_no_correction(self):
        self.camera()
        self.channel("cam0.ai", 0.1)
        os.unlink(os.path.join(self.dir, "camring.cam0.sock"))
        result = self.run_tool("syncmon", "cam0", "cam0.ai", "--publish")
        self.assertEqual(result.returncode, 2)
        self.assertIn("publish correction: cam0", result.err)


if __name__ == "__main__":
    main()
