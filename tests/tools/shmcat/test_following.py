"""shmcat when things come late, go away, change or hang: it follows, gives up as told, and never hangs with them."""
import fcntl
import os
import pty
import signal
import struct
import termios
import threading
import unittest

from camring_test import main, tool, wait_for

from feeds import HEIGHT, WIDTH, FeedTest, count_frames, numbers, rings


class Following(FeedTest):
    def cat_to_file(self, *args):
        """shmcat in the background with its output in a file; (running, path)."""
        path = os.path.join(self.tmp, "stream")
        with open(path, "wb") as file:
            return self.start("shmcat", "cam0", *args, stdout=file), path

    def wait_bytes(self, path, count):
        wait_for(f"{count} bytes in {path}", lambda: os.path.getsize(path) >= count)
        return os.path.getsize(path)

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_a_killed_writer_is_followed_to_the_next(self):
        first = self.camera()
        cat, path = self.cat_to_file("--frames", 60)
        before = self.wait_bytes(path, 5 * WIDTH * HEIGHT)
        first.stop(signal.SIGKILL)
        wait_for("the death", lambda: self.rings()["cam0"]["state"] == "dead")
        self.assertIsNone(cat.process.poll())
        self.camera()
        self.wait_bytes(path, before + 5 * WIDTH * HEIGHT)
        self.assertEqual(cat.wait(), 0, cat.stderr)
        with open(path, "rb") as file:
            stream = file.read()
        self.assertEqual(count_frames(stream), (60, "rawvideo"))
        self.assertNotIn(None, numbers(stream))

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_a_new_size_ends_y4m_with_code_65(self):
        for kind in ("y4m", "raw", "nut"):
            with self.subTest(kind):
                first = self.camera()
                cat, path = self.cat_to_file("--format", kind)
                self.wait_bytes(path, 3 * WIDTH * HEIGHT)
                first.stop(signal.SIGKILL)
                second = self.camera(size="640x480")
                self.assertEqual(cat.wait(), 65, cat.stderr)
                self.assertIn("640x480", cat.stderr)
                self.assertIn("start shmcat again", cat.stderr)
                with open(path, "rb") as file:
                    if kind != "raw":
                        self.assertNotIn(None, numbers(file.read()))
                second.stop()

    def test_a_new_codec_ends_the_stream_with_code_65(self):
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.publish(image, 1)
        cat, path = self.cat_to_file()
        self.wait_bytes(path, len(image))
        camera.reconfigure(rings.RAW, WIDTH, HEIGHT)
        camera.publish(rings.picture(WIDTH, HEIGHT, 2), 2)
        self.assertEqual(cat.wait(), 65, cat.stderr)
        self.assertIn("raw i420", cat.stderr)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), image)

    def test_jpeg_images_may_change_their_size(self):
        camera = self.feed(rings.MJPEG)
        cat, path = self.cat_to_file("--frames", 2)
        small, large = rings.jpegs(WIDTH, HEIGHT, [1])[0], rings.jpegs(640, 480, [2])[0]
        camera.publish(small, 1)
        self.wait_bytes(path, len(small))
        camera.reconfigure(rings.MJPEG, 640, 480)
        camera.publish(large, 2)
        self.assertEqual(cat.wait(), 0, cat.stderr)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), small + large)

    def test_a_ring_that_is_not_there_is_code_66_unless_awaited(self):
        self.assert_fails(66, "no such ring", "shmcat", "cam0")
        self.assert_fails(66, "100ms", "shmcat", "cam0", "--wait", "100ms")
        cat, path = self.cat_to_file("--wait", "--frames", 1)
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.publish(image, 1)
        self.assertEqual(cat.wait(), 0, cat.stderr)
        self.assertEqual(os.path.getsize(path), len(image))

    def test_a_ring_named_behind_wait_is_the_ring(self):
        with open(os.path.join(self.tmp, "out"), "wb") as out:
            cat = self.start("shmcat", "--frames", 1, "--wait", "cam0", stdout=out)
        cat.wait_orderly()
        self.start("camcap", "test:", "cam0", "--size", "320x240")
        self.assertEqual(cat.wait(), 0, cat.stderr)

    def test_waiting_for_a_ring_ends_with_a_signal(self):
        cat, _ = self.cat_to_file("--wait", "-v")
        wait_for("its signal handling", lambda: signal.SIGTERM in blocked_signals(cat.pid))
        self.assertEqual(cat.stop(), 0, cat.stderr)

    def test_until_end_ends_with_the_writer(self):
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.publish(image, 1)
        cat, path = self.cat_to_file("--until-end")
        self.wait_bytes(path, len(image))
        camera.close()
        self.assertEqual(cat.wait(), 0, cat.stderr)
        self.assertEqual(os.path.getsize(path), len(image))

    def test_stale_frames_are_not_fresh(self):
        camera = self.feed(rings.MJPEG)
        camera.publish(rings.jpegs(WIDTH, HEIGHT, [1])[0], 1)
        result = self.assert_fails(75, "no fresh frame in 200ms", "shmcat", "cam0", "--wait-fresh", "200ms")
        self.assertIn("shmstat cam0", result.err)
        self.assert_fails(75, "no fresh frame", "shmcat", "cam0", "--wait-fresh", "200ms", "--snapshot",
                          os.path.join(self.tmp, "shot.jpg"))
        self.assertEqual(os.listdir(self.tmp), [])

    def test_frames_that_come_but_were_captured_long_ago_are_not_fresh(self):
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.start_ns -= 3_600_000_000_000
        camera.publish(image, 0)
        done = threading.Event()

        def publish():
            number = 1
            while not done.wait(0.005):
                camera.publish(image, number)
                number += 1
        writer = threading.Thread(target=publish)
        writer.start()
        try:
            self.assert_fails(75, "no fresh frame", "shmcat", "cam0", "--wait-fresh", "300ms")
        finally:
            done.set()
            writer.join()

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_fresh_frames_come(self):
        self.camera()
        self.assertEqual(count_frames(self.cat("--wait-fresh", "20s", "--frames", 2)), (2, "rawvideo"))

    def test_a_damaged_ring_is_code_65(self):
        for content in (b"garbage", os.urandom(20000)):
            with open(os.path.join(self.dir, "camring.junk"), "wb") as file:
                file.write(content)
            self.assert_fails(65, "camring.junk", "shmcat", "junk")

    def test_a_ring_that_turns_into_garbage_is_told_once_and_waited_for(self):
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.publish(image, 1)
        cat, path = self.cat_to_file("--frames", 2)
        self.wait_bytes(path, len(image))
        camera.close()
        with open(os.path.join(self.dir, "camring.cam0"), "wb") as file:
            file.write(b"garbage")
        cat.wait_line("makes no sense")
        camera = self.feed(rings.MJPEG)
        camera.publish(image, 2)
        self.assertEqual(cat.wait(), 0, cat.stderr)
        self.assertEqual(os.path.getsize(path), 2 * len(image))
        self.assertEqual(len([line for line in cat.lines if "makes no sense" in line]), 1)

    def test_bad_words_are_code_64(self):
        self.assert_fails(64, "no ring named", "shmcat")
        self.assert_fails(64, "a/b", "shmcat", "a/b")
        self.assert_fails(64, "--start", "shmcat", "cam0", "--start", "tomorrow")
        self.assert_fails(64, "--wait-fresh", "shmcat", "cam0", "--wait-fresh", "2")
        self.assert_fails(64, "--wait", "shmcat", "cam0", "--wait", "soon")
        self.assert_fails(64, "--frames", "shmcat", "cam0", "--frames", "0")

    def test_a_terminal_gets_no_pictures(self):
        outer, inner = pty.openpty()
        try:
            cat = self.start("shmcat", "cam0", stdout=inner)
            self.assertEqual(cat.wait(), 64)
            self.assertIn("terminal", cat.stderr)
        finally:
            os.close(outer)
            os.close(inner)

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_a_reader_that_leaves_ends_it_quietly(self):
        self.camera()
        cat = self.start("shmcat", "cam0")
        self.assertTrue(cat.process.stdout.read(1000).startswith(b"YUV4MPEG2 "))
        cat.process.stdout.close()
        self.assertEqual(cat.wait(), 0)
        self.assertEqual(cat.stderr, "")

    def test_a_reader_that_leaves_a_silent_ring_ends_it_too(self):
        camera = self.feed(rings.MJPEG)
        image = rings.jpegs(WIDTH, HEIGHT, [1])[0]
        camera.publish(image, 1)
        cat = self.start("shmcat", "cam0")
        self.assertEqual(cat.process.stdout.read(len(image)), image)
        cat.process.stdout.close()
        self.assertEqual(cat.wait(), 0)
        self.assertEqual(cat.stderr, "")

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_a_blocked_pipe_does_not_keep_it_from_ending(self):
        self.camera()
        reading, writing = os.pipe()
        cat = self.start("shmcat", "cam0", stdout=writing)
        os.close(writing)
        wait_for("the pipe to fill", lambda: sleeps_in_poll(cat.pid, reading))
        self.assertEqual(cat.stop(), 0, cat.stderr)
        self.assertEqual(cat.stderr, "")
        os.close(reading)

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_behind_a_blocked_pipe_the_newest_frames_win(self):
        self.camera("cam0", "--frames", "4")
        cat = self.start("shmcat", "cam0", "-v", "--frames", 6)
        head = self.wait_ring("cam0", 1)["head"]
        ring = self.wait_ring("cam0", head + 60)  # longer than the ring holds
        self.assertLess(ring["held"], 40)
        stream = cat.process.stdout.read()
        self.assertEqual(cat.wait(), 0, cat.stderr)
        found = numbers(stream)
        self.assertEqual(found, sorted(set(found)))
        self.assertGreater(found[-1], head + 60 - ring["held"] - 1)
        missed = found[-1] - found[0] + 1 - len(found)
        self.assertIn(f"missed {missed} of {missed + 6} frames", cat.stderr)

    @unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
    def test_a_pipe_that_others_share_stays_a_blocking_one(self):
        self.camera()
        reading, writing = os.pipe()
        cat = self.start("shmcat", "cam0", stdout=writing)
        os.read(reading, 1)  # it writes, so it has set up its output
        self.assertIsNone(cat.process.poll())
        self.assertTrue(os.get_blocking(writing))
        os.close(reading)
        os.close(writing)


def blocked_signals(pid):
    with open(f"/proc/{pid}/status") as status:
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk:"))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def sleeps_in_poll(pid, reading):
    """Whether there are bytes in the pipe and the process waits."""
    waiting = struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, b"\0" * 4))[0]
    with open(f"/proc/{pid}/stat") as stat:
        state = stat.read().rpartition(")")[2].split()[0]
    return waiting >= 65536 and state == "S"


if __name__ == "__main__":
    main()
