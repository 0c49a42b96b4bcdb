"""sseserve's streams: what is in them, that it plays, and what happens when writers die and viewers come back."""
import ctypes
import json
import os
import signal
import statistics
import subprocess
import time

import rings
from camring_test import main, wait_for
from sse import SseTest


def boxes(data):
    """[(type, payload)] of an ISO base media file's top level."""
    at, found = 0, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        assert 8 <= size <= len(data) - at, (size, at)
        found.append((data[at + 4:at + 8].decode(), data[at + 8:at + size]))
        at += size
    return found


def probe(data):
    """ffprobe's view: frames decoded, and their times in seconds."""
    out = subprocess.run(["ffprobe", "-v", "error", "-f", "mp4", "-show_entries", "frame=pts_time,pict_type", "-of", "json", "-"],
                         input=data, capture_output=True, check=True)
    assert out.stderr == b"", out.stderr
    return json.loads(out.stdout)["frames"]


class Streams(SseTest):
    def test_a_viewer_gets_everything_that_a_player_needs_from_a_keyframe_on(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw")
        self.assertEqual(stream.headers["content-type"], "text/event-stream")
        self.assertEqual(stream.headers["cache-control"], "no-store")
        stream.wait("fragment", 45)
        hello, init = stream.events[:2]
        self.assertEqual((hello.name, hello.json["channel"], hello.json["channels"]), ("hello", "raw", {"raw": ["default"]}))
        self.assertAlmostEqual(hello.json["now"], time.time() * 1000, delta=60_000)
        self.assertEqual((init.name, init.json["width"], init.json["height"]), ("init", 320, 240))
        self.assertRegex(init.json["mime"], r'^video/mp4; codecs="avc1\.[0-9a-f]{6}"$')
        self.assertEqual([name for name, _ in boxes(init.bytes)], ["ftyp", "moov"])
        fragments = stream.of("fragment")[:45]
        self.assertTrue(fragments[0].json["key"])
        for before, after in zip(fragments, fragments[1:]):
            self.assertEqual(after.json["seq"], before.json["seq"] + 1)
            self.assertEqual(after.json["number"], before.json["number"] + 1)
            # Capture times, as even as the camera was: on a busy machine one may come late.
            step = (after.json["capture"] - before.json["capture"]) / 1000
            self.assertAlmostEqual(after.json["time"] - before.json["time"], step, delta=0.001)
        self.assertAlmostEqual((fragments[-1].json["time"] - fragments[0].json["time"]) / 44, 1 / 30, delta=0.005)
        for fragment in fragments:
            names = [name for name, _ in boxes(fragment.bytes)]
            self.assertEqual(names[-2:], ["moof", "mdat"])
        frames = probe(init.bytes + b"".join(fragment.bytes for fragment in fragments))
        self.assertEqual(len(frames), 45)
        for frame, fragment in zip(frames, fragments):
            self.assertAlmostEqual(float(frame["pts_time"]), fragment.json["time"], delta=0.001)
        # From capture to the client, on one clock.
        offset = time.time() - time.monotonic()
        ages = [(fragment.at + offset) * 1000 - fragment.json["capture"] for fragment in fragments[35:]]
        self.assertLess(statistics.median(ages), 150)

    def test_plain_fragments_are_a_file_that_ffmpeg_plays(self):
        self.camera("cam0.high:hevc,500k")
        self.serve("--camera", "cam0,raw=cam0.high")
        self.ready()
        out = subprocess.run(["ffmpeg", "-v", "error", "-i", f"http://{self.host}:{self.port}/streams/fmp4/cam0/raw",
                              "-frames:v", "40", "-f", "framemd5", "-"], capture_output=True, timeout=60)
        self.assertEqual((out.returncode, out.stderr), (0, b""))
        self.assertEqual(len([line for line in out.stdout.splitlines() if not line.startswith(b"#")]), 40)

    def test_several_frames_in_a_fragment(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high", "--fragment", "100ms")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw")
        stream.wait("fragment", 12)
        init, fragments = stream.of("init")[0], stream.of("fragment")[:12]
        frames = probe(init.bytes + b"".join(fragment.bytes for fragment in fragments))
        self.assertGreaterEqual(len(frames), 24)
        self.assertLessEqual(len(frames), 48)

    def test_jpeg_over_the_same_channel(self):
        self.camera("cam0.mjpeg:mjpeg,q70", "cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw.high=cam0.high,raw.still=cam0.mjpeg")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw?format=jpeg")
        picture = stream.wait("jpeg", 5)
        self.assertEqual((picture.bytes[:2], picture.json["quality"]), (b"\xff\xd8", "still"))
        self.assertEqual(stream.of("init", "fragment"), [])
        self.problem(406, "/streams/sse/cam0/raw?quality=still")
        self.problem(406, "/streams/sse/cam0/raw?codecs=hvc1")
        self.problem(406, "/streams/sse/cam0/raw?format=jpeg&quality=high")

    def test_who_comes_back_goes_on_behind_the_last_fragment(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high")
        self.ready()
        first = self.stream("/streams/sse/cam0/raw")
        last = first.wait("fragment", 20)
        first.close()
        self.assertEqual(first.retry, 1000)
        last = first.of("fragment")[-1]
        time.sleep(1.5)  # longer than --max-lag: what was missed comes all the same
        again = self.stream("/streams/sse/cam0/raw", headers={"Last-Event-ID": last.last_id})
        fragment = again.wait("fragment", 20)
        self.assertTrue(again.events[0].json["resumed"])
        self.assertEqual(again.of("fragment")[0].json["seq"], last.json["seq"] + 1)
        self.assertEqual(again.of("gap"), [])
        metrics = self.request("/metrics")[2].decode()
        age = {key: float(value) for key, value in (line.rsplit(" ", 1) for line in metrics.splitlines() if "frame_age_seconds_" in line)}
        total = next(value for key, value in age.items() if key.startswith("camring_frame_age_seconds_sum"))
        count = next(value for key, value in age.items() if key.startswith("camring_frame_age_seconds_count"))
        self.assertLess(total / count, 3)
        self.assertEqual(fragment.json["seq"], last.json["seq"] + 20)
        for strange in ("", "x", last.last_id.rsplit("-", 1)[0] + "-99999999", "cam0.high-1-5", "cam0.high-raw-" + "9" * 18 + "-5", last.last_id + "0" * 30):
            other = self.stream("/streams/sse/cam0/raw", headers={"Last-Event-ID": strange})
            self.assertTrue(other.wait("fragment").json["key"], strange)
            self.assertFalse(other.events[0].json["resumed"], strange)
            self.assertEqual(other.of("gap"), [], strange)

    def test_an_id_is_of_one_channel_alone(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.high")
        self.ready()
        raw = self.stream("/streams/sse/cam0/raw")
        raw.wait("fragment", 10)
        other = self.stream("/streams/sse/cam0/annotated", headers={"Last-Event-ID": raw.of("fragment")[4].last_id})
        self.assertTrue(other.wait("fragment").json["key"])
        self.assertFalse(other.events[0].json["resumed"])

    def test_who_was_away_for_too_long_is_told_how_much_is_missing(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high")
        self.ready()
        first = self.stream("/streams/sse/cam0/raw")
        last = first.wait("fragment", 5)
        # Ten seconds are kept, and the group of pictures before.
        wait_for("history that went", lambda: first.of("fragment")[-1].json["seq"] > last.json["seq"] + 14 * 30)
        again = self.stream("/streams/sse/cam0/raw", headers={"Last-Event-ID": last.last_id})
        fragment = again.wait("fragment")
        self.assertFalse(again.events[0].json["resumed"])
        gap = again.of("gap")[0].json
        self.assertEqual((gap["skipped"], gap["reason"]), (fragment.json["seq"] - last.json["seq"] - 1, "away"))

    def test_who_comes_back_after_the_server_died_goes_on_behind_the_last_fragment_as_long_as_the_ring_has_it(self):
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))

        def run():
            server = self.serve("--camera", "cam0,raw=cam0.high")
            self.ready()
            before = self.stream("/streams/sse/cam0/raw")
            before.wait("fragment", 40)
            server.stop(signal.SIGKILL)
            wait_for("the end", lambda: before.ended)
            self.last = before.of("fragment")[-1].last_id
            self.serve("--camera", "cam0,raw=cam0.high")
            # At once, and in the query as a page does it.
            after = self.stream("/streams/sse/cam0/raw?last_event_id=" + self.last)
            after.wait("fragment", 60)
            self.assertTrue(after.wait("hello").json["resumed"])
            self.assertEqual(after.of("gap"), [])
            return [event.json["number"] for event in before.of("fragment") + after.of("fragment")]

        self.assert_no_frame_lost(run)
        # One that is in no ring any more, or of another clock.
        published, number = map(int, self.last.split("-")[2:])
        for strange in (f"cam0.high-raw-{published - 1}-{number}", "cam0.high-raw-1-1", f"cam0.high-raw-{10**18}-1"):
            other = self.stream("/streams/sse/cam0/raw", headers={"Last-Event-ID": strange})
            self.assertTrue(other.wait("fragment").json["key"], strange)

    def test_the_writers_death_and_return(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high", "--stale-after", "500ms")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw")
        stream.wait("fragment", 10)
        self.publisher.stop(signal.SIGKILL)
        wait_for("not ready", lambda: self.request("/readyz")[0] == 503)
        status, headers, _ = self.problem(503, "/streams/sse/cam0/raw")
        self.assertIn("Retry-After", headers)
        self.assertEqual(self.request("/streams/sse/health")[0], 503)
        start = len(stream.events)
        self.start("shmpub", "cam0", "--out", "cam0.high:h264,500k")
        fragment = stream.wait("fragment", 5, start=start)
        later = stream.of("init", "fragment", start=start)
        self.assertEqual(later[0].name, "init")
        self.assertTrue(later[1].json["key"])
        self.assertGreater(fragment.json["time"], stream.of("fragment")[0].json["time"])
        self.assertFalse(stream.ended)

    def test_a_ring_that_changes_its_format_ends_streams_of_the_old_one(self):
        self.camera("cam0.x:mjpeg,q70")
        self.serve("--camera", "cam0,raw=cam0.x", "--stale-after", "1s")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw?format=jpeg")
        stream.wait("jpeg", 3)
        self.publisher.stop()
        self.start("shmpub", "cam0", "--out", "cam0.x:h264,500k")
        self.assertEqual(stream.wait("bye").json, {"reason": "format changed"})
        self.assertEqual(stream.of("init", "fragment"), [])
        wait_for("the end", lambda: stream.ended)
        self.stream("/streams/sse/cam0/raw").wait("fragment", 3)

    def test_a_fragment_whose_writer_dies_goes_out_as_far_as_it_came(self):
        self.camera("cam0.high:h264,500k", fps=10, options=("--gop", "10s"))
        self.serve("--camera", "cam0,raw=cam0.high", "--fragment", "2s")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw")
        stream.wait("fragment", 1)
        time.sleep(1)  # into the next one
        self.publisher.stop(signal.SIGKILL)
        last = stream.wait("fragment", 2)
        self.assertLess(last.json["duration"], 1900)
        self.assertGreater(last.json["duration"], 50)

    def test_times_that_no_clock_shows_do_no_harm(self):
        os.environ["CAMRING_DIR"] = self.dir
        lib = rings.library()
        camera = rings.Camera(lib, "cam0.mjpeg", rings.MJPEG, 160, 120)
        self.addCleanup(camera.close)
        picture = rings.jpegs(160, 120, range(1))[0]
        self.serve("--camera", "cam0,raw=cam0.mjpeg,annotated=cam0.mjpeg")
        stream = None
        for number in range(1, 40):
            now = time.monotonic_ns()
            strange = (now, -2**63, 2**63 - 1, -1, 0, now)[number % 6]
            info = rings.CFrame(struct_bytes=ctypes.sizeof(rings.CFrame), flags=rings.KEYFRAME, capture_ns=strange,
                                source_number=number, source_capture_ns=strange)
            self.assertEqual(lib.camring_writer_publish(camera.handle, picture, len(picture), ctypes.byref(info)), 0)
            if stream is None:
                wait_for("the ring", lambda: self.request("/streams/sse/cam0/raw", method="HEAD")[0] in (200, 406))
                stream = self.stream("/streams/sse/cam0/dual?format=jpeg")
            time.sleep(0.02)
        stream.wait("jpeg", number=39)
        times = [event.json["time"] for event in stream.of("jpeg")]
        self.assertLess(max(times), time.monotonic() + 1)
        self.assertGreaterEqual(min(times), 0)
        self.json("/state")
        self.json("/streams/sse/cam0/sync-stats")


if __name__ == "__main__":
    main()
