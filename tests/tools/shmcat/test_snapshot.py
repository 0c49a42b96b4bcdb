"""A snapshot is a whole picture that other programs open, a camera's JPEG unchanged, and never half a file."""
import os
import threading
import unittest

from camring_test import main, tool

from feeds import HEIGHT, WIDTH, FeedTest, probe, rings


class Snapshot(FeedTest):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.tmp, "shot.jpg")

    def shoot(self, name="shot.jpg", *options):
        """Takes a snapshot; its bytes."""
        path = os.path.join(self.tmp, name)
        self.assertEqual(self.cat("--snapshot", path, *options), b"")
        with open(path, "rb") as file:
            return file.read()

    def gray(self, path):
        return rings.ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-")

    def test_a_jpeg_frame_is_written_byte_for_byte(self):
        camera = self.feed(rings.MJPEG)
        for number, image in enumerate(rings.jpegs(WIDTH, HEIGHT, range(4))):
            camera.publish(image, number)
            self.assertEqual(self.shoot(), image)
        self.assertEqual(self.shoot("shot.raw"), image)
        self.assertEqual(sorted(os.listdir(self.tmp)), ["shot.jpg", "shot.raw"])

    def test_raw_frames_become_jpeg_images(self):
        for pixels, seen_as in ((rings.I420, "yuvj420p"), (rings.NV12, "yuvj420p"), (rings.RGB24, "yuvj420p"),
                                (rings.GRAY8, "gray")):
            with self.subTest(pixels):
                camera = self.feed(rings.RAW, pixels=pixels)
                camera.publish(self.frame(pixels, 4711), 4711)
                image = self.shoot()
                self.assertTrue(image.startswith(b"\xff\xd8") and image.endswith(b"\xff\xd9"))
                self.assertEqual(probe(image, "-f", "mjpeg", "-show_entries", "stream=width,height,pix_fmt"),
                                 [f"width={WIDTH}|height={HEIGHT}|pix_fmt={seen_as}"])
                self.assertEqual(rings.number_in(self.gray(self.path), WIDTH, HEIGHT), 4711)
                camera.close()

    def frame(self, pixels, number):
        i420 = rings.picture(WIDTH, HEIGHT, number)
        luma, chroma = i420[:WIDTH * HEIGHT], i420[WIDTH * HEIGHT:]
        if pixels == rings.I420:
            return i420
        if pixels == rings.NV12:
            half = len(chroma) // 2
            return luma + bytes(value for pair in zip(chroma[:half], chroma[half:]) for value in pair)
        return luma if pixels == rings.GRAY8 else bytes(value for value in luma for _ in range(3))

    def test_limited_range_becomes_the_full_range_of_jpeg(self):
        camera = self.feed(rings.RAW)
        camera.publish(rings.picture(WIDTH, HEIGHT, 2**32 - 1), 1)  # the code's first row is all white, 235
        self.shoot()
        white = self.gray(self.path)[2 * WIDTH:3 * WIDTH]
        self.assertGreaterEqual(min(white), 250)

    def test_ppm_and_raw_files_hold_the_pixels(self):
        camera = self.feed(rings.RAW, pixels=rings.RGB24)
        frame = self.frame(rings.RGB24, 5)
        camera.publish(frame, 5)
        self.assertEqual(self.shoot("shot.ppm"), b"P6\n320 240\n255\n" + frame)
        self.assertEqual(self.shoot("shot.raw"), frame)

    def test_a_jpeg_frame_becomes_a_ppm_file(self):
        camera = self.feed(rings.MJPEG)
        camera.publish(rings.jpegs(WIDTH, HEIGHT, [99])[0], 99)
        self.shoot("shot.ppm")
        self.assertEqual(rings.number_in(self.gray(os.path.join(self.tmp, "shot.ppm")), WIDTH, HEIGHT), 99)

    def test_an_older_file_is_replaced_at_once_and_no_half_one_is_seen(self):
        camera = self.feed(rings.MJPEG)
        images = rings.jpegs(WIDTH, HEIGHT, range(8))
        camera.publish(images[0], 0)
        self.shoot()
        seen, done = set(), threading.Event()

        def look():
            while not done.is_set():
                with open(self.path, "rb") as file:
                    seen.add(file.read())
        looker = threading.Thread(target=look)
        looker.start()
        for number, image in enumerate(images[1:], 1):
            camera.publish(image, number)
            self.shoot()
        done.set()
        looker.join()
        self.assertTrue(seen)
        self.assertLessEqual(seen, set(images))
        self.assertEqual(os.listdir(self.tmp), ["shot.jpg"])

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_a_fresh_snapshot_shows_a_later_frame_than_those_there(self):
        self.camera()
        head = self.rings()["cam0"]["head"]
        self.shoot("shot.jpg", "--wait-fresh", "20s")
        self.assertGreaterEqual(rings.number_in(self.gray(self.path), WIDTH, HEIGHT), head)

    def test_an_empty_ring_is_code_75(self):
        self.feed(rings.MJPEG)
        self.assert_fails(75, "starting", "shmcat", "cam0", "--snapshot", self.path, "--wait-fresh", "100ms")
        self.assertEqual(os.listdir(self.tmp), [])

    def test_video_and_damaged_images_are_code_65(self):
        camera = self.feed(rings.H264)
        camera.publish(b"\0\0\0\1\x65" + bytes(50), 0)
        self.assert_fails(65, "h264", "shmcat", "cam0", "--snapshot", self.path)
        camera.close()
        camera = self.feed(rings.MJPEG)
        camera.publish(b"no JPEG at all", 0)
        self.assert_fails(65, "damaged", "shmcat", "cam0", "--snapshot", os.path.join(self.tmp, "shot.ppm"))
        self.assertEqual(os.listdir(self.tmp), [])

    def test_files_that_can_not_be_are_refused(self):
        camera = self.feed(rings.MJPEG)
        camera.publish(rings.jpegs(WIDTH, HEIGHT, [0])[0], 0)
        self.assert_fails(66, "/nowhere/shot.jpg", "shmcat", "cam0", "--snapshot", self.tmp + "/nowhere/shot.jpg")
        self.assert_fails(64, "shot.png", "shmcat", "cam0", "--snapshot", "shot.png")
        self.assert_fails(64, "--frames", "shmcat", "cam0", "--snapshot", self.path, "--frames", "2")
        os.mkdir(self.path)
        self.assertNotEqual(self.run_tool("shmcat", "cam0", "--snapshot", self.path).returncode, 0)
        self.assertEqual(os.listdir(self.tmp), ["shot.jpg"])


if __name__ == "__main__":
    main()
