"""framecheck on rings: verdicts of writers and frames, once and on and on; baselines; the gate."""
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy

from camring_test import SOURCE, ToolTest, main, wait_for

sys.path.insert(0, os.path.join(SOURCE, "tests", "tools", "shmpub"))
import rings  # noqa: E402  (beside shmpub's tests: rings through the C library)

WIDTH, HEIGHT = 320, 240


class Rings(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()
        self.random = numpy.random.default_rng(3)
        y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
        self.scene = 120 + 40 * numpy.sin(x / 9) * numpy.cos(y / 7) + (x // 40 + y // 30) % 2 * 30

    def camera(self, fps=30, codec=rings.RAW, frames=64):
        camera = rings.Camera(self.lib, "cam0", codec, WIDTH, HEIGHT, fps=fps, pixels=rings.GRAY8, frames=frames,
                              beats=True)
        self.addCleanup(lambda: camera.handle and camera.close())
        return camera

    def picture(self, noise=2.0):
        return numpy.clip(self.scene + self.random.normal(0, noise, self.scene.shape), 0, 255).astype(numpy.uint8).tobytes()

    def fill(self, camera, pictures, flags=rings.KEYFRAME):
        """Publishes pictures whose capture times end now."""
        camera.start_ns = time.monotonic_ns() - len(pictures) * 1_000_000_000 // camera.fps
        for number, picture in enumerate(pictures):
            camera.publish(picture, number, flags)

    def once(self, *options):
        result = self.run_tool("framecheck", "cam0", "--json", *options)
        self.assertEqual(result.err, "")
        answer = json.loads(result.out)
        self.assertEqual(["OK", "WARNING", "CRITICAL", "UNKNOWN"][result.returncode], answer["state"])
        return answer["state"], [reason["check"] for reason in answer["reasons"]], answer

    def test_a_still_scene_with_noise_is_ok_and_a_frozen_one_is_not(self):
        camera = self.camera()
        self.fill(camera, [self.picture() for _ in range(30)])
        state, checks, answer = self.once()
        self.assertEqual((state, checks), ("OK", []))
        self.assertAlmostEqual(answer["metrics"]["temporal_noise"], 2, delta=0.3)
        self.assertAlmostEqual(answer["metrics"]["fps"], 30, delta=1)
        self.fill(camera, [self.picture()] * 40)
        state, checks, answer = self.once("--samples", "30")
        self.assertEqual((state, checks), ("CRITICAL", ["frozen"]))
        self.assertIn("no pixel changed", answer["reasons"][0]["text"])
        self.assertEqual(self.once("--samples", "30", "--freeze-time", "0")[:2], ("OK", []))

    def test_a_placeholder_is_no_picture(self):
        self.fill(self.camera(), [self.picture() for _ in range(5)], rings.KEYFRAME | rings.PLACEHOLDER)
        self.assertEqual(self.once()[:2], ("CRITICAL", ["placeholder"]))

    def test_stale_wrong_rate_and_wrong_size_are_named(self):
        camera = self.camera()
        self.fill(camera, [self.picture() for _ in range(10)])
        self.assertEqual(self.once("--expect-size", "320x240", "--expect-fps", "30")[:2], ("OK", []))
        self.assertEqual(self.once("--expect-size", "640x480")[:2], ("CRITICAL", ["size"]))
        self.assertEqual(self.once("--expect-fps", "25")[:2], ("WARNING", ["rate"]))
        self.assertEqual(self.once("--expect-fps", "10")[:2], ("CRITICAL", ["rate"]))
        self.assertIn("stale", self.once("--max-age", "1us")[1])

    def test_pictures_that_are_made_on_demand_are_asked_for(self):
        self.start("camcap", "test:", "source", "--size", "320x240")
        self.wait_ring("source", 3)
        self.start("shmpub", "source", "--out", "cam0:mjpeg")
        wait_for("the ring to be there", lambda: "cam0" in self.rings())
        options = ("--max-age", "300ms", "--samples", "3")
        self.assertEqual(self.once(*options)[:2], ("OK", []))
        # Until what the ring holds is too old; nobody reads.
        wait_for("old pictures", lambda: (self.rings()["cam0"]["age_ms"] or 0) > 500)
        state, checks, answer = self.once(*options)
        self.assertEqual((state, checks), ("OK", []))
        self.assertEqual(answer["pictures"], 3)
        wait_for("old pictures", lambda: (self.rings()["cam0"]["age_ms"] or 0) > 500)
        watch = self.watch(*options)
        wait_for("answers", lambda: len(self.answers()) > 5)
        self.assertEqual(watch.stop(), 0)
        self.assertEqual({answer["state"] for answer in self.answers() if answer["pictures"]}, {"OK"})

    def test_a_clock_that_is_ahead_hides_no_camera_that_stopped(self):
        camera = self.camera()
        camera.start_ns += 3_600_000_000_000
        for number in range(10):
            camera.publish(self.picture(), number)
        self.assertEqual(self.once()[:2], ("OK", []))

        def stale():
            return "stale" in self.once("--max-age", "200ms")[1]
        wait_for("the ring to be stale", stale)

    def test_a_camera_that_is_far_too_slow_has_the_wrong_rate(self):
        # 0.8 frames a second: never stale, and only a few frames in any window of seconds.
        camera = self.camera()
        for number in range(8):
            camera.start_ns = time.monotonic_ns() - (8 - number) * 1_250_000_000 - number * 1_000_000_000 // 30
            camera.publish(self.picture(), number)
        state, checks, answer = self.once("--expect-fps", "30", "--max-age", "5s")
        self.assertEqual((state, checks), ("CRITICAL", ["rate"]))
        self.assertAlmostEqual(answer["metrics"]["fps"], 0.8, delta=0.05)

    def test_a_pause_that_is_over_is_no_rate(self):
        camera = self.camera()
        self.fill(camera, [self.picture() for _ in range(10)])
        camera.start_ns -= 60_000_000_000
        camera.publish(self.picture(), 10)
        camera.start_ns += 60_000_000_000
        for number in range(11, 14):
            camera.publish(self.picture(), number)
        self.assertEqual(self.once("--expect-fps", "30")[:2], ("OK", []))

    def test_thresholds_come_from_options_and_per_ring_from_the_file(self):
        self.fill(self.camera(), [self.picture() for _ in range(10)])
        self.assertEqual(self.once("--warning", "brightness=200:")[:2], ("WARNING", ["brightness"]))
        self.assertEqual(self.once("--critical", "noise=@0:9")[:2], ("CRITICAL", ["noise"]))
        self.assertEqual(self.once("--warning", "other/brightness=200:")[:2], ("OK", []))
        config = os.path.join(self.tmp, "framecheck.toml")
        with open(config, "w") as file:
            file.write('[framecheck]\nwarning = ["cam1/noise=0:0", "cam0/contrast=100:"]\n')
        self.assertEqual(self.once("--config", config)[:2], ("WARNING", ["contrast"]))
        # A ring's own threshold wins wherever it stands; the widest range turns a default off.
        self.assertEqual(self.once("--warning", "cam0/contrast=100:", "--warning", "contrast=1:")[:2], ("WARNING", ["contrast"]))
        self.assertEqual(self.once("--critical", "brightness=200:", "--critical", "cam0/brightness=~:")[:2], ("OK", []))

    def test_the_status_line_has_perfdata_as_monitoring_wants_it(self):
        self.fill(self.camera(), [self.picture(noise=60) for _ in range(10)])  # sharpness has six digits
        result = self.run_tool("framecheck", "cam0", "--warning", "sharpness=1000000", "--warning", "noise=99", "--critical",
                               "noise=99", "--warning", "temporal_noise=99", "--critical", "temporal_noise=99")
        text, data = result.out.decode().rstrip("\n").split(" | ")
        self.assertTrue(text.startswith("FRAMECHECK OK - cam0: picture 320x240"))
        for item in data.split(" "):
            self.assertRegex(item, r"^[a-z_]+=-?[\d.]+(%|s)?;[\d.~:@]*;[\d.~:@]*$")

    def test_writers_that_ended_died_or_never_came_are_critical(self):
        self.assertEqual(self.once()[:2], ("CRITICAL", ["ring"]))
        camera = self.camera()
        self.assertEqual(self.once()[0], "CRITICAL")  # a ring without frames
        self.fill(camera, [self.picture() for _ in range(5)])
        camera.close()
        self.assertEqual(self.once()[:2], ("CRITICAL", ["ring"]))
        tool = self.start("camcap", "test:", "cam0")
        self.wait_ring("cam0", 5)
        tool.stop(signal.SIGKILL)
        state, checks, answer = self.once()
        self.assertEqual(state, "CRITICAL")
        self.assertIn("died", " ".join(reason["text"] for reason in answer["reasons"]))

    def test_frame_numbers_and_clocks_that_jump_back_hurt_nobody(self):
        camera = self.camera()
        self.fill(camera, [self.picture() for _ in range(10)])
        camera.start_ns -= 5_000_000_000
        for number in range(10):
            camera.publish(self.picture(), number)
        camera.start_ns = time.monotonic_ns() - 1_000_000_000 // 3
        for number in range(10):
            camera.publish(self.picture(), number)
        self.assertEqual(self.once()[:2], ("OK", []))

    def test_jpeg_rings_are_decoded_and_damaged_frames_left_out(self):
        jpeg = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                               f"testsrc2=size={WIDTH}x{HEIGHT}:rate=30", "-frames:v", "8", "-pix_fmt", "yuvj420p", "-q:v", "2",
                               "-f", "image2pipe", "-c:v", "mjpeg", "-"], capture_output=True, check=True).stdout
        frames = [b"\xff\xd8\xff" + part for part in jpeg.split(b"\xff\xd8\xff")[1:]]
        self.assertEqual(len(frames), 8)
        camera = self.camera(codec=rings.MJPEG)
        self.fill(camera, frames + [frames[-1][:500]])
        state, _, answer = self.once("--freeze-time", "0", "--samples", "9")
        self.assertEqual(answer["pictures"], 8)
        self.assertIn(state, ("OK", "WARNING"))

    def test_video_rings_are_refused_with_the_way_out(self):
        self.fill(self.camera(codec=rings.H264), [b"\0\0\0\1\x65" + bytes(100)] * 3)
        result = self.run_tool("framecheck", "cam0")
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"shmpub cam0 --out", result.out)

    def test_watching_follows_a_camera_that_goes_and_comes_back(self):
        answers = os.path.join(self.tmp, "answers")

        def states():
            with open(answers) as file:
                return [json.loads(line)["state"] for line in file if line.endswith("\n")]
        with open(answers, "wb") as out:
            watch = self.start("framecheck", "cam0", "--watch", "--interval", "100ms", stdout=out)
            wait_for("a missing ring to be told", lambda: "CRITICAL" in states())
            camera = self.start("camcap", "test:", "cam0")
            wait_for("the camera to be fine", lambda: states()[-1:] == ["OK"])
            camera.stop(signal.SIGKILL)
            wait_for("its death to be told", lambda: states()[-1:] == ["CRITICAL"])
            self.start("camcap", "test:", "cam0")
            wait_for("it to be fine again", lambda: states()[-1:] == ["OK"])
            self.assertEqual(watch.stop(), 0)

    def watch(self, *options):
        """Starts --watch; what it answers is read with answers()."""
        self.path = os.path.join(self.tmp, "answers")
        with open(self.path, "wb") as out:
            return self.start("framecheck", "cam0", "--watch", "--interval", "50ms", *options, stdout=out)

    def answers(self):
        with open(self.path) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def test_another_size_in_mid_stream_is_no_alarm(self):
        camera = rings.Camera(self.lib, "cam0", rings.RAW, 320, 240)
        self.addCleanup(camera.close)
        watch = self.watch("--max-age", "300ms")
        wait_for("framecheck to read", lambda: camera.consumers() > 0)
        # Each longer than --max-age, so that an age that counts from the tool's start shows.
        for part, width in enumerate((320, 160, 320, 160)):
            if part > 0:
                camera.reconfigure(rings.RAW, width, 240)
            for number in range(15 * part, 15 * (part + 1)):
                luma = self.scene[:, :width] + self.random.normal(0, 2, (240, width))
                camera.start_ns = time.monotonic_ns() - number * 1_000_000_000 // camera.fps
                camera.publish(numpy.clip(luma, 0, 255).astype(numpy.uint8).tobytes() + bytes([128]) * (luma.size // 2), number)
                time.sleep(1 / 30)
        self.assertEqual(watch.stop(), 0)
        seen = [answer for answer in self.answers() if answer["pictures"]]
        self.assertEqual({answer["width"] for answer in seen}, {320, 160})
        self.assertEqual([answer["reasons"] for answer in seen if answer["state"] != "OK"], [])

    def test_what_was_learnt_is_alarmed_about(self):
        camera, baseline = self.camera(), os.path.join(self.tmp, "baseline.json")
        stop = threading.Event()

        def film():
            number = 0
            while not stop.wait(0.03):
                camera.publish(self.picture(), number)
                number += 1
        thread = threading.Thread(target=film)
        thread.start()
        try:
            learn = self.run_tool("framecheck", "cam0", "--learn", "3s", "--interval", "60ms", "--baseline", baseline)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(learn.returncode, 0, learn.err)
        with open(baseline) as file:
            learnt = json.load(file)
        self.assertEqual(learnt["subject"], "cam0")
        self.fill(camera, [self.picture() for _ in range(8)])
        self.assertEqual(self.once("--baseline", baseline)[:2], ("OK", []))
        # The same figures at every hour, so that the test may run over the end of one.
        for hour in range(24):
            learnt["hours"][str(hour)] = next(iter(learnt["hours"].values()))
        with open(baseline, "w") as file:
            json.dump(learnt, file)
        self.scene = 100 + (self.scene - 100) * 0.6
        self.fill(camera, [self.picture() for _ in range(8)])
        state, checks, answer = self.once("--baseline", baseline)
        self.assertEqual(state, "WARNING")
        self.assertIn("contrast", checks)
        self.assertIn("usually", answer["reasons"][0]["text"])

    def learn(self, camera, pictures, *options, flags=rings.KEYFRAME):
        """The tool's result and what it wrote, while a camera shows `pictures`, one after the other; and how many it showed."""
        baseline = os.path.join(self.tmp, "baseline.json")
        stop, shown = threading.Event(), [0]

        def film():
            camera.start_ns = time.monotonic_ns()
            while not stop.wait(1 / camera.fps):
                camera.publish(pictures(), shown[0], flags)
                shown[0] += 1
        thread = threading.Thread(target=film)
        thread.start()
        try:
            result = self.run_tool("framecheck", "cam0", "--learn", "3s", "--baseline", baseline, *options)
        finally:
            stop.set()
            thread.join()
        if not os.path.exists(baseline):
            return result, None, shown[0]
        with open(baseline) as file:
            return result, json.load(file), shown[0]

    def test_a_slow_camera_is_learnt_at_every_picture(self):
        result, learnt, shown = self.learn(self.camera(fps=5), self.picture, "--interval", "100ms")
        self.assertEqual(result.returncode, 0, result.err)
        looks = sum(hour["brightness"]["count"] for hour in learnt["hours"].values())
        self.assertGreaterEqual(looks, shown // 2)
        self.assertLessEqual(looks, shown)
        self.assertIn(f"learnt from {looks} looks", result.err)

    def test_what_is_too_little_to_alarm_at_is_said(self):
        result, learnt, _ = self.learn(self.camera(), self.picture, "--interval", "1s")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("too little is known of the hour", result.err)

    def test_what_stands_in_for_a_picture_is_not_learnt(self):
        frozen = self.picture()
        for pictures, flags in ((self.picture, rings.KEYFRAME | rings.PLACEHOLDER), (lambda: bytes([70]) * (WIDTH * HEIGHT), 0)):
            camera = self.camera()
            result, learnt, _ = self.learn(camera, pictures, "--interval", "60ms", flags=flags)
            self.assertEqual((result.returncode, learnt), (75, None), result.err)
            self.assertIn("no picture came that could be learnt from", result.err)
            camera.close()
        camera = self.camera()
        result, learnt, shown = self.learn(camera, lambda: frozen, "--interval", "60ms")
        if learnt:  # until it was known to be frozen
            self.assertLess(sum(hour["brightness"]["count"] for hour in learnt["hours"].values()), shown // 2)

    def test_a_verdict_is_told_though_files_cannot_be_written(self):
        black = bytes([2]) * (WIDTH * HEIGHT)
        self.fill(self.camera(), [black] * 5)
        nowhere = os.path.join(self.tmp, "absent", "x")
        watch = self.start("framecheck", "cam0", "--watch", "--interval", "50ms", "--prom", nowhere, stdout=subprocess.DEVNULL)
        watch.wait_line("write metrics")
        result = self.run_tool("framecheck", "cam0", "--prom", nowhere)
        self.assertEqual(result.returncode, 2)
        self.assertIn("write metrics", result.err)
        self.assertEqual(result.out.count(b"\n"), 1)
        self.assertTrue(result.out.startswith(b"FRAMECHECK CRITICAL"), result.out)
        self.assertEqual(watch.stop(), 0)

    def metadata(self, ring, count):
        reader = rings.Reader(self.lib, ring)
        self.addCleanup(reader.close)
        out = []
        frame = rings.CFrame(struct_bytes=ctypes.sizeof(rings.CFrame))
        while len(out) < count:
            if self.lib.camring_reader_next(reader.handle, ctypes.byref(frame), 5_000_000_000, 0) != 0:
                break
            out.append((frame.source_number, ctypes.string_at(frame.metadata, frame.metadata_bytes).decode(),
                        ctypes.string_at(frame.payload, frame.payload_bytes)))
        return out

    def test_the_gate_sorts_frames_and_says_why(self):
        camera = self.camera()
        gate = self.start("framecheck", "cam0", "--gate", "good", "--reject", "qc", "--freeze-time", "0", "--frames", "64")
        wait_for("the gate to read", lambda: camera.consumers() > 0)
        black = bytes([2]) * (WIDTH * HEIGHT)
        pictures = [black if number % 3 == 0 else self.picture() for number in range(30)]
        self.fill(camera, pictures)
        self.wait_ring("good", 20)
        self.wait_ring("qc", 10)
        good, rejected = self.metadata("good", 20), self.metadata("qc", 10)
        self.assertEqual([number for number, _, _ in good], [n for n in range(30) if n % 3])
        self.assertEqual([number for number, _, _ in rejected], [n for n in range(30) if n % 3 == 0])
        for number, metadata, payload in good:
            self.assertEqual((metadata, payload), ("", pictures[number]))
        for number, metadata, payload in rejected:
            reasons = json.loads(metadata)["framecheck"]
            self.assertEqual(reasons["state"], "CRITICAL")
            self.assertIn("black", reasons["reasons"][0])
            self.assertEqual(payload, pictures[number])
        self.assertEqual(gate.stop(), 0, gate.stderr)
        self.assertIn("20 frames passed, 10 failed", gate.stderr)

    def test_the_gate_passes_nothing_that_it_could_not_judge(self):
        camera = self.camera()
        gate = self.start("framecheck", "cam0", "--gate", "good", "--reject", "qc", "--roi", f"10x10+{WIDTH}+0")
        wait_for("the gate to read", lambda: camera.consumers() > 0)
        self.fill(camera, [self.picture() for _ in range(4)])
        self.wait_ring("qc", 4)
        for _, metadata, _ in self.metadata("qc", 4):
            self.assertIn("outside the picture", metadata)
        self.assertEqual(gate.stop(), 0, gate.stderr)
        self.assertIn("0 frames passed, 4 failed", gate.stderr)

    def test_the_gates_readers_are_told_that_the_camera_is_gone_and_back(self):
        camera = self.camera()
        self.start("framecheck", "cam0", "--gate", "good")
        wait_for("the gate to read", lambda: camera.consumers() > 0)
        self.fill(camera, [self.picture() for _ in range(4)])
        self.wait_ring("good", 4)
        reader = rings.Reader(self.lib, "good")
        self.addCleanup(reader.close)
        reader.wait_state("live")
        camera.close()
        reader.wait_state("no-signal")
        camera = self.camera()
        self.fill(camera, [self.picture() for _ in range(4)])
        reader.wait_state("live")


if __name__ == "__main__":
    main()
