"""sseserve's doors: limits, slow viewers, tokens, bad requests, ends."""
import os
import signal
import socket
import time

from camring_test import main, wait_for
from sse import SECRET, SseTest, token

CAMERA = ("--camera", "cam0,raw=cam0.high")


class Limits(SseTest):
    def test_more_streams_than_allowed_are_told_to_come_back(self):
        self.camera("cam0.high:h264,500k")
        self.serve(*CAMERA, "--max-connections", "3")
        self.ready()
        streams = [self.stream("/streams/sse/cam0/raw") for _ in range(3)]
        for stream in streams:
            stream.wait("fragment")
        _, headers, _ = self.problem(503, "/streams/sse/cam0/raw")
        self.assertIn("Retry-After", headers)
        self.assertEqual(self.json("/streams/sse/health")["full"], True)
        streams[0].close()
        wait_for("room", lambda: self.json("/streams/sse/stats")["streams"] == 2)
        self.stream("/streams/sse/cam0/raw").wait("fragment")

    def test_a_viewer_that_reads_nothing_for_a_while_goes_on_at_a_keyframe_and_harms_nobody(self):
        self.camera("cam0.high:h264,8M", size="1280x720")
        self.serve(*CAMERA, "--max-lag", "300ms")
        self.ready()
        other = self.stream("/streams/sse/cam0/raw")
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((self.host, self.port))
        self.addCleanup(slow.close)
        slow.sendall(b"GET /streams/sse/cam0/raw HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_for("both", lambda: self.json("/streams/sse/stats")["streams"] == 2)
        begin = len(other.of("fragment"))
        time.sleep(2.5)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        slow.settimeout(10)
        text = b""
        end = time.monotonic() + 20
        while b"event: gap" not in text and time.monotonic() < end:
            text += slow.recv(1 << 20)
        self.assertIn(b"event: gap", text)
        after = text.split(b"event: gap", 1)[1]
        while after.count(b"event: fragment") < 2:
            after += slow.recv(1 << 20)
        first = after.split(b"event: fragment\ndata: ", 1)[1].split(b"\n", 1)[0]
        self.assertIn(b'"key":true', first)
        numbers = [event.json["seq"] for event in other.of("fragment")]
        self.assertGreater(len(numbers) - begin, 60)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_a_viewer_that_takes_nothing_at_all_is_closed(self):
        self.camera("cam0.high:h264,8M", size="1280x720")
        self.serve(*CAMERA, "--kick-after", "1s")
        self.ready()
        dead = socket.socket()
        dead.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        dead.connect((self.host, self.port))
        self.addCleanup(dead.close)
        dead.sendall(b"GET /streams/sse/cam0/raw HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_for("its end", lambda: self.json("/streams/sse/stats")["kicked"] == 1)

    def test_silence_is_filled_with_comments(self):
        self.camera("cam0.high:h264,500k", fps=1)
        self.serve(*CAMERA, "--heartbeat", "200ms", "--stale-after", "5s")
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw")
        wait_for("comments", lambda: stream.comments >= 5)

    def test_an_end_is_said_and_takes_less_than_a_second(self):
        self.camera("cam0.high:h264,500k")
        server = self.serve(*CAMERA)
        self.ready()
        stream = self.stream("/streams/sse/cam0/raw")
        stream.wait("fragment", 3)
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(stream.wait("bye").json, {"reason": "server stops"})
        wait_for("the end", lambda: stream.ended)

    def test_what_is_not_there_or_makes_no_sense_is_a_problem_document(self):
        self.camera("cam0.high:h264,500k")
        self.serve(*CAMERA)
        self.ready()
        for path in ("/nothing", "/streams/sse/", "/streams/sse/cam9/raw", "/streams/sse/cam0", "/streams/sse/cam0/blue",
                     "/streams/sse/cam0/annotated", "/streams/sse/cam0/raw?quality=best", "/streams/fmp4/cam0/dual",
                     "/streams/fmp4/cam9/raw"):
            with self.subTest(path):
                self.problem(404, path)
        for path in ("/streams/sse/cam0/raw?format=avi", "/streams/sse/cam0/dual?initial_channel=blue", "/%zz",
                     "/streams/fmp4/cam0/raw?format=jpeg"):
            with self.subTest(path):
                self.problem(400, path)
        self.problem(404, "/streams/sse/cam0/raw", {})
        self.problem(405, "/state", method="DELETE")
        self.assertEqual(self.request("/streams/sse/cam0/raw", method="HEAD")[0], 200)
        self.assertIn(b"<html", self.request("/")[2])
        self.assertEqual(self.json("/openapi.json")["openapi"][:2], "3.")
        self.assertIn(b"camring_fragments_total", self.request("/metrics")[2])

    def test_pages_of_listed_origins_alone_may_read_answers(self):
        self.camera("cam0.high:h264,500k")
        self.serve(*CAMERA, "--cors-origin", "https://good.example")
        self.ready()
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
        for origin, allowed in (("https://good.example", "https://good.example"), ("https://evil.example", None), ("null", None),
                                ("https://good.example.evil.example", None)):
            for method, path, body in (("OPTIONS", "/streams/sse/cam0/switch", None), ("GET", "/state", None),
                                       ("GET", "/nothing", None), ("POST", "/streams/sse/cam0/switch", b"{")):
                with self.subTest(f"{origin} {method} {path}"):
                    status, headers, _ = self.request(path, body, {"Origin": origin, **(ask if method == "OPTIONS" else {})}, method)
                    self.assertEqual(headers["Access-Control-Allow-Origin"], allowed)
                    self.assertEqual(headers["Vary"], "Origin")
                    # Cookies of other sites' visitors open nothing.
                    self.assertIsNone(headers["Access-Control-Allow-Credentials"])
                    if allowed:
                        self.assertIn("Retry-After", headers["Access-Control-Expose-Headers"])
                    if method == "OPTIONS":
                        self.assertEqual(status, 204)
                        self.assertIn("POST", headers["Access-Control-Allow-Methods"])
                        self.assertIn("Authorization", headers["Access-Control-Allow-Headers"])
        stream = self.stream("/streams/sse/cam0/raw", headers={"Origin": "https://good.example"})
        self.assertEqual(stream.headers["access-control-allow-origin"], "https://good.example")

    def test_every_path_of_the_description_is_served(self):
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.high")
        self.ready()
        for path, methods in self.json("/openapi.json")["paths"].items():
            for method in methods:
                with self.subTest(f"{method} {path}"):
                    real = path.replace("{camera}", "cam0").replace("{channel}", "raw")
                    if method == "post":
                        answer = self.request(real, {"connection_id": "x", "new_channel": "raw"})
                        self.assertIn(answer[0], (201, 404, 409))
                    elif "/raw" in real or "/annotated" in real or "/dual" in real and "stats" not in real:
                        self.assertEqual(self.request(real, method="HEAD")[0], 200)
                    else:
                        self.assertIn(self.request(real)[0], (200, 503))


class Tokens(SseTest):
    def guarded(self, *options):
        self.key = os.path.join(self.tmp, "secret")
        with open(self.key, "wb") as file:
            file.write(SECRET)
        self.camera("cam0.high:h264,500k")
        return self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.high", "--auth", "jwt", "--jwt-key", self.key, *options)

    @staticmethod
    def bearer(**claims):
        return {"Authorization": "Bearer " + token(**claims)}

    def test_who_may_see_what(self):
        self.guarded()
        self.ready()
        url = "/streams/sse/cam0/raw"
        self.problem(401, url)
        self.problem(401, url, headers={"Authorization": "Bearer x.y.z"})
        self.problem(401, url, headers=self.bearer(secret=b"another secret of enough many bytes", roles=["admin"]))
        self.problem(401, url, headers=self.bearer(roles=["admin"], exp=time.time() - 600))
        self.problem(403, url, headers=self.bearer())
        self.problem(403, url, headers=self.bearer(cameras=["cam0/annotated"]))
        self.problem(401, "/state")
        self.problem(401, "/streams/sse/stats")
        self.assertEqual(self.request("/healthz")[0], 200)
        for headers, query in ((self.bearer(cameras=["cam0/raw"]), ""), ({"Cookie": "a=b; camring_token=" + token(roles=["viewer"])}, ""),
                               ({}, "?access_token=" + token(cameras=["*"]))):
            stream = self.stream(url + query, headers=headers)
            self.assertEqual(stream.status, 200)
            stream.wait("fragment")
        only_raw = self.stream("/streams/sse/cam0/dual", headers=self.bearer(cameras=["cam0/raw"]))
        identity = only_raw.wait("hello").json["connection_id"]
        body = {"connection_id": identity, "new_channel": "annotated"}
        self.problem(403, "/streams/sse/cam0/switch", body, headers=self.bearer(cameras=["cam0/raw"]))
        self.problem(403, "/streams/sse/cam0/switch", body, headers=self.bearer(sub="eve", roles=["admin"]))
        self.assertEqual(self.request("/streams/sse/cam0/switch", body, headers=self.bearer(roles=["admin"]))[0], 200)

    def test_a_token_that_ends_is_announced_can_be_renewed_and_else_ends_the_stream(self):
        self.guarded()
        self.ready()
        kept = self.stream("/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"], exp=time.time() + 3))
        lost = self.stream("/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"], exp=time.time() + 3))
        self.assertLess(kept.wait("token").json["expires_in_ms"], 3000)
        url = "/streams/sse/cam0/token"
        body = {"connection_id": kept.events[0].json["connection_id"]}
        self.problem(403, url, body, headers=self.bearer(sub="eve", roles=["viewer"]))
        self.problem(401, url, body)
        renewed = self.request(url, body, headers=self.bearer(roles=["viewer"]))
        self.assertEqual(renewed[0], 200, renewed[2])
        self.assertEqual(lost.wait("bye").json, {"reason": "token expired"})
        wait_for("its end", lambda: lost.ended)
        start = len(kept.events)
        kept.wait("fragment", 10, start=start)
        self.assertFalse(kept.ended)

    def test_a_viewer_is_never_moved_to_what_its_token_does_not_allow(self):
        self.guarded()
        annotated = self.start("shmpub", "cam0", "--out", "cam0.ai:h264,500k", "--no-on-demand")
        self.wait_ring("cam0.ai", 2)
        self.serve("--camera", "cam0,raw=cam0.high,annotated=cam0.ai", "--auth", "jwt", "--jwt-key", self.key,
                   "--stale-after", "300ms")
        self.ready()
        url = "/streams/sse/cam0/dual?initial_channel=annotated"
        may = self.stream(url, headers=self.bearer(cameras=["cam0"]))
        may_not = self.stream(url, headers=self.bearer(cameras=["cam0/annotated"]))
        may.wait("fragment", 5)
        may_not.wait("fragment", 5)
        annotated.stop(signal.SIGKILL)
        may.wait("switch", reason="stale")
        may.wait("fragment", 10, channel="raw")
        self.assertEqual(may_not.of("switch"), [])
        self.assertTrue(all(event.json["channel"] == "annotated" for event in may_not.of("fragment")))

    def test_nobody_is_told_of_what_they_may_not_see(self):
        self.guarded()
        self.ready()
        self.stream("/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"])).wait("fragment")
        self.stream("/streams/sse/cam0/annotated", headers=self.bearer(roles=["viewer"])).wait("fragment")
        for cameras, channels, sessions, duals in (([], [], 0, 0), (["cam1"], [], 0, 0), (["cam0/raw"], ["raw"], 1, 1),
                                                   (["*"], ["raw", "annotated"], 2, 1)):
            with self.subTest(cameras):
                bearer = self.bearer(cameras=cameras)
                seen = self.json("/state", headers=bearer)["cameras"]
                self.assertEqual([channel["name"] for camera in seen for channel in camera["channels"]], channels)
                stats = self.json("/streams/sse/stats", headers=bearer)
                self.assertEqual((stats["streams"], len(stats["sessions"])), (2, sessions))
                self.assertEqual(len(self.json("/streams/dual-channel/stats", headers=bearer)["cameras"]), duals)
                status = 200 if duals else 403
                self.assertEqual(self.request("/streams/sse/cam0/sync-stats", headers=bearer)[0], status)

    def test_a_subscription_is_for_who_made_it(self):
        self.guarded("--max-per-user", "2")
        self.ready()
        url = "/streams/sse/cam0/subscribe"
        self.problem(403, url, {"channel": "annotated"}, headers=self.bearer(cameras=["cam0/raw"]))
        self.problem(401, url, {})
        made = [self.json(url, {}, headers=self.bearer(roles=["viewer"]), status=201) for _ in range(2)]
        self.problem(429, url, {}, headers=self.bearer(roles=["viewer"]))
        self.json(url, {}, headers=self.bearer(sub="bob", roles=["viewer"]), status=201)
        self.problem(401, made[0]["stream"])
        self.problem(403, made[0]["stream"], headers=self.bearer(sub="eve", roles=["viewer"]))
        self.problem(403, made[0]["stream"], headers=self.bearer(iss="elsewhere", roles=["viewer"]))
        head = self.request(made[0]["stream"], headers=self.bearer(roles=["viewer"]), method="HEAD")
        self.assertEqual(head[0], 200)
        stream = self.stream(made[0]["stream"], headers=self.bearer(roles=["viewer"]))
        hello = stream.wait("hello")
        self.assertEqual(hello.json["connection_id"], made[0]["connection_id"])
        # The same subject of another issuer is somebody else.
        body = {"connection_id": made[0]["connection_id"], "new_channel": "annotated"}
        for path in ("switch", "token"):
            self.problem(403, "/streams/sse/cam0/" + path, body, headers=self.bearer(iss="elsewhere", roles=["viewer"]))

    def test_a_token_that_has_just_expired_opens_and_renews_nothing(self):
        self.guarded()
        self.ready()
        late = self.bearer(roles=["viewer"], exp=time.time() - 5)
        self.problem(401, "/streams/sse/cam0/raw", headers=late)
        stream = self.stream("/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"]))
        identity = stream.wait("hello").json["connection_id"]
        self.problem(401, "/streams/sse/cam0/token", {"connection_id": identity}, headers=late)
        stream.wait("fragment", 10, start=len(stream.events))

    def test_one_user_has_so_many_streams(self):
        self.guarded("--max-per-user", "2")
        self.ready()
        for _ in range(2):
            self.stream("/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"])).wait("fragment")
        self.problem(429, "/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"]))
        self.stream("/streams/sse/cam0/raw", headers=self.bearer(sub="bob", roles=["viewer"])).wait("fragment")

    def test_keys_are_read_again(self):
        server = self.guarded()
        self.ready()
        new = b"quite another secret, long enough too"
        with open(self.key, "wb") as file:
            file.write(new)
        server.process.send_signal(signal.SIGHUP)
        server.wait_line("read again")
        self.problem(401, "/streams/sse/cam0/raw", headers=self.bearer(roles=["viewer"]))
        self.stream("/streams/sse/cam0/raw", headers=self.bearer(secret=new, roles=["viewer"])).wait("fragment")
        with open(self.key, "wb") as file:
            file.write(b"short")
        server.process.send_signal(signal.SIGHUP)
        server.wait_line("what was in force stays so")
        self.stream("/streams/sse/cam0/raw", headers=self.bearer(secret=new, roles=["viewer"])).wait("fragment")


