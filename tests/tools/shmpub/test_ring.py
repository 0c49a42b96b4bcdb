"""shmpub from a ring: what it publishes is what the camera wrote, whatever happens to either."""
import os
import signal
import time

import rings
from camring_test import ToolTest, main, wait_for
from rings import CORRUPT, DISCONTINUITY, KEYFRAME, PLACEHOLDER, Camera, Reader

WIDTH, HEIGHT = 640, 480


class FromRing(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir  # for the library in this process
        self.lib = rings.library()
        self.open = []

    def tearDown(self):
        for thing in self.open:
            thing.close()
        super().tearDown()

    def camera(self, *args, **kwargs):
        self.open.append(Camera(self.lib, *args, **kwargs))
        return self.open[-1]

    def reader(self, name, **kwargs):
        self.open.append(Reader(self.lib, name, **kwargs))
        return self.open[-1]

    def publish_in_step(self, camera, payloads, reader, first=0):
        """Publishes one frame after the other, each when the reader has had the one before."""
        frames = []
        for number, payload in enumerate(payloads, first):
            capture = camera.publish(payload, number)
            frames.append(reader.next())
            self.assertEqual(frames[-1].source_number, number)
            self.assertEqual(frames[-1].capture_ns, capture)
            self.assertEqual(frames[-1].source_capture_ns, capture - 5)
        return frames

    def test_numbers_in_the_pictures_are_the_source_numbers_from_raw(self):
        camera = self.camera("cam0", rings.RAW, WIDTH, HEIGHT)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "j:mjpeg,q90", "--out", "s:raw,gray8,320x240", "--out",
                   "c:raw,rgb24,480x360", "--out", "t:mjpeg,160x120,q95", "--frames", "64")
        readers = {name: self.reader(name) for name in "jsct"}
        payloads = [rings.picture(WIDTH, HEIGHT, number) for number in range(20)]
        images = self.publish_in_step(camera, payloads, readers["j"])
        others = {name: readers[name].take(20) for name in "sct"}
        for frames in others.values():
            self.assertEqual([frame.source_number for frame in frames], list(range(20)))
            self.assertEqual([frame.capture_ns for frame in frames], [frame.capture_ns for frame in images])
        self.assertEqual(rings.numbers_in_jpegs([f.payload for f in images], WIDTH, HEIGHT), list(range(20)))
        self.assertEqual(rings.numbers_in_jpegs([f.payload for f in others["t"]], 160, 120), list(range(20)))
        self.assertEqual([rings.number_in(f.payload, 320, 240) for f in others["s"]], list(range(20)))
        self.assertEqual([rings.number_in(f.payload, 480, 360, step=3) for f in others["c"]], list(range(20)))
        self.assertEqual(readers["j"].format.colour_range, 2)

    def test_mjpeg_bytes_pass_untouched_and_others_are_made_from_them(self):
        camera = self.camera("cam0", rings.MJPEG, WIDTH, HEIGHT)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "same:mjpeg", "--out", "again:mjpeg,q70", "--out", "small:raw,320x240",
                   "--frames", "64")
        same, again, small = (self.reader(name) for name in ("same", "again", "small"))
        payloads = rings.jpegs(WIDTH, HEIGHT, range(15))
        frames = self.publish_in_step(camera, payloads, same)
        self.assertEqual([frame.payload for frame in frames], payloads)
        self.assertEqual(rings.numbers_in_jpegs([f.payload for f in again.take(15)], WIDTH, HEIGHT), list(range(15)))
        self.assertEqual([rings.number_in(f.payload, 320, 240) for f in small.take(15)], list(range(15)))
        self.assertEqual(small.format.colour_range, 2)

    def test_h264_is_decoded_in_order_and_begins_at_a_keyframe(self):
        stream = rings.ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-c:v", "libx264", "-tune", "zerolatency", "-g", "10",
                              "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "-",
                              input=b"".join(rings.y4m(320, 240, range(40))))
        mark = b"\0\0\0\1\x09"
        units = [mark + rest for rest in stream.split(mark)[1:]]
        keys = [b"\0\0\1\x65" in unit or b"\0\0\0\1\x65" in unit for unit in units]
        self.assertEqual([n for n, key in enumerate(keys) if key], [0, 10, 20, 30])
        camera = self.camera("cam0", rings.H264, 320, 240)
        for n in range(5, 20):  # there before shmpub is; it begins at the newest keyframe
            camera.publish(units[n], n, KEYFRAME if keys[n] else 0)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "gray:raw,gray8", "--out", "j:mjpeg,160x120@15", "--frames", "64")
        gray, slow = self.reader("gray"), self.reader("j")
        frames = gray.take(10)
        for n in range(20, 40):
            camera.publish(units[n], n, KEYFRAME if keys[n] else 0)
        frames += gray.take(20)
        self.assertEqual([frame.source_number for frame in frames], list(range(10, 40)))
        self.assertEqual([rings.number_in(f.payload, 320, 240) for f in frames], list(range(10, 40)))
        self.assertTrue(all(frame.flags & KEYFRAME for frame in frames))
        self.assertEqual([frame.source_number for frame in slow.take(15)], list(range(10, 40, 2)))

    def test_a_corrupt_and_a_cut_jpeg_are_skipped_and_the_stream_goes_on(self):
        camera = self.camera("cam0", rings.MJPEG, WIDTH, HEIGHT)
        shmpub = self.start("shmpub", "cam0", "--no-on-demand", "--out", "same:mjpeg", "--out", "small:mjpeg,320x240", "--frames", "64")
        same, small = self.reader("same"), self.reader("small")
        images = rings.jpegs(WIDTH, HEIGHT, range(6))
        camera.publish(images[0], 0)
        self.assertEqual(small.next().source_number, 0)
        camera.publish(images[1][:len(images[1]) // 2], 1)
        camera.publish(images[2], 2)
        self.assertEqual(small.next().source_number, 2)
        camera.publish(b"\xff\xd8\xff\xe0\x00\x04\x01\x02\xff\xd9", 3)
        camera.publish(b"no picture at all", 4)
        middle = len(images[5]) // 2
        camera.publish(images[5][:middle] + images[5][-2:], 5)
        damaged = small.next()
        self.assertEqual((damaged.source_number, damaged.flags & CORRUPT), (5, CORRUPT))
        self.assertNotIn(1, [frame.source_number for frame in same.take(3)])
        self.assertEqual(shmpub.stop(), 0)
        # The newest wins: a bad frame may also have been passed over before anybody looked at it.
        self.assertRegex(shmpub.stderr, r"small 3 frames; [1-3] dropped \(")

    def test_a_source_that_changes_its_format_is_followed_and_the_change_is_flagged(self):
        camera = self.camera("cam0", rings.RAW, WIDTH, HEIGHT)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "own:raw", "--out", "fixed:mjpeg,320x240", "--frames", "64")
        own, fixed = self.reader("own"), self.reader("fixed")
        self.publish_in_step(camera, [rings.picture(WIDTH, HEIGHT, n) for n in range(3)], own)
        self.assertEqual((own.format.width, own.format.height), (WIDTH, HEIGHT))
        camera.reconfigure(rings.MJPEG, 320, 240)
        frames = self.publish_in_step(camera, rings.jpegs(320, 240, range(3, 6)), own, first=3)
        self.assertEqual([frame.flags & DISCONTINUITY for frame in frames], [DISCONTINUITY, 0, 0])
        self.assertEqual((own.format.width, own.format.height), (320, 240))
        self.assertEqual([rings.number_in(f.payload, 320, 240) for f in frames], [3, 4, 5])
        self.assertEqual(rings.numbers_in_jpegs([f.payload for f in fixed.take(6)], 320, 240), list(range(6)))

    def test_a_writer_that_goes_is_told_to_readers_and_its_successor_is_followed(self):
        camera = self.camera("cam0", rings.RAW, 320, 240)
        shmpub = self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:mjpeg")
        out = self.reader("out")
        self.publish_in_step(camera, [rings.picture(320, 240, 0)], out)
        self.assertEqual(out.state, "live")
        camera.close()
        self.open.remove(camera)
        out.wait_state("no-signal")
        shmpub.wait_line("the writer of ring 'cam0' has ended; waiting for it")
        camera = self.camera("cam0", rings.RAW, 320, 240)
        capture = camera.publish(rings.picture(320, 240, 77), 77)
        frame = out.next()
        self.assertEqual((frame.source_number, frame.capture_ns), (77, capture))
        self.assertTrue(frame.flags & DISCONTINUITY)
        out.wait_state("live")
        shmpub.wait_line("frames come again from cam0")
        self.assertEqual(shmpub.stop(), 0)
        self.assertEqual(shmpub.stderr.count("waiting for it"), 1)

    def test_a_missing_source_is_waited_for_and_said_once(self):
        shmpub = self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:raw")
        shmpub.wait_line("ring 'cam0' is not there; waiting for it")
        camera = self.camera("cam0", rings.RAW, 320, 240)
        camera.publish(rings.picture(320, 240, 5), 5)
        self.assertEqual(self.reader("out").next().payload, rings.picture(320, 240, 5))
        self.assertEqual(shmpub.stop(), 0)

    def test_a_missing_source_does_not_keep_it_from_stopping(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            shmpub = self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:raw")
            shmpub.wait_line("waiting for it")
            self.assertEqual(shmpub.stop(sig), 0)
        self.assertEqual(os.listdir(self.dir), [])

    def test_placeholders_keep_their_flag_and_mean_no_signal(self):
        camera = self.camera("cam0", rings.RAW, 320, 240)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:mjpeg")
        out = self.reader("out")
        camera.publish(rings.picture(320, 240, 0), 0, KEYFRAME | PLACEHOLDER)
        self.assertTrue(out.next().flags & PLACEHOLDER)

    def test_a_rate_is_kept_on_the_source_clock(self):
        camera = self.camera("cam0", rings.RAW, 320, 240)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "all:raw", "--out", "slow:raw@5", "--frames", "64")
        every, slow = self.reader("all"), self.reader("slow")
        payload = rings.picture(320, 240, 0)
        self.publish_in_step(camera, [payload] * 61, every)
        self.assertEqual([frame.source_number for frame in slow.take(11)], list(range(0, 61, 6)))
        self.assertEqual((slow.format.rate_num, slow.format.rate_den), (5, 1))

    def test_the_second_writer_of_a_name_ends_with_the_pid_of_the_first(self):
        camera = self.camera("cam0", rings.RAW, 320, 240)
        camera.publish(rings.picture(320, 240, 0), 0)
        first = self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:raw")
        self.reader("out").next()
        self.assert_fails(75, str(first.pid), "shmpub", "cam0", "--out", "out:mjpeg")

    def test_shmpub_is_a_consumer_of_its_source_and_on_demand_only_while_it_is_read(self):
        camera = self.camera("cam0", rings.RAW, 320, 240)
        payload = rings.picture(320, 240, 0)
        camera.publish(payload, 0)
        self.start("shmpub", "cam0", "--out", "out:mjpeg")
        out = self.reader("out", label=None)
        wait_for("the output's ring", lambda: out.next(0.05) is None and out.state == "starting")
        self.assertEqual(camera.consumers(), 0)
        consumer = self.reader("out", label=b"test")
        number = 1

        def next_frame():
            nonlocal number
            camera.publish(payload, number)
            number += 1
            return consumer.next(0.05)
        frame = wait_for("a frame for the consumer", next_frame)
        self.assertTrue(frame.payload.startswith(b"\xff\xd8"))
        wait_for("demand that travels up", lambda: camera.consumers() == 1)
        consumer.close()
        self.open.remove(consumer)
        wait_for("the end of demand", lambda: camera.consumers() == 0)

    def test_outputs_live_while_the_source_is_silent(self):
        camera = self.camera("cam0", rings.RAW, 320, 240)
        self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:raw")
        out = self.reader("out")
        self.publish_in_step(camera, [rings.picture(320, 240, 0)], out)
        end = time.monotonic() + 2.5  # a writer without heart-beats is called stalled after one second
        while time.monotonic() < end:
            camera.beat()
            out.next(0.05)
            self.assertEqual(out.state, "live")

    def test_ready_comes_with_the_first_frame(self):
        import socket
        path = os.path.join(self.tmp, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(path)
            server.settimeout(0.3)
            self.start("shmpub", "cam0", "--no-on-demand", "--out", "out:raw", env={"NOTIFY_SOCKET": path}).wait_line("waiting")
            with self.assertRaises(TimeoutError):
                while b"READY=1" not in server.recv(4096):
                    pass
            server.settimeout(30)
            camera = self.camera("cam0", rings.RAW, 320, 240)
            camera.publish(rings.picture(320, 240, 0), 0)
            while b"READY=1" not in server.recv(4096):
                pass


if __name__ == "__main__":
    main()
