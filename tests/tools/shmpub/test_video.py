"""shmpub's H.264 and HEVC: right for decoders that nobody here wrote, frame by frame, and only while somebody reads."""
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import rings
from camring_test import BUILD, SOURCE, ToolTest, main, tool, wait_for
from rings import Reader

SECOND = 1_000_000_000


def decode(stream, codec, width, height):
    """Luma planes of an Annex B stream, by ffmpeg, which must not complain."""
    gray = rings.ffmpeg("-f", codec, "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-",
                        input=stream)
    size = width * height
    return [gray[i:i + size] for i in range(0, len(gray), size)]


def probe(stream, codec, entries):
    result = subprocess.run(["ffprobe", "-v", "error", "-f", codec, "-show_entries", entries, "-of", "json", "-"],
                            input=stream, capture_output=True, timeout=60, check=True)
    return json.loads(result.stdout)


class VideoTest(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()

    def frames(self, ring, count):
        """`count` frames in order from a keyframe on, none missing."""
        reader = Reader(self.lib, ring, label=b"test")
        frames = [reader.next()]
        while not frames[0].flags & rings.KEYFRAME:
            frames = [reader.next()]
        frames += reader.take(count - 1)
        reader.close()
        self.assertEqual([frame.number for frame in frames],
                         list(range(frames[0].number, frames[0].number + count)))
        return frames


class FromCamera(VideoTest):
    def camera(self, *outputs, size="640x360", options=()):
        self.start("camcap", "test:", "cam0", "--size", size, "--fps", "30")
        orders = itertools.chain.from_iterable(("--out", output) for output in outputs)
        return self.start("shmpub", "cam0", "--frames", "64", *options, *orders)

    def test_every_picture_is_the_one_that_its_number_says(self):
        self.camera("high:h264,2M", "small:h264,320x180@10,300k", "new:hevc,640x360,1M", "nv:h264,nv12,500k")
        for ring, codec, width, height in (("high", "h264", 640, 360), ("small", "h264", 320, 180),
                                           ("new", "hevc", 640, 360), ("nv", "h264", 640, 360)):
            with self.subTest(ring):
                self.wait_ring(ring, 0)
                frames = self.frames(ring, 40)
                pictures = decode(b"".join(frame.payload for frame in frames), codec, width, height)
                self.assertEqual([rings.number_in(picture, width, height) for picture in pictures],
                                 [frame.source_number for frame in frames])

    def test_sources_that_no_ring_could_hold_raw_are_brought_to_eight_bits(self):
        for pixels in ("yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p"):
            with self.subTest(pixels):
                clip = os.path.join(self.tmp, pixels + ".mkv")
                rings.ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-pix_fmt", pixels, "-c:v", "libx264", "-preset",
                             "ultrafast", "-crf", "10", "-y", clip,
                             input=b"".join(rings.y4m(320, 240, range(60))))
                name = pixels + ".in"
                self.start("camcap", "file:" + clip, name, "--loop")
                self.start("shmpub", name, "--no-on-demand", "--out", pixels + ".raw:raw,i420")
                self.wait_ring(pixels + ".raw", 10)
                reader = Reader(self.lib, pixels + ".raw")
                original = rings.picture(320, 240, 0)
                for frame in reader.take(5):
                    luma = frame.payload[:320 * 240]
                    number = rings.number_in(luma, 320, 240)
                    self.assertIsNotNone(number)
                    original = rings.picture(320, 240, number)
                    worst = max(abs(a - b) for a, b in zip(luma[320 * 60::7], original[320 * 60:320 * 240:7]))
                    self.assertLess(worst, 16)
                reader.close()

    def test_nothing_is_reordered_and_ffprobe_knows(self):
        self.camera("high:h264", "new:hevc")
        for ring, codec in (("high", "h264"), ("new", "hevc")):
            with self.subTest(ring):
                self.wait_ring(ring, 0)
                stream = b"".join(frame.payload for frame in self.frames(ring, 35))
                seen = probe(stream, codec, "stream=has_b_frames,width,height:frame=pict_type")
                self.assertEqual(seen["streams"], [{"width": 640, "height": 360, "has_b_frames": 0}])
                self.assertEqual({frame["pict_type"] for frame in seen["frames"]}, {"I", "P"})

    def test_the_header_holds_the_parameter_sets_and_so_does_every_keyframe(self):
        self.camera("high:h264")
        self.wait_ring("high", 0)
        reader = Reader(self.lib, "high", label=b"test")
        first = reader.next()
        form = reader.format
        extradata = bytes(form.extradata[:form.extradata_bytes])
        self.assertEqual(extradata[:5], b"\0\0\0\1\x67")
        keyframes = [frame for frame in [first, *reader.take(40)] if frame.flags & rings.KEYFRAME]
        self.assertGreaterEqual(len(keyframes), 2)
        for frame in keyframes:
            self.assertTrue(frame.payload.startswith(extradata))

    def test_keyframes_come_by_capture_time(self):
        self.camera("high:h264@15", options=("--gop", "400ms"))
        self.wait_ring("high", 0)
        keys = [frame.capture_ns for frame in self.frames("high", 40) if frame.flags & rings.KEYFRAME]
        for earlier, later in itertools.pairwise(keys):
            self.assertAlmostEqual(later - earlier, 0.4 * SECOND, delta=0.07 * SECOND)

    def test_who_comes_gets_a_keyframe_first_and_who_goes_ends_the_work(self):
        self.camera("high:h264", "slow:mjpeg@1", options=("--gop", "1h"))
        self.wait_ring("high", 0)
        for _ in range(2):
            reader = Reader(self.lib, "high", label=b"test")
            frame = reader.next()
            self.assertTrue(frame.flags & rings.KEYFRAME)
            self.assertFalse(any(frame.flags & rings.KEYFRAME for frame in reader.take(10)))
            reader.close()

            def idle():
                seen = self.rings()["high"]
                return seen["consumers"] == [] and seen["head"] == self.rings()["high"]["head"]
            wait_for("the end of encoding", idle)
        self.assertEqual(self.rings()["slow"]["head"], 0)

    def test_a_low_rate_does_not_keep_who_comes_waiting(self):
        self.camera("slow:mjpeg@0.1")
        self.wait_ring("slow", 0)
        numbers = []
        for _ in range(2):
            reader = Reader(self.lib, "slow", start=1, label=b"test")
            frame = reader.next(5)  # the grid of a frame in ten seconds would keep the second one
            self.assertIsNotNone(frame)
            numbers.append(frame.source_number)
            reader.close()
            wait_for("the end of demand", lambda: self.rings()["slow"]["consumers"] == [])
            source = Reader(self.lib, "cam0", start=1)
            source.take(15)  # enough for the publisher to see that nobody is there
            source.close()
        self.assertLess(numbers[0], numbers[1])

    def test_without_on_demand_frames_come_unasked(self):
        self.camera("high:h264", options=("--no-on-demand",))
        self.wait_ring("high", 3)

    def test_an_encoder_that_is_not_there_is_69_and_says_what_it_needs(self):
        self.start("camcap", "test:", "cam0", "--size", "320x240")
        self.wait_ring("cam0")
        result = self.assert_fails(69, "openh264: this FFmpeg is built without it", "shmpub", "cam0", "--out", "x:h264",
                                   "--encoder", "openh264", "-q")
        self.assertIn("--list-encoders", result.err)

    def test_list_encoders_tells_what_works(self):
        result = self.run_tool("shmpub", "--list-encoders")
        self.assertEqual((result.returncode, result.err), (0, ""))
        lines = result.out.decode().splitlines()
        self.assertTrue(any(re.match(r"h264 +x264 +software +works$", line) for line in lines), lines)
        self.assertTrue(all(re.search(r" (works|no: .+)$", line) for line in lines), lines)

    def test_a_camera_of_another_size_is_followed(self):
        self.camera("high:h264", "fixed:h264,320x180")
        for ring in ("high", "fixed"):
            self.wait_ring(ring, 0)
        high, fixed = Reader(self.lib, "high", label=b"test"), Reader(self.lib, "fixed", label=b"test")
        high.take(2), fixed.take(2)
        camcap = self.running[0]
        camcap.process.kill()
        camcap.wait()
        self.start("camcap", "test:", "cam0", "--size", "320x240", "--fps", "30")
        for reader, width, height in ((high, 320, 240), (fixed, 320, 180)):
            frame = reader.next()
            while not frame.flags & rings.DISCONTINUITY:
                frame = reader.next()
            self.assertTrue(frame.flags & rings.KEYFRAME)
            self.assertEqual((reader.format.width, reader.format.height), (width, height))
            frames = [frame, *reader.take(5)]
            pictures = decode(b"".join(one.payload for one in frames), "h264", width, height)
            self.assertEqual([rings.number_in(picture, width, height) for picture in pictures],
                             [one.source_number for one in frames])
            reader.close()


