"""shmpub from a pipe: any program is a camera; every frame is taken and the pipe waits."""
import os
import random
import signal
import subprocess
import threading
import time

import rings
from camring_test import ToolTest, main, tool, wait_for
from rings import Reader

WIDTH, HEIGHT = 320, 240


class FromPipe(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()
        self.readers = []

    def tearDown(self):
        for reader in self.readers:
            reader.close()
        super().tearDown()

    def reader(self, name):
        self.readers.append(Reader(self.lib, name))
        return self.readers[-1]

    def feed(self, chunks, *args, **kwargs):
        """Starts shmpub and writes the chunks to its stdin from another thread; closing is up to the test."""
        running = self.start("shmpub", "-", "--no-on-demand", *args, stdin=subprocess.PIPE, **kwargs)

        def write():
            try:
                for chunk in chunks:
                    running.process.stdin.write(chunk)
                running.process.stdin.flush()
            except BrokenPipeError:
                pass
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 30)
        return running

    def end(self, running):
        running.process.stdin.close()
        return running.wait()

    def test_every_frame_of_y4m_is_taken_in_order_and_the_ring_ends_with_the_stream(self):
        reader = self.reader("cam1")
        running = self.feed(rings.y4m(WIDTH, HEIGHT, range(100, 130)), "--out", "cam1:raw", "--out", "slow:raw@5",
                            "--frames", "64")
        slow = self.reader("slow")
        frames = reader.take(30)
        self.assertEqual([frame.payload for frame in frames], [rings.picture(WIDTH, HEIGHT, n) for n in range(100, 130)])
        self.assertEqual([frame.source_number for frame in frames], list(range(30)))
        self.assertTrue(all(frame.flags & rings.INFERRED for frame in frames))
        self.assertEqual([rings.number_in(f.payload, WIDTH, HEIGHT) for f in slow.take(5)], [100, 106, 112, 118, 124])
        self.assertEqual((reader.format.rate_num, reader.format.width), (30, WIDTH))
        self.assertEqual(self.end(running), 0)
        self.assertIn("cam1 30 frames, slow 5 frames; 0 dropped", running.stderr)
        self.assertEqual(os.listdir(self.dir), [])

    def test_mjpeg_on_the_pipe_passes_untouched(self):
        images = rings.jpegs(WIDTH, HEIGHT, range(20))
        reader = self.reader("cam1")
        running = self.feed([b"".join(images)], "--out", "cam1:mjpeg", "--out", "small:raw,160x120", "--frames", "64")
        small = self.reader("small")
        running.wait_line("ring small")
        frames = reader.take(20)  # the last as well, though the pipe stays open
        self.assertEqual([frame.payload for frame in frames], images)
        self.assertEqual([rings.number_in(f.payload, 160, 120) for f in small.take(20)], list(range(20)))
        self.assertEqual(reader.format.width, WIDTH)
        self.assertEqual(self.end(running), 0)
        self.assertIn("cam1 20 frames", running.stderr)

    def h264(self, numbers, *options):
        return rings.ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-g", "10",
                            *options, "-f", "h264", "-", input=b"".join(rings.y4m(WIDTH, HEIGHT, numbers)))

    def test_h264_is_decoded_in_order_with_and_without_b_frames(self):
        for name, options in (("live", ("-tune", "zerolatency")), ("film", ("-bf", "2"))):
            with self.subTest(name):
                reader = self.reader(name)
                running = self.feed([self.h264(range(40), *options)], "--out", name + ":raw,gray8", "--frames", "64")
                frames = reader.take(30)
                numbers = [rings.number_in(f.payload, WIDTH, HEIGHT) for f in frames]
                self.assertEqual(numbers, list(range(30)))
                # What the decoder still held when the stream ended comes too.
                running.process.stdin.close()
                frames += reader.take(10)
                self.assertEqual([rings.number_in(f.payload, WIDTH, HEIGHT) for f in frames[30:]], list(range(30, 40)))
                self.assertEqual([frame.source_number for frame in frames], list(range(40)))
                times = [frame.capture_ns for frame in frames]
                self.assertEqual(times, sorted(times))
                self.assertEqual(running.wait(), 0)

    def test_a_piped_streams_header_and_changes_are_in_the_ring(self):
        """Nothing is decoded: the parameter sets alone tell size and header."""
        reader = self.reader("same")
        running = self.feed([self.h264(range(10), "-tune", "zerolatency")], "--out", "same:h264")
        frames = reader.take(8)
        first = reader.format
        self.assertEqual((first.width, first.height), (WIDTH, HEIGHT))
        sets = bytes(first.extradata[:first.extradata_bytes])
        self.assertIn(b"\x00\x00\x01\x67", sets)
        self.assertIn(sets[4:sets.index(b"\x00\x00\x01\x68") - 1], frames[0].payload)
        second = rings.ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-c:v", "libx264", "-tune", "zerolatency", "-f", "h264", "-",
                              input=b"".join(rings.y4m(160, 120, range(10))))
        running.process.stdin.write(second)
        running.process.stdin.flush()
        wait_for("the new size", lambda: reader.next(0.05) and reader.format.width == 160)
        self.assertNotEqual(bytes(reader.format.extradata[:reader.format.extradata_bytes]), sets)
        self.assertEqual(self.end(running), 0)

    def test_damaged_h264_is_counted_and_the_stream_goes_on(self):
        stream = bytearray(self.h264(range(60), "-tune", "zerolatency"))
        third = len(stream) // 3
        stream[third:third + 400] = random.Random(1).randbytes(400)
        reader = self.reader("cam1")
        running = self.feed([bytes(stream)], "--out", "cam1:raw,gray8", "--frames", "64")
        last = None
        while last is None or last < 50:
            last = rings.number_in(reader.next().payload, WIDTH, HEIGHT) or last
        self.assertEqual(self.end(running), 0)

    def test_the_pipe_waits_and_outputs_live_while_it_gives_nothing(self):
        reader = self.reader("cam1")
        running = self.feed(rings.y4m(WIDTH, HEIGHT, range(3)), "--out", "cam1:raw")
        reader.take(3)
        end = time.monotonic() + 2.5  # a writer without heart-beats is called stalled after one second
        while time.monotonic() < end:
            reader.next(0.05)
            self.assertEqual(reader.state, "live")
        running.process.stdin.write(b"FRAME\n" + rings.picture(WIDTH, HEIGHT, 3))
        running.process.stdin.flush()
        self.assertEqual(rings.number_in(reader.next().payload, WIDTH, HEIGHT), 3)
        self.assertEqual(self.end(running), 0)

    def test_a_stop_is_obeyed_while_the_pipe_gives_nothing(self):
        for chunks, line in (([], "reading stdin"), ([b"YUV4"], "reading stdin"),
                             (rings.y4m(WIDTH, HEIGHT, range(3)), "ring cam1")):
            running = self.feed(chunks, "--out", "cam1:raw", "-v")
            running.wait_line(line)
            self.assertEqual(running.stop(signal.SIGTERM), 0)
            running.process.stdin.close()

    def test_what_is_no_video_is_65(self):
        for bad in (b"", b"garbage\n" * 1000, b"YUV4MPEG2 W0 H0 F30:1\n", b"YUV4MPEG2 W320 H240 F30:1 C420p10\nFRAME\n",
                    b"YUV4MPEG2 W320 H240 F30:1 C420\n", b"YUV4MPEG2 W320 H240 F30:1 C420\nFRAME\nshort"):
            with self.subTest(bad=bad[:60]):
                self.assert_fails(65, "read stdin", "shmpub", "-", "--out", "cam1:raw", "-q", input=bad)

    def test_a_stream_that_breaks_is_65_and_its_good_frames_were_published(self):
        data = b"".join(rings.y4m(WIDTH, HEIGHT, range(3))) + b"JUNKJUNKJUNK" + b"".join(rings.y4m(WIDTH, HEIGHT, [3]))
        result = self.run_tool("shmpub", "-", "--out", "cam1:raw", input=data)
        self.assertEqual(result.returncode, 65)
        self.assertIn("broken behind frame 3", result.err)

    def test_a_terminal_is_refused(self):
        master, slave = os.openpty()
        try:
            running = self.start("shmpub", "-", "--no-on-demand", "--out", "cam1:raw", stdin=slave)
            self.assertEqual(running.wait(), 64)
            self.assertIn("it is a terminal", running.stderr)
        finally:
            os.close(master)
            os.close(slave)

    def test_a_full_directory_is_71_and_says_what_is_needed(self):
        small = os.path.join(self.tmp, "small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", small], capture_output=True).returncode:
            self.skipTest("mounting a small tmpfs needs root")
        try:
            data = b"".join(rings.y4m(1280, 720, [0]))
            result = self.run_tool("shmpub", "-", "--out", "cam1:raw", input=data, env={"CAMRING_DIR": small})
            self.assertEqual(result.returncode, 71, result.err)
            self.assertRegex(result.err, r"'cam1': it needs .* MB, .* has .* free")
        finally:
            subprocess.run(["umount", small], check=True)

    def test_outputs_of_one_are_sources_of_another(self):
        self.feed(rings.y4m(WIDTH, HEIGHT, range(10)), "--out", "cam1:raw", "--frames", "64")
        self.reader("cam1").take(10)
        self.start("shmpub", "cam1", "--no-on-demand", "--out", "cam1.j:mjpeg", "--out", "cam1.s:raw,gray8,160x120")
        self.assertEqual(rings.numbers_in_jpegs([self.reader("cam1.j").next().payload], WIDTH, HEIGHT), [9])
        frame = self.reader("cam1.s").next()
        self.assertEqual((rings.number_in(frame.payload, 160, 120), frame.source_number), (9, 9))


if __name__ == "__main__":
    main()
