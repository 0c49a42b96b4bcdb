"""camcap's test pattern through shmpub and shmcat: right for tools that nobody here wrote, and right frame by frame."""
import json
import os
import subprocess
import unittest

import rings
from camring_test import ToolTest, main, tool
from rings import Reader


@unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
class Chain(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()
        self.start("camcap", "test:", "cam0", "--size", "1280x720", "--fps", "30")
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "m:mjpeg,640x360@15,q85", "--out", "s:raw,i420,320x180", "--out",
                   "g:raw,gray8@5", "--out", "n:raw,nv12,640x360", "--frames", "64")
        self.start("shmpub", "m", "--no-on-demand", "--out", "m.copy:mjpeg@5", "--out", "m.small:mjpeg,320x180", "--frames", "64")

    def cat(self, ring, frames):
        reader = Reader(self.lib, ring)  # shmcat does not wait for rings
        reader.take(1)
        reader.close()
        result = self.run_tool("shmcat", ring, "--frames", frames)
        self.assertEqual(result.returncode, 0, result.err)
        return result.out

    def test_numbers_in_the_pictures_are_source_numbers_at_every_step(self):
        for name, width, height in (("m", 640, 360), ("m.copy", 640, 360), ("m.small", 320, 180)):
            reader = Reader(self.lib, name)
            frames = reader.take(10)
            reader.close()
            with self.subTest(name):
                numbers = rings.numbers_in_jpegs([frame.payload for frame in frames], width, height)
                self.assertEqual(numbers, [frame.source_number for frame in frames])
                self.assertEqual(numbers, sorted(set(numbers)))
        for name, width, height in (("s", 320, 180), ("g", 1280, 720), ("n", 640, 360)):
            reader = Reader(self.lib, name)
            frames = reader.take(10)
            reader.close()
            with self.subTest(name):
                self.assertEqual([rings.number_in(frame.payload, width, height) for frame in frames],
                                 [frame.source_number for frame in frames])

    @unittest.skipUnless(os.path.exists(tool("shmcat")), "shmcat is not built")
    def test_ffprobe_and_ffmpeg_read_what_shmcat_gives(self):
        mjpeg = self.cat("m", 20)
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "json",
                                "-f", "mjpeg", "-"], input=mjpeg, capture_output=True, timeout=60)
        self.assertEqual(probe.stderr, b"")
        self.assertEqual(json.loads(probe.stdout)["streams"], [{"codec_name": "mjpeg", "width": 640, "height": 360}])
        gray = rings.ffmpeg("-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough",
                            "-", input=mjpeg)
        self.assertEqual(len(gray), 20 * 640 * 360)
        y4m = self.cat("s", 20)
        gray = rings.ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode",
                            "passthrough", "-", input=y4m)
        size = 320 * 180
        self.assertEqual(len(gray), 20 * size)
        numbers = [rings.number_in(gray[i:i + size], 320, 180) for i in range(0, len(gray), size)]
        self.assertNotIn(None, numbers)
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_the_camera_is_killed_and_comes_again(self):
        reader = Reader(self.lib, "m")
        before = reader.take(3)[-1]
        camcap = self.running[0]
        camcap.process.kill()
        camcap.wait()
        reader.wait_state("no-signal")
        self.start("camcap", "test:", "cam0", "--size", "640x480", "--fps", "30")
        after = reader.next()
        while after.capture_ns <= before.capture_ns or not after.flags & rings.DISCONTINUITY:
            after = reader.next()
        reader.wait_state("live")
        frames = reader.take(5)
        numbers = rings.numbers_in_jpegs([frame.payload for frame in frames], 640, 360)
        self.assertEqual(numbers, [frame.source_number for frame in frames])
        reader.close()


if __name__ == "__main__":
    main()
