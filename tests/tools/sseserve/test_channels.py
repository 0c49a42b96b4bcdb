"""Both channels of a camera in sseserve: one moment, switches, detections, and a channel that vanishes and comes back."""
import os
import statistics
import time

import rings
from camring_test import main, wait_for
from channels import Channel
from sse import SseTest
from two_channels import TwoChannelTest


class Detections(SseTest):
    def test_detections_travel_with_their_frame(self):
        os.environ["CAMRING_DIR"] = self.dir
        lib = rings.library()
        camera = rings.Camera(lib, "cam0.mjpeg", rings.MJPEG, 160, 120)
        self.serve("--camera", "cam0,annotated=cam0.mjpeg")
        picture = rings.jpegs(160, 120, range(1))[0]
        wait_for("the ring", lambda: self.json("/state")["cameras"][0]["channels"][0]["qualities"][0]["writer"] != "absent")
        camera.publish(picture, 7)
        self.ready()
        stream = self.stream("/streams/sse/cam0/annotated?format=jpeg")
        number = 8
        while not stream.of("detections"):
            camera.publish(picture, number, metadata=b'{"boxes":[[1,2,3,4]],"note":"a\\nb"}')
            number += 1
            time.sleep(0.02)
        stream.wait("jpeg", number=stream.of("detections")[0].json["number"])
        found = stream.of("detections")[0]
        self.assertEqual(found.json["metadata"], {"boxes": [[1, 2, 3, 4]], "note": "a\nb"})
        self.assertIn(found.json["number"], [event.json["number"] for event in stream.of("jpeg")])
        camera.close()


class TwoChannels(TwoChannelTest):
    def test_raw_is_held_back_until_both_show_one_moment(self):
        self.both()
        stream = self.stream("/streams/sse/cam0/dual")
        wait_for("a hold of what the channel takes", lambda: abs(self.json("/streams/sse/cam0/sync-stats")["hold_ms"] -
                                                                 self.late.late_ms()) < 40)
        state = self.json("/streams/sse/cam0/sync-stats")
        self.assertEqual((state["known"], state["within"], state["mode"]), (True, True, "hold"))
        start = len(stream.events)
        stream.wait("fragment", 30, start=start)
        offset = time.time() - time.monotonic()
        ages = [(event.at + offset) * 1000 - event.json["capture"] for event in stream.of("fragment", start=start)]
        raw_age = statistics.median(ages)
        start = len(stream.events)
        self.switch(stream, new_channel="annotated")
        stream.wait("fragment", 60, start=start, channel="annotated")
        ages = [(event.at + offset) * 1000 - event.json["capture"] for event in stream.of("fragment", start=start)
                if event.json["channel"] == "annotated"][40:]
        self.assertLess(abs(statistics.median(ages) - raw_age), 50)
        self.assertTrue(stream.of("sync"))
        self.assertEqual(self.json("/streams/dual-channel/stats")["cameras"][0]["viewers"], 1)

    def test_no_hold_where_none_is_wanted(self):
        self.both("--sync", "none")
        stream = self.stream("/streams/sse/cam0/dual?initial_channel=annotated")
        stream.wait("fragment", 30)
        wait_for("pairs", lambda: self.json("/streams/sse/cam0/sync-stats")["pairs"] > 30)
        state = self.json("/streams/sse/cam0/sync-stats")
        self.assertEqual(state["hold_ms"], 0)
        self.assertGreater(state["violations"], 0)
        self.assertTrue(state["degraded"])

    def test_a_switch_is_seen_at_once_and_time_goes_on(self):
        self.both()
        stream = self.stream("/streams/sse/cam0/dual")
        stream.wait("fragment", 30)
        took = []
        for channel in ("annotated", "raw", "annotated", "raw"):
            start = len(stream.events)
            at = time.monotonic()
            self.switch(stream, new_channel=channel)
            first = stream.wait("fragment", start=start, channel=channel)
            took.append(first.at - at)
            after = stream.of("switch", "init", "fragment", start=start)
            names = [event.name for event in after if event.json["channel"] == channel][:3]
            self.assertEqual(names, ["switch", "init", "fragment"])
            self.assertTrue(first.json["key"])
            before = stream.of("fragment")[:1]
            self.assertGreaterEqual(first.json["time"], before[0].json["time"])
        self.assertLess(statistics.median(took), 0.1)

    def test_a_channel_that_goes_stale_is_left_and_come_back_to(self):
        self.both()
        stream = self.stream("/streams/sse/cam0/dual?initial_channel=annotated")
        stream.wait("fragment", 10, channel="annotated")
        self.stop_late()
        moved = stream.wait("switch", channel="raw")
        self.assertEqual(moved.json["reason"], "stale")
        self.assertTrue(moved.json["detail"])
        stream.wait("fragment", 5, channel="raw")
        self.late = Channel(self.lib, "cam0.high", "cam0.ai", self.DELAY)
        back = stream.wait("switch", channel="annotated")
        self.assertEqual(back.json["reason"], "fresh again")
        stream.wait("fragment", 5, channel="annotated", start=stream.events.index(back))

    def test_who_may_switch_what(self):
        self.both()
        single = self.stream("/streams/sse/cam0/raw")
        single.wait("fragment")
        self.switch(single, new_channel="annotated", status=409)
        url = "/streams/sse/cam0/switch"
        self.problem(404, url, {"connection_id": "nobody", "new_channel": "raw"})
        self.problem(400, url, {"connection_id": "x"})
        self.problem(400, url, {"connection_id": 5, "new_channel": "raw"})
        for body in (b"", b"{", b"[]", b"null", b'{"a":', b"\xff\xfe", b"[" * 5000):
            self.problem(400, url, body)
        dual = self.stream("/streams/sse/cam0/dual")
        dual.wait("fragment")
        self.switch(dual, new_channel="sideways", status=400)
        identity = dual.events[0].json["connection_id"]
        self.problem(404, url, {"connection_id": identity, "new_channel": "raw", "quality": "none"})

    def test_a_subscription_reserves_an_id(self):
        self.both()
        made = self.json("/streams/sse/cam0/subscribe", {"channel": "annotated"}, status=201)
        stream = self.stream(made["stream"])
        hello = stream.wait("hello")
        self.assertEqual((hello.json["connection_id"], hello.json["channel"]), (made["connection_id"], "annotated"))
        self.problem(409, made["stream"])
        self.problem(404, "/streams/sse/cam0/dual?connection_id=other")


if __name__ == "__main__":
    main()