class Refusals(SseTest):
    def test_what_can_not_be_asked_for(self):
        for text, args in (("no camera named", ()), ("is no channel", ("--camera", "cam0,blue=x")),
                           ("named twice", ("--camera", "a,raw=b", "--camera", "a,raw=c")),
                           ("no such mode", ("--camera", "a,raw=b", "--sync", "maybe")),
                           ("up to 10s", ("--camera", "a,raw=b", "--fragment", "60s")),
                           ("--kick-after: it is 1ms at least", ("--camera", "a,raw=b", "--kick-after", "0s")),
                           ("--heartbeat: it is 1ms at least", ("--camera", "a,raw=b", "--heartbeat", "999us")),
                           ("tokens need a key", ("--camera", "a,raw=b", "--auth", "jwt")),
                           ("no such way", ("--camera", "a,raw=b", "--auth", "basic")),
                           ("a certificate needs its key", ("--camera", "a,raw=b", "--tls-cert", "x"))):
            with self.subTest(text):
                self.assert_fails(64, text, "sseserve", *args)
        self.assert_fails(66, "nowhere", "sseserve", "--camera", "a,raw=b", "--auth", "jwt", "--jwt-key", "/nowhere")

    def test_a_raw_ring_is_refused_with_the_command_that_serves_it(self):
        self.start("camcap", "test:", "cam0", "--size", "64x48")
        self.wait_ring("cam0")
        self.assert_fails(65, "shmpub cam0 --out cam0.h264:h264", "sseserve", "--camera", "cam0,raw=cam0")

    def test_a_ring_that_is_not_there_yet_is_waited_for(self):
        self.serve(*CAMERA)
        status, headers, body = self.problem(503, "/readyz")
        self.assertIn(b"there is no ring 'cam0.high' yet", body)
        self.problem(503, "/streams/sse/cam0/raw")
        self.camera("cam0.high:h264,500k")
        self.ready()
        self.stream("/streams/sse/cam0/raw").wait("fragment", 3)


if __name__ == "__main__":
    main()
