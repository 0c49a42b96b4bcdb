"""How sseserve keeps both channels at one moment: with shmpub's delay as the channel that comes late, and with one that
comes now late, now soon, and can't be matched by any hold."""
import os
import statistics
import time

import rings
from camring_test import main, wait_for
from channels import Channel
from sse import SseTest

STATS = "/streams/sse/cam0/sync-stats"


class Erratic(Channel):
    """A channel that comes in bursts while `erratic`: 600 ms late, then all at once what was held up."""
    erratic = False

    @property
    def delay_s(self):
        if not self.erratic:
            return self.steady_s
        self.count = getattr(self, "count", 0) + 1
        return 0.6 if self.count % 15 == 1 else 0.0

    @delay_s.setter
    def delay_s(self, value):
        self.steady_s = value


class DelayedByShmpub(SseTest):
    DELAY_MS = 120

    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))
        self.start("shmpub", "cam0", "--no-on-demand", "--overlay", "time", "--delay", f"{self.DELAY_MS}ms", "--out",
                   "cam0.ai:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.ai")
        self.ready()

    def lateness_ms(self):
        """By how much frames were in the one ring later than in the other, as the rings' own times say."""
        times = []
        for name in ("cam0.high", "cam0.ai"):
            reader = rings.Reader(self.lib, name, start=0)
            times.append({frame.source_number: frame.publish_ns for frame in reader.take(30)})
            reader.close()
        both = times[0].keys() & times[1].keys()
        return statistics.median((times[1][number] - times[0][number]) * 1e-6 for number in both)

    def test_the_delay_is_measured_and_frames_of_one_number_leave_together(self):
        raw = self.stream("/streams/sse/cam0/dual?initial_channel=raw")
        annotated = self.stream("/streams/sse/cam0/dual?initial_channel=annotated")
        wait_for("a hold of what the channel takes", lambda: (s := self.json(STATS))["known"] and s["pairs"] > 60 and
                 abs(s["hold_ms"] - s["offset_ms"]) < 12)
        state = self.json(STATS)
        # From the raw channel's encoder on: that one's own time is missing in the delay.
        self.assertAlmostEqual(state["offset_ms"], self.DELAY_MS, delta=25)
        self.assertAlmostEqual(state["offset_ms"], self.lateness_ms(), delta=25)
        self.assertEqual((state["mode"], state["ordered"], state["within"]), ("hold", "hold", True))
        start = [len(raw.events), len(annotated.events)]
        raw.wait("fragment", 45, start=start[0])
        annotated.wait("fragment", 45, start=start[1])
        left = [{event.json["number"]: event.at for event in stream.of("fragment", start=at)}
                for stream, at in zip((raw, annotated), start)]
        apart = sorted(abs(left[0][number] - left[1][number]) for number in left[0].keys() & left[1].keys())
        self.assertGreater(len(apart), 30)
        self.assertLess(apart[len(apart) // 2], 0.05)


class Unmatched(SseTest):
    def test_raw_is_not_held_back_for_a_channel_that_no_hold_matches_and_is_again_for_one_that_it_does(self):
        os.environ["CAMRING_DIR"] = self.dir
        lib = rings.library()
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))
        late = Erratic(lib, "cam0.high", "cam0.ai", 0.15)
        self.addCleanup(late.close)
        server = self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.ai", "--max-lag", "5s")
        self.ready()
        stream = self.stream("/streams/sse/cam0/dual?initial_channel=raw")
        holds = []

        def state():
            stats = self.json(STATS)
            holds.append((time.monotonic(), stats["hold_ms"]))
            return stats

        def held():
            stats = state()
            return stats["mode"] == "hold" and stats["hold_ms"] > 100 and stats["within"] and not stats["degraded"]
        wait_for("a hold", held)
        self.assertEqual(self.json("/streams/sse/health")["unmatched"], 0)

        late.erratic = True
        wait_for("the fall", lambda: state()["mode"] == "best")
        told = stream.wait("sync", mode="best")
        self.assertTrue(told.json["degraded"])
        wait_for("no hold", lambda: state()["hold_ms"] == 0)
        stats = state()
        self.assertEqual((stats["mode"], stats["ordered"], stats["degraded"]), ("best", "hold", True))
        self.assertEqual(self.json("/streams/dual-channel/stats")["cameras"][0]["mode"], "best")
        health = self.json("/streams/sse/health")
        self.assertEqual((health["status"], health["unmatched"]), ("degraded", 1))
        server.wait_line("camera cam0: annotated can't be matched: 5 frames in a row came more than 50ms off")
        self.assertEqual(server.stderr.count("can't be matched"), 1)
        metrics = self.request("/metrics")[2].decode()
        self.assertRegex(metrics, r'\ncamring_sync_fallen_back\{.*camera="cam0".*\} 1\n')
        self.assertRegex(metrics, r'\ncamring_sync_fallbacks_total\{.*camera="cam0".*\} 1\n')
        at = len(stream.events)

        late.erratic = False
        server.wait_line("camera cam0: raw is held back for annotated again")
        wait_for("a hold again", held)
        stream.wait("sync", start=at, mode="hold", degraded=False)
        self.assertRegex(self.request("/metrics")[2].decode(), r'\ncamring_sync_fallen_back\{.*camera="cam0".*\} 0\n')
        self.assertEqual(self.json("/streams/sse/health")["status"], "ok")

        # Nobody saw any of it: no fragment was left out, and the hold went by 10 ms each 100 ms.
        numbers = [event.json["seq"] for event in stream.of("fragment")]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertEqual(stream.of("gap", "switch"), [])
        for (before, old), (now, new) in zip(holds, holds[1:]):
            self.assertLessEqual(abs(new - old), 10 * ((now - before) / 0.1 + 2))

    def test_what_is_only_on_its_way_to_the_right_hold_is_not_given_up(self):
        os.environ["CAMRING_DIR"] = self.dir
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))
        self.start("shmpub", "cam0", "--no-on-demand", "--delay", "400ms", "--out", "cam0.ai:h264,500k")
        server = self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.ai", "--max-violations", "5")
        self.ready()
        stats = wait_for("violations in a row", lambda: (s := self.json(STATS))["degraded"] and s)
        self.assertEqual(stats["mode"], "hold")
        wait_for("a hold", lambda: (s := self.json(STATS))["within"] and not s["degraded"] and s["hold_ms"] > 300)
        self.assertNotIn("can't be matched", server.stderr)

    def test_a_channel_that_comes_later_than_anybody_waits_is_not_waited_for(self):
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))
        self.start("shmpub", "cam0", "--no-on-demand", "--delay", "3500ms", "--out", "cam0.ai:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.ai")
        self.ready()
        stats = wait_for("the fall", lambda: (s := self.json(STATS))["mode"] == "best" and s)
        self.assertTrue(stats["degraded"])
        wait_for("no hold", lambda: self.json(STATS)["hold_ms"] == 0)


if __name__ == "__main__":
    main()