class PipeTest(VideoTest):
    def through(self, stream, count, *outputs):
        """Pipes a stream through shmpub; what came out of the first output."""
        orders = itertools.chain.from_iterable(("--out", output) for output in outputs)
        running = self.start("shmpub", "-", "--no-on-demand", "--frames", "256", *orders, stdin=subprocess.PIPE)

        reader = Reader(self.lib, outputs[0].split(":")[0], start=2)  # there before the ring is: it sees all
        taken = threading.Event()

        def feed():
            with running.process.stdin as pipe:
                pipe.write(stream)
                pipe.flush()
                taken.wait(60)  # the ring goes with its writer
        thread = threading.Thread(target=feed)
        thread.start()
        try:
            frames = reader.take(count)
        finally:
            taken.set()
            thread.join()
        reader.close()
        self.assertEqual(running.wait(), 0, running.stderr)
        return frames, running


class FromStreams(PipeTest):
    def encode(self, *options, frames=45, size="320x240"):
        """An Annex B stream of the test pattern by ffmpeg's encoder."""
        return rings.ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=15:d={frames / 15}", "-c:v", "libx264", *options,
                            "-f", "h264", "-")

    def test_a_cameras_own_stream_is_passed_on_with_the_promise_that_it_keeps(self):
        stream = self.encode("-preset", "veryfast", "-profile:v", "main", "-bf", "0", "-g", "10", "-bsf:v",
                             "filter_units=remove_types=6")
        frames, running = self.through(stream, 40, "same:h264")
        self.assertTrue(any("its bytes untouched" in line for line in running.stderr.splitlines()))
        out = b"".join(frame.payload for frame in frames)
        seen = probe(out, "h264", "stream=has_b_frames:frame=pict_type")
        self.assertEqual(seen["streams"], [{"has_b_frames": 0}])
        self.assertEqual(decode(out, "h264", 320, 240), decode(stream, "h264", 320, 240)[:len(frames)])

    def test_a_stream_with_b_pictures_is_passed_on_as_it_is(self):
        stream = self.encode("-preset", "veryfast", "-bf", "2", "-g", "15")
        frames, _ = self.through(stream, 40, "same:h264")
        out = b"".join(frame.payload for frame in frames)
        self.assertTrue(stream.startswith(out))

    def test_a_bit_rate_means_encoding_anew(self):
        stream = self.encode("-bf", "0", "-g", "15")
        frames, running = self.through(stream, 40, "less:h264,100k")
        self.assertFalse(any("its bytes untouched" in line for line in running.stderr.splitlines()))
        self.assertEqual(len(decode(b"".join(frame.payload for frame in frames), "h264", 320, 240)), 40)

    def test_a_lower_rate_means_encoding_anew(self):
        path = os.path.join(self.tmp, "film.mp4")
        rings.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=15:d=4", "-c:v", "libx264", "-bf", "0", "-g", "15", path)
        self.start("camcap", path, "cam0", "--loop")
        self.start("shmpub", "cam0", "--out", "less:h264@5", "--out", "same:h264")
        self.wait_ring("less", 0)
        frames = self.frames("less", 8)
        for earlier, later in itertools.pairwise(frames):
            self.assertAlmostEqual(later.capture_ns - earlier.capture_ns, SECOND / 5, delta=SECOND / 20)
        self.assertEqual(len(decode(b"".join(frame.payload for frame in frames), "h264", 320, 240)), 8)
        self.assertEqual(len(decode(b"".join(frame.payload for frame in self.frames("same", 20)), "h264", 320, 240)), 20)

    def test_a_publisher_that_was_stopped_goes_on_at_a_fresh_keyframe(self):
        path = os.path.join(self.tmp, "film.mp4")
        rings.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=15:d=4", "-c:v", "libx264", "-bf", "0", "-g", "15", path)
        self.start("camcap", path, "cam0", "--loop")
        publisher = self.start("shmpub", "cam0", "--out", "gray:raw,gray8")
        self.wait_ring("gray", 3)
        reader = Reader(self.lib, "gray", start=1)
        last = reader.take(3)[-1]
        publisher.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        publisher.process.send_signal(signal.SIGCONT)
        after = next(frame for frame in reader.take(60) if frame.source_number > last.source_number + 5)
        # Of the 45 frames in between none is shown but those that may have been taken before the stop.
        self.assertGreater(after.source_number, last.source_number + 30)
        reader.close()

    def test_damage_in_the_source_is_survived_and_counted(self):
        stream = bytearray(self.encode("-bf", "0", "-g", "15", frames=60))
        for at in range(len(stream) // 3, len(stream) // 2, 97):
            stream[at] ^= 0x55
        frames, running = self.through(bytes(stream), 40, "again:h264,500k")
        self.assertEqual(len(decode(b"".join(frame.payload for frame in frames), "h264", 320, 240)), 40)


def footage():
    directory = os.environ.get("CAMRING_TEST_FOOTAGE") or os.path.join(os.path.dirname(BUILD), "footage")
    made = subprocess.run([os.path.join(SOURCE, "scripts", "test-data"), directory], capture_output=True, text=True)
    return (directory, "") if made.returncode == 0 else (None, made.stderr.strip())


class Quality(PipeTest):
    FRAMES = 80
    # dB of luma over a street, 768x576 at 10 frames a second, at the fastest setting of the software encoders.
    PRESETS = {"h264,low": 33.5, "h264,medium": 42.0, "h264,high": 50.0, "hevc,low": 34.5, "hevc,medium": 43.0,
               "mjpeg,q80": 36.0}

    def test_real_footage_keeps_its_quality_at_every_preset(self):
        directory, reason = footage()
        if directory is None:
            self.skipTest(reason)
        source = os.path.join(self.tmp, "source.y4m")
        rings.ffmpeg("-i", os.path.join(directory, "vtest.avi"), "-frames:v", self.FRAMES + 5, "-pix_fmt", "yuv420p", "-y",
                     source)
        for order, least in self.PRESETS.items():
            with self.subTest(order), open(source, "rb") as video:
                ring = "q" + re.sub("[^a-z0-9]", "", order)
                frames, _ = self.through(video.read(), self.FRAMES, f"{ring}:{order}")
                coded = os.path.join(self.tmp, ring)
                with open(coded, "wb") as file:
                    file.write(b"".join(frame.payload for frame in frames))
                result = subprocess.run(["ffmpeg", "-v", "info", "-nostdin", "-f", order.split(",")[0], "-i", coded, "-i",
                                         source, "-lavfi", "[0:v]settb=1/10,setpts=N,format=yuv420p[a];[1:v]settb=1/10,"
                                         "setpts=N[b];[a][b]psnr=shortest=1", "-f", "null", "-"], capture_output=True,
                                        text=True, timeout=100)
                psnr = float(re.search(r"PSNR y:([\d.]+)", result.stderr).group(1))
                print(f"{order}: {psnr:.1f} dB", file=sys.stderr)
                self.assertGreaterEqual(psnr, least)


if __name__ == "__main__":
    main()
