"""The Python reader of the examples reads what the tools write: it holds camring-ring(5) against the C++ code."""
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import unittest

from camring_test import SOURCE, main, tool, wait_for

from feeds import HEIGHT, WIDTH, FeedTest, rings

EXAMPLE = os.path.join(SOURCE, "examples", "python", "ring_reader.py")


def load_example():
    spec = importlib.util.spec_from_file_location("ring_reader", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@unittest.skipUnless(importlib.util.find_spec("numpy"), "numpy is not installed")
class PythonExample(FeedTest):
    def setUp(self):
        super().setUp()
        self.example = load_example()

    def run_example(self, *args):
        return subprocess.run([sys.executable, "-B", EXAMPLE, *map(str, args)], env=self.env, capture_output=True,
                              timeout=60, text=True)

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_it_prints_every_frame_of_a_camera(self):
        self.camera("cam0", "--frames", "64")
        result = self.run_example("cam0", "--frames", 10)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = [line.split() for line in result.stdout.splitlines()]
        numbers = [int(words[0]) for words in lines]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 10)))
        self.assertEqual([words[2] for words in lines], [words[0] for words in lines])
        self.assertTrue(all(words[-2] == "brightness" and 16 < float(words[-1]) < 235 for words in lines))

    def test_pixels_times_and_flags_are_those_that_were_written(self):
        camera = self.feed(rings.RAW)
        with self.example.Ring("cam0") as ring:
            for number in range(5):
                capture = camera.publish(rings.picture(WIDTH, HEIGHT, number + 70), number + 70,
                                         flags=rings.KEYFRAME | rings.INFERRED)
                frame = ring.frame(20)
                self.assertEqual((frame.number, frame.source_number, frame.missed), (number, number + 70, 0))
                self.assertEqual((frame.capture_ns, frame.source_capture_ns), (capture, capture - 5))
                self.assertGreater(frame.publish_ns, 0)
                self.assertEqual(frame.flags, rings.KEYFRAME | rings.INFERRED)
                luma = frame.array()
                self.assertEqual(luma.shape, (HEIGHT, WIDTH))
                self.assertEqual(rings.number_in(luma.tobytes(), WIDTH, HEIGHT), number + 70)
                self.assertEqual(frame.plane(2).shape, (HEIGHT // 2, WIDTH // 2))
                self.assertEqual(frame.copy(), rings.picture(WIDTH, HEIGHT, number + 70))
                self.assertTrue(frame.valid())
            self.assertIsNone(ring.frame(0.05))
            self.assertEqual((ring.codec, ring.fourcc, ring.width, ring.height, ring.rate),
                             (self.example.RAW, "YU12", WIDTH, HEIGHT, (30, 1)))

    def test_an_overtaken_reader_goes_on_with_the_newest_and_counts(self):
        camera = self.feed(rings.RAW, frames=2)
        picture = rings.picture(WIDTH, HEIGHT, 1)
        camera.publish(picture, 0)
        with self.example.Ring("cam0") as ring:
            old = ring.frame(20)
            self.assertTrue(old.valid())
            for number in range(1, 300):
                camera.publish(picture, number)
            self.assertFalse(old.valid())
            self.assertIsNone(old.copy())
            frame = ring.frame(20)
            self.assertEqual((frame.number, frame.missed, ring.missed), (299, 298, 298))
            camera.publish(picture, 300)
            self.assertEqual(ring.frame(20).missed, 0)

    def test_what_is_valid_is_never_torn(self):
        width, height = 640, 480
        camera = self.feed(rings.RAW, width, height, pixels=rings.GRAY8, frames=2)
        done = threading.Event()

        def write():
            number = 0
            while not done.is_set():
                camera.publish(bytes([number % 251]) * (width * height), number)
                number += 1
        writer = threading.Thread(target=write)
        writer.start()
        try:
            good = 0
            with self.example.Ring("cam0") as ring:
                while good < 100:
                    frame = ring.frame(20)
                    even = (frame.array() == frame.source_number % 251).all()
                    if frame.valid():
                        self.assertTrue(even, frame.number)
                        good += 1
        finally:
            done.set()
            writer.join()

    def test_it_follows_a_change_of_format_without_losing_a_frame(self):
        camera = self.feed(rings.MJPEG)
        small, large = rings.jpegs(WIDTH, HEIGHT, [1])[0], rings.jpegs(640, 480, [2])[0]
        camera.publish(small, 1)
        with self.example.Ring("cam0") as ring:
            self.assertEqual(ring.frame(20).copy(), small)
            camera.reconfigure(rings.MJPEG, 640, 480)
            camera.publish(large, 2)
            camera.publish(small, 3)
            frame = ring.frame(20)
            self.assertEqual((frame.number, frame.missed, frame.copy()), (1, 0, large))
            self.assertEqual((ring.width, ring.height), (640, 480))
            self.assertEqual(ring.frame(20).copy(), small)

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_it_follows_a_killed_writer_to_the_next(self):
        first = self.camera()
        with self.example.Ring("cam0") as ring:
            self.assertIsNotNone(ring.frame(20))
            first.stop(signal.SIGKILL)
            inode = ring.inode
            self.camera()
            wait_for("a frame of the next writer", lambda: ring.frame(1) and ring.inode != inode)
            frame = ring.frame(20)
            self.assertEqual(frame.missed, 0)
            self.assertTrue(frame.valid())

    def test_it_waits_for_a_ring_that_is_not_there(self):
        with self.example.Ring("cam0") as ring:
            self.assertIsNone(ring.frame(0.05))
            camera = self.feed(rings.MJPEG)
            image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
            camera.publish(image, 1)
            self.assertEqual(ring.frame(20).copy(), image)

    def test_it_saves_jpeg_frames_byte_for_byte(self):
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.publish(image, 1)
        result = self.run_example("cam0", "--frames", 1, "--save", self.tmp)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(os.path.join(self.tmp, "000000000.jpg"), "rb") as file:
            self.assertEqual(file.read(), image)

    def test_files_that_are_no_rings_are_refused(self):
        self.feed(rings.MJPEG)
        with open(os.path.join(self.dir, "camring.cam0"), "rb") as file:
            ring = file.read()
        for name, content in (("garbage", b"garbage"), ("zeros", bytes(len(ring))), ("cut", ring[:13000]),
                              ("no-depth", ring[:80] + bytes(4) + ring[84:])):
            with self.subTest(name):
                with open(os.path.join(self.dir, "camring." + name), "wb") as file:
                    file.write(content)
                result = self.run_example(name, "--frames", 1)
                self.assertEqual(result.returncode, 1)
                self.assertIn("camring." + name, result.stderr)
                self.assertNotIn("Traceback", result.stderr)
        self.assertIn("no name of a ring", self.run_example("../x").stderr)


if __name__ == "__main__":
    main()
