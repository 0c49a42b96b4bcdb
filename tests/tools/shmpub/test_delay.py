"""shmpub --delay: what comes out is what would come out, later; at the ends of sources too."""
import os
import signal
import subprocess
import time

import rings
from camring_test import ToolTest, main

WIDTH, HEIGHT = 320, 240


class Delay(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()

    def reader(self, name, **kwargs):
        reader = rings.Reader(self.lib, name, **kwargs)
        self.addCleanup(reader.close)
        return reader

    def writer(self, *args, **kwargs):
        camera = rings.Camera(self.lib, *args, **kwargs)
        self.addCleanup(lambda: camera.handle and camera.close())
        return camera

    def film(self, camera, numbers):
        """Publishes a picture each 1/30 s; when each was there at the latest."""
        published = {}
        for number in numbers:
            published[number] = time.monotonic_ns()
            camera.publish(rings.picture(WIDTH, HEIGHT, number), number)
            time.sleep(1 / 30)
        return published

    def test_frames_come_so_long_after_the_source_s_with_all_that_they_carry(self):
        camera = self.writer("cam0", rings.RAW, WIDTH, HEIGHT)
        self.start("shmpub", "cam0", "--no-on-demand", "--delay", "150ms", "--overlay", "name", "--out", "j:mjpeg",
                   "--out", "r:raw", "--out", "v:h264", "--frames", "64")
        readers = [self.reader(name) for name in "jrv"]
        for reader in readers:
            reader.wait_state("starting")
        published = self.film(camera, range(20))
        for reader in readers:
            frames = reader.take(20)
            self.assertEqual([frame.source_number for frame in frames], list(range(20)))
            for frame in frames:
                capture = camera.start_ns + frame.source_number * 1_000_000_000 // 30
                self.assertEqual((frame.capture_ns, frame.source_capture_ns), (capture, capture - 5))
                self.assertGreaterEqual(frame.publish_ns, published[frame.source_number] + 150_000_000)
            self.assertFalse(any(frame.flags & rings.DISCONTINUITY for frame in frames[1:]))
            spacing = sorted(b.publish_ns - a.publish_ns for a, b in zip(frames, frames[1:]))
            self.assertGreater(spacing[0], 0)
            self.assertGreater(spacing[len(spacing) // 2], 20_000_000)  # no burst of what was held

    def test_what_is_held_comes_out_before_the_ring_ends_with_its_stream(self):
        began = time.monotonic_ns()
        reader = self.reader("cam1")
        shmpub = self.start("shmpub", "-", "--delay", "700ms", "--out", "cam1:raw", "--frames", "64", stdin=subprocess.PIPE)
        shmpub.process.stdin.write(b"".join(rings.y4m(WIDTH, HEIGHT, range(12))))
        shmpub.process.stdin.close()
        reader.wait_state("starting")
        frames = reader.take(12)
        self.assertEqual([rings.number_in(frame.payload, WIDTH, HEIGHT) for frame in frames], list(range(12)))
        self.assertGreaterEqual(frames[0].publish_ns, began + 700_000_000)
        self.assertTrue(all(frame.publish_ns >= frame.capture_ns + 700_000_000 for frame in frames))
        reader.wait_state("ended")
        self.assertEqual(shmpub.wait(), 0)
        self.assertIn("cam1 12 frames; 0 dropped", shmpub.stderr)

    def test_what_is_held_comes_out_of_a_stream_that_breaks_off_too(self):
        path = os.path.join(self.tmp, "broken.y4m")
        with open(path, "wb") as file:
            file.write(b"".join(rings.y4m(WIDTH, HEIGHT, range(5))) + b"JUNKJUNKJUNK" + rings.picture(WIDTH, HEIGHT, 5))
        reader = self.reader("cam1")
        with open(path, "rb") as file:
            shmpub = self.start("shmpub", "-", "--delay", "700ms", "--out", "cam1:raw", "--frames", "64", stdin=file)
        reader.wait_state("starting")
        self.assertEqual([frame.source_number for frame in reader.take(5)], list(range(5)))
        self.assertEqual(shmpub.wait(), 65)

    def test_a_camera_that_dies_leaves_its_last_frames_and_then_no_signal(self):
        camcap = self.start("camcap", "test:", "cam0", "--size", "320x240", "--fps", 30)
        self.start("shmpub", "cam0", "--delay", "800ms", "--out", "late:raw", "--frames", "64")
        own = self.reader("cam0")
        late = self.reader("late")
        late.take(5)
        camcap.stop(signal.SIGKILL)
        last = None
        while (frame := own.next(0.2)) is not None:
            last = frame
        frames = [late.next()]
        while frames[-1].source_number < last.source_number:
            self.assertNotEqual(late.state, "no-signal")
            frames.append(late.next())
        numbers = [frame.source_number for frame in frames]
        self.assertEqual(numbers, list(range(numbers[0], last.source_number + 1)))
        self.assertGreaterEqual(frames[-1].publish_ns, last.publish_ns + 800_000_000)
        late.wait_state("no-signal")

    def test_it_ends_at_once_whatever_it_holds(self):
        camera = self.writer("cam0", rings.RAW, WIDTH, HEIGHT)
        shmpub = self.start("shmpub", "cam0", "--no-on-demand", "--delay", "10s", "--out", "late:mjpeg")
        reader = self.reader("late")
        reader.wait_state("starting")
        self.film(camera, range(5))
        began = time.monotonic()
        self.assertEqual(shmpub.stop(), 0)
        self.assertLess(time.monotonic() - began, 5)
        self.assertIn("late 0 frames; 0 dropped", shmpub.stderr)

    def test_nothing_is_encoded_for_nobody_and_who_comes_gets_the_next_frame_later(self):
        camera = self.writer("cam0", rings.RAW, WIDTH, HEIGHT)
        shmpub = self.start("shmpub", "cam0", "--delay", "200ms", "--out", "late:h264", "--out", "all:raw")
        everything = self.reader("all")
        everything.wait_state("starting")
        published = self.film(camera, range(5))
        everything.take(5)
        self.assertEqual(self.rings()["late"]["head"], 0)
        reader = self.reader("late", label=b"test")
        published.update(self.film(camera, range(5, 15)))
        first = reader.next()
        self.assertTrue(first.flags & rings.KEYFRAME)
        self.assertGreaterEqual(first.source_number, 5)
        self.assertGreaterEqual(first.publish_ns, published[first.source_number] + 200_000_000)
        self.assertEqual(shmpub.stop(), 0)

    def test_the_governor_does_not_take_a_delay_for_a_load(self):
        self.start("camcap", "test:", "cam0", "--size", "320x240", "--fps", 30)
        shmpub = self.start("shmpub", "cam0", "--adaptive", "--delay", "2s", "--out", "late:h264", "-v")
        reader = self.reader("late", label=b"test")
        reader.take(90)
        # The machine's own load may be real.
        self.assertNotRegex(shmpub.stderr, "quality down.*(frames take|readers lose)")


if __name__ == "__main__":
    main()
