"""What shmcat writes is right for FFmpeg, which did not write it: every frame, every number, every time."""
import os
import shutil
import threading
import unittest

from camring_test import main, tool

from feeds import HEIGHT, WIDTH, FeedTest, count_frames, numbers, probe, rings


@unittest.skipUnless(os.path.exists(tool("camcap")) and shutil.which("ffprobe"), "camcap or ffprobe is not there")
class Streams(FeedTest):
    def assert_consecutive(self, found, count):
        self.assertEqual(len(found), count)
        self.assertEqual(found, list(range(found[0], found[0] + count)))

    def test_raw_rings_become_y4m(self):
        for pixels, seen_as in (("YU12", "yuv420p"), ("NV12", "yuv420p"), ("YUYV", "yuv422p"), ("GREY", "gray")):
            with self.subTest(pixels):
                camera = self.camera("cam0", "--format", pixels, "--frames", "32")
                stream = self.cat("--frames", 12)
                self.assertEqual(count_frames(stream), (12, "rawvideo"))
                self.assertEqual(probe(stream, "-show_entries", "stream=pix_fmt,width,height,r_frame_rate"),
                                 [f"width={WIDTH}|height={HEIGHT}|pix_fmt={seen_as}|r_frame_rate=30/1"])
                self.assert_consecutive(numbers(stream), 12)
                camera.stop()

    def test_pictures_of_odd_size_come_byte_for_byte(self):
        width, height = 175, 121  # odd: chroma is rounded up
        camera = self.feed(rings.RAW, width, height)
        frame = rings.picture(width, height, 7)
        camera.publish(frame, 7)
        stream = self.cat("--frames", 1)
        head, _, rest = stream.partition(b"\nFRAME\n")
        self.assertIn(b"W175 H121 F30:1", head)
        self.assertEqual(rest, frame)

    def test_jpeg_rings_become_mjpeg(self):
        self.jpegs()
        stream = self.cat("--frames", 12)
        self.assertEqual(count_frames(stream, "-f", "mjpeg"), (12, "mjpeg"))
        found = numbers(stream, "-f", "mjpeg")
        self.assertEqual(found, sorted(set(found)))

    def test_jpeg_frames_come_byte_for_byte(self):
        camera = self.feed(rings.MJPEG)
        images = rings.jpegs(WIDTH, HEIGHT, range(5))
        for number, image in enumerate(images):
            camera.publish(image, number)
        self.assertEqual(self.cat("--start", "oldest", "--frames", 5), b"".join(images))
        self.assertEqual(self.cat("--frames", 1), images[-1])
        self.assertEqual(self.cat("--start", "oldest", "--frames", 5, "--format", "raw"), b"".join(images))

    def test_nut_holds_raw_and_jpeg_frames(self):
        self.jpegs()
        self.assertEqual(count_frames(self.cat("--frames", 10, "--format", "nut")), (10, "mjpeg"))
        for pixels in ("YU12", "NV12", "RGB3"):
            with self.subTest(pixels):
                camera = self.camera("raw", "--format", pixels, "--frames", "32")
                result = self.run_tool("shmcat", "raw", "--frames", 10, "--format", "nut")
                self.assertEqual((result.returncode, result.err), (0, ""))
                self.assertEqual(count_frames(result.out), (10, "rawvideo"))
                self.assert_consecutive(numbers(result.out), 10)
                camera.stop()

    def test_nut_keeps_capture_times(self):
        camera = self.feed(rings.MJPEG)
        taken = [0, 1, 2, 5, 6, 30]  # the source lost some
        for number, image in zip(taken, rings.jpegs(WIDTH, HEIGHT, taken)):
            camera.publish(image, number)
        stream = self.cat("--start", "oldest", "--frames", 6, "--format", "nut")
        times = [float(line.split("=")[1]) for line in probe(stream, "-show_entries", "packet=pts_time")]
        for time, number in zip(times, taken):
            self.assertAlmostEqual(time - times[0], number / 30, delta=2e-6)
        self.assertEqual(len(times), 6)

    def coded(self, codec, encoder, *options):
        """A ring with 40 access units, a keyframe every tenth, the source still open."""
        source = rings.ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:rate=30", "-frames:v", 40, "-c:v", encoder,
                              "-g", 10, "-bf", 0, "-preset", "ultrafast", "-tune", "zerolatency", *options, "-f", codec, "-")
        reading, writing = os.pipe()
        self.start("camcap", "-", "cam0", "--frames", "64", stdin=reading)
        os.close(reading)
        self.addCleanup(os.close, writing)
        feeder = threading.Thread(target=os.write, args=(writing, source), daemon=True)
        feeder.start()
        self.wait_ring("cam0", 31)

    def test_h264_and_hevc_start_at_a_keyframe_and_decode(self):
        for codec, encoder, options in (("h264", "libx264", ()), ("hevc", "libx265", ("-x265-params", "log-level=none"))):
            with self.subTest(codec):
                self.coded(codec, encoder, *options)
                for start in ("oldest", "newest"):
                    stream = self.cat("--start", start, "--frames", 8)
                    lines = probe(stream, "-f", codec, "-show_entries", "packet=flags")
                    self.assertIn("K", lines[0])
                    self.assertEqual(count_frames(stream, "-f", codec), (8, codec))
                stream = self.cat("--start", "oldest", "--frames", 8, "--format", "nut")
                self.assertEqual(count_frames(stream), (8, codec))
                for running in self.running:
                    running.stop()

    def test_a_frame_is_never_torn_however_fast_its_writer_is(self):
        width, height = 640, 480
        camera = self.feed(rings.RAW, width, height, pixels=rings.GRAY8, frames=2)
        size = width * height
        done = threading.Event()

        def write():
            number = 0
            while not done.is_set():
                camera.publish(bytes([number % 251]) * size, number)
                number += 1
        writer = threading.Thread(target=write)
        writer.start()
        try:
            stream = self.cat("--wait", "--format", "raw", "--frames", 150)
        finally:
            done.set()
            writer.join()
        self.assertEqual(len(stream), 150 * size)
        for at in range(0, len(stream), size):
            self.assertEqual(stream.count(stream[at:at + 1], at, at + size), size)

    def test_formats_that_the_ring_has_not_are_code_64(self):
        self.camera()
        for name in ("mjpeg", "h264", "hevc"):
            with self.subTest(name):
                self.assert_fails(64, "--format", "shmcat", "cam0", "--format", name)
        self.assert_fails(64, "avi", "shmcat", "cam0", "--format", "avi")

    def test_the_count_of_missed_frames_is_told_on_demand(self):
        self.camera()
        result = self.run_tool("shmcat", "cam0", "-v", "--frames", 3)
        self.assertRegex(result.err, r"missed 0 of 3 frames")
        self.assertEqual(self.run_tool("shmcat", "cam0", "--frames", 3).err, "")


if __name__ == "__main__":
    main()
