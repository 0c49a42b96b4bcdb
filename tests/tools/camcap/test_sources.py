"""camcap's sources: pattern, files, pipes, streams. Rings are looked at with shmstat, shmcat and FFmpeg."""
import os
import random
import re
import signal
import subprocess
import unittest

from camring_test import ToolTest, main, wait_for

FFMPEG = "/usr/bin/ffmpeg"


class Sources(ToolTest):
    def encode(self, name, *args, seconds=2, rate=25, size="320x240"):
        path = os.path.join(self.tmp, name)
        result = self.run_tool(FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i",
                               f"testsrc2=size={size}:rate={rate}", "-t", seconds, *args, path)
        self.assertEqual(result.returncode, 0, result.err)
        return path

    def packets(self, path, fmt=None):
        """The packets' MD5 of a file as FFmpeg sees them."""
        result = self.run_tool(FFMPEG, "-v", "error", *(["-f", fmt] if fmt else []), "-i", path, "-c", "copy", "-f",
                               "framemd5", "-")
        return [line.split(",")[-1].strip() for line in result.out.decode().splitlines() if not line.startswith("#")]

    def capture(self, *args, frames, ring="cam0"):
        """Starts shmcat first, then camcap: every frame of the source is seen. The bytes that shmcat wrote."""
        out = open(os.path.join(self.tmp, "out"), "wb")
        cat = self.start("shmcat", ring, "--wait", "--frames", frames, "--start", "oldest", stdout=out)
        camcap = self.start("camcap", *args)
        cat.wait()
        out.close()
        with open(out.name, "rb") as file:
            return camcap, file.read()

    def test_the_pattern_has_the_ordered_size_rate_and_format(self):
        self.start("camcap", "test:", "cam0", "--size", "640x360", "--fps", "50", "--format", "NV12")
        ring = self.wait_ring("cam0", 60)
        self.assertEqual((ring["codec"], ring["pixel_format"], ring["width"], ring["height"]), ("raw", "nv12", 640, 360))
        self.assertEqual(ring["nominal_fps"], 50)
        self.assertEqual(ring["source"], "test:")

    def test_count_ends_it_and_nothing_is_left(self):
        result = self.run_tool("camcap", "test:", "cam0", "--count", "10", "--fast")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("10 frames", result.err)
        self.assertEqual(os.listdir(self.dir), [])

    def test_mjpeg_passes_through_byte_by_byte(self):
        clip = self.encode("clip.avi", "-c:v", "mjpeg", "-q:v", "4")
        raw = os.path.join(self.tmp, "clip.mjpeg")
        self.run_tool(FFMPEG, "-v", "error", "-i", clip, "-c", "copy", "-f", "mjpeg", raw)
        _, data = self.capture("file:" + clip, "cam0", frames=40)
        with open(raw, "rb") as file:
            self.assertEqual(data, file.read(len(data)))
        self.assertGreater(len(data), 40000)

    def test_h264_of_an_mp4_passes_through_and_decodes(self):
        clip = self.encode("clip.mp4", "-c:v", "libx264", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p")
        _, data = self.capture("file:" + clip, "cam0", frames=40)
        out = os.path.join(self.tmp, "out.h264")
        with open(out, "wb") as file:
            file.write(data)
        decoded = self.run_tool(FFMPEG, "-v", "error", "-f", "h264", "-i", out, "-f", "framemd5", "-")
        self.assertEqual(decoded.err, "")
        original = self.run_tool(FFMPEG, "-v", "error", "-i", clip, "-f", "framemd5", "-")
        md5 = lambda result: [line.split(",")[-1] for line in result.out.decode().splitlines() if line[0] != "#"]
        self.assertEqual(md5(decoded), md5(original)[:40])

    def test_hevc_passes_through(self):
        clip = self.encode("clip.mkv", "-c:v", "libx265", "-x265-params", "log-level=none:keyint=10:bframes=0")
        self.start("camcap", "file:" + clip, "cam0", "--loop")
        self.assertEqual(self.wait_ring("cam0", 5)["codec"], "hevc")

    def test_other_codecs_are_decoded_and_decode_forces_it(self):
        mpeg4 = self.encode("a.avi", "-c:v", "mpeg4")
        mjpeg = self.encode("b.avi", "-c:v", "mjpeg")
        self.start("camcap", "file:" + mpeg4, "a", "--loop")
        self.start("camcap", "file:" + mjpeg, "b", "--loop", "--decode")
        self.start("camcap", "file:" + mjpeg, "c", "--loop", "--format", "NV12")
        self.assertEqual(self.wait_ring("a", 3)["codec"], "raw")
        self.assertEqual(self.wait_ring("b", 3)["codec"], "raw")
        self.assertEqual(self.wait_ring("c", 3)["pixel_format"], "nv12")

    def test_a_file_ends_with_0_and_loops_when_told(self):
        clip = self.encode("clip.avi", "-c:v", "mjpeg", seconds=1)
        result = self.run_tool("camcap", "file:" + clip, "cam0", "--fast")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("25 frames", result.err)
        looping = self.start("camcap", "file:" + clip, "cam0", "--loop")
        self.wait_ring("cam0", 40)
        self.assertEqual(looping.stop(), 0)

    def test_a_truncated_file_gives_what_is_there(self):
        clip = self.encode("clip.avi", "-c:v", "mjpeg", seconds=4)
        with open(clip, "r+b") as file:
            file.truncate(os.path.getsize(clip) * 2 // 3)
        result = self.run_tool("camcap", "file:" + clip, "cam0", "--fast")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertGreater(int(re.search(r"(\d+) frames", result.err).group(1)), 40)

    def test_a_jpeg_cut_in_the_middle_is_counted_and_the_stream_goes_on(self):
        clip = self.encode("clip.mjpeg", "-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", seconds=1)
        with open(clip, "rb") as file:
            pictures = [b"\xff\xd8" + part for part in file.read().split(b"\xff\xd8")[1:]]
        pictures[7] = pictures[7][:len(pictures[7]) // 2]
        result = self.run_tool("camcap", "-", "cam0", input=b"".join(pictures))
        self.assertEqual(result.returncode, 0, result.err)
        self.assertRegex(result.err, r"24 frames in [\d.]+ s, 1 dropped \(1 corrupt\)")

    def test_a_stream_that_changes_its_size_goes_on_in_a_new_generation(self):
        small = self.encode("small.mjpeg", "-c:v", "mjpeg", "-f", "mjpeg", seconds=1)
        large = self.encode("large.mjpeg", "-c:v", "mjpeg", "-f", "mjpeg", seconds=1, size="640x480")
        camcap = self.start("camcap", "-", "cam0", stdin=subprocess.PIPE)
        for path, width in ((small, 320), (large, 640), (small, 320)):
            with open(path, "rb") as file:
                camcap.process.stdin.write(file.read())
            camcap.process.stdin.flush()
            wait_for(f"width {width}", lambda: self.rings().get("cam0", {}).get("width") == width)
        camcap.process.stdin.close()
        self.assertEqual(camcap.wait(), 0)
        self.assertRegex(camcap.stderr, r"75 frames in [\d.]+ s, 0 dropped")

    def test_a_corrupt_file_does_not_end_it(self):
        clip = self.encode("clip.avi", "-c:v", "mjpeg", seconds=4)
        with open(clip, "r+b") as file:
            size = os.path.getsize(clip)
            for at in range(size // 4, size * 3 // 4, 3001):
                file.seek(at)
                file.write(random.Random(1).randbytes(40))
        result = self.run_tool("camcap", "file:" + clip, "cam0", "--fast")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertGreater(int(re.search(r"(\d+) frames", result.err).group(1)), 10)

    def test_y4m_mjpeg_and_h264_on_stdin(self):
        for kind, args, codec in (("y4m", ["-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"], "raw"),
                                  ("mjpeg", ["-c:v", "mjpeg", "-f", "mjpeg"], "mjpeg"),
                                  ("h264", ["-c:v", "libx264", "-g", "10", "-f", "h264"], "h264")):
            with self.subTest(kind=kind):
                clip = self.encode("clip." + kind, *args, seconds=2)
                copy = [] if kind == "y4m" else ["-c", "copy"]
                ffmpeg = subprocess.Popen([FFMPEG, "-v", "error", "-re", "-i", clip, *copy, *args[-2:], "-"],
                                          stdout=subprocess.PIPE)
                self.addCleanup(ffmpeg.wait)
                self.addCleanup(ffmpeg.stdout.close)
                camcap = self.start("camcap", "-", kind, stdin=ffmpeg.stdout)
                self.assertEqual(self.wait_ring(kind, 3)["codec"], codec)
                self.assertEqual(camcap.wait(), 0, camcap.stderr)

    def test_every_frame_of_a_pipe_is_taken(self):
        clip = self.encode("clip.y4m", "-f", "yuv4mpegpipe", seconds=4, size="64x48")
        with open(clip, "rb") as file:
            result = self.run_tool("camcap", "-", "cam0", input=file.read())
        self.assertIn("100 frames", result.err)

    def test_an_http_stream_is_connected_to_again(self):
        def serve():
            self.start("camcap", "test:", "src", "--fps", "25", "--size", "320x240")
            self.start("shmpub", "src", "--out", "src.mjpeg:mjpeg")
            self.wait_ring("src.mjpeg", 0)  # it encodes when somebody watches
        serve()
        server = self.start("mjpegserve", "src.mjpeg", "--listen", "0")
        url = re.search(r"http://[\d.:]+", server.wait_line("http://")).group(0)
        camcap = self.start("camcap", url + "/stream", "cam0", "--timeout", "2s")
        head = self.wait_ring("cam0", 10)["head"]
        self.assertEqual(self.rings()["cam0"]["codec"], "mjpeg")
        server.stop(signal.SIGKILL)
        camcap.wait_line("lost")
        self.start("mjpegserve", "src.mjpeg", "--listen", url.split("//")[1])
        self.wait_ring("cam0", head + 20)
        self.assertEqual(camcap.stop(), 0)

    def test_a_stream_that_is_lost_can_end_it_with_75_or_69(self):
        result = self.run_tool("camcap", "http://127.0.0.1:1/x", "cam0", "--exit-on-device-error", "--timeout", "1s")
        self.assertEqual(result.returncode, 69, result.err)

    def test_sigterm_ends_it_in_every_state(self):
        fifo = os.path.join(self.tmp, "fifo")
        os.mkfifo(fifo)
        keep = os.open(fifo, os.O_RDWR)
        for args, stdin in ((("test:", "a"), None), (("rtsp://127.0.0.1:1/x", "b"), None), (("-", "c"), keep)):
            with self.subTest(source=args[0]):
                camcap = self.start("camcap", *args, **({"stdin": stdin} if stdin is not None else {}))
                camcap.wait_orderly()
                if args[0] == "test:":
                    self.wait_ring("a")
                self.assertEqual(camcap.stop(signal.SIGTERM, 5), 0, camcap.stderr)
        os.close(keep)
        self.assertEqual(os.listdir(self.dir), [])

    def test_a_ring_can_be_for_everybody_or_nobody_else(self):
        self.start("camcap", "test:", "cam0", "--mode", "0600")
        self.wait_ring("cam0")
        self.assertEqual(os.stat(os.path.join(self.dir, "camring.cam0")).st_mode & 0o777, 0o600)

    def test_a_list_of_devices_is_json_lines(self):
        result = self.run_tool("camcap", "--list-devices", "--json")
        self.assertEqual(result.returncode, 0, result.err)
        self.assert_fails(66, "/dev/video99", "camcap", "--list-formats", "/dev/video99")


if __name__ == "__main__":
    main()
