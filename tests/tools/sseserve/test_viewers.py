"""sseserve's viewers of two channels in rough weather: slow ones that are held back, ones that go to other qualities,
channels that never gave a frame."""
import os
import socket
import time

import rings
from camring_test import main, wait_for
from channels import Channel
from two_channels import TwoChannelTest


class Viewers(TwoChannelTest):
    def held(self, least_ms):
        wait_for("a hold", lambda: self.json("/streams/sse/cam0/sync-stats")["hold_ms"] > least_ms)

    def test_a_slow_viewer_of_a_channel_that_is_held_back_goes_on_too(self):
        self.both("--max-lag", "200ms", delay=0.4, output="cam0.high:h264,8M", size="1280x720")
        self.held(300)
        slow = []
        for _ in range(3):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect((self.host, self.port))
            self.addCleanup(one.close)
            one.settimeout(10)
            one.sendall(b"GET /streams/sse/cam0/dual HTTP/1.1\r\nHost: test\r\n\r\n")
            slow.append(one)
        for one in slow:  # wherever in a group of pictures it goes on
            time.sleep(1.3)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            text, end = b"", time.monotonic() + 15
            while text.partition(b"event: gap")[2].count(b"event: fragment") < 20 and time.monotonic() < end:
                text += one.recv(1 << 20)
            after = text.partition(b"event: gap")[2]
            self.assertGreaterEqual(after.count(b"event: fragment"), 20, (len(text), text.count(b"event: fragment")))
            self.assertIn(b'"key":true', after.partition(b"event: fragment\ndata: ")[2].partition(b"\n")[0])

    def test_each_channel_has_the_quality_that_was_asked_for(self):
        self.both(spec="cam0,raw.a=cam0.high,raw.b=cam0.high,annotated.a=cam0.ai,annotated.b=cam0.ai")
        url = "/streams/sse/cam0/dual"
        self.problem(404, url + "?annotated_quality=c")
        self.problem(404, url + "?initial_channel=annotated&raw_quality=c&annotated_quality=a")
        stream = self.stream(url + "?initial_channel=raw&raw_quality=b&annotated_quality=b")
        stream.wait("fragment", channel="raw", quality="b")
        self.assertEqual(self.switch(stream, new_channel="annotated")["quality"], "b")
        stream.wait("fragment", channel="annotated", quality="b")
        self.assertEqual(self.switch(stream, quality="a"), {"channel": "annotated", "quality": "a"})
        self.assertEqual(self.switch(stream, new_channel="raw")["quality"], "b")
        self.assertEqual(self.switch(stream, new_channel="annotated")["quality"], "a")

    def test_who_went_to_another_quality_is_moved_from_a_stale_channel_too(self):
        self.both(spec="cam0,raw=cam0.high,annotated.a=cam0.ai,annotated.b=cam0.ai")
        stream = self.stream("/streams/sse/cam0/dual?initial_channel=annotated")
        stream.wait("fragment", 5, channel="annotated", quality="a")
        self.switch(stream, quality="b")
        stream.wait("fragment", 5, channel="annotated", quality="b")
        self.stop_late()
        stream.wait("switch", channel="raw", reason="stale")
        self.late = Channel(self.lib, "cam0.high", "cam0.ai", 0.12)
        stream.wait("switch", channel="annotated", quality="b", reason="fresh again")

    def test_nobody_goes_to_what_the_client_does_not_play(self):
        self.camera("cam0.high:h264,500k", "cam0.mjpeg:mjpeg,q70", "cam0.hevc:hevc,500k")
        self.serve("--camera", "cam0,raw.high=cam0.high,raw.still=cam0.mjpeg,raw.new=cam0.hevc,annotated=cam0.mjpeg",
                   "--stale-after", "700ms")
        self.ready()
        stream = self.stream("/streams/sse/cam0/dual?codecs=avc1")
        stream.wait("fragment", 5)
        self.switch(stream, 406, quality="still")
        self.switch(stream, 406, quality="new")
        self.switch(stream, 406, new_channel="annotated")
        still = self.stream("/streams/sse/cam0/dual?format=jpeg")
        still.wait("jpeg", quality="still")
        self.switch(still, 406, quality="high")
        self.switch(still, new_channel="annotated")
        still.wait("jpeg", channel="annotated")
        self.assertEqual(stream.of("switch", "jpeg"), [])

    def test_a_channel_that_never_gives_a_frame_is_left_too(self):
        os.environ["CAMRING_DIR"] = self.dir
        lib = rings.library()
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))
        silent = Channel(lib, "cam0.high", "cam0.ai", 0, keep=lambda number: False)
        self.addCleanup(silent.close)
        self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.ai", "--stale-after", "700ms")
        wait_for("the ring", lambda: self.json("/state")["cameras"][0]["channels"][1]["qualities"][0]["writer"] in ("live", "starting"))
        stream = self.stream("/streams/sse/cam0/dual?initial_channel=annotated")
        self.assertEqual(stream.status, 200)
        stream.wait("switch", channel="raw", reason="stale")
        stream.wait("fragment", 5, channel="raw")

    def test_channels_meet_in_whatever_quality_is_watched(self):
        self.both(spec="cam0,raw.high=cam0.best,raw.low=cam0.high,annotated=cam0.ai", asleep="cam0.best")
        stream = self.stream("/streams/sse/cam0/dual?raw_quality=low")
        stream.wait("fragment", 30)
        self.held(80)


if __name__ == "__main__":
    main()
