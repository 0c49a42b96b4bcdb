"""mjpegserve as clients see it: URLs, headers, limits, deaths, passwords, TLS, sockets of all kinds."""
import base64
import os
import signal
import socket
import ssl
import subprocess
import time
import unittest

from camring_test import main, tool, wait_for
from server import ServerTest

JPEG = b"\xff\xd8"


class Urls(ServerTest):
    def test_every_url_answers_as_the_page_says(self):
        self.camera()
        self.serve("cam0.mjpeg")
        for path in ("/snapshot", "/snapshot.jpg", "/?action=snapshot", "/cam0.mjpeg/snapshot", "/snapshot?after=now"):
            with self.subTest(path=path):
                status, headers, body = self.get(path)
                self.assertEqual((status, headers["Content-Type"], body[:2]), (200, "image/jpeg", JPEG))
                self.assertEqual(headers["Cache-Control"], "no-store")
                self.assertEqual(headers["X-Accel-Buffering"], "no")
                self.assertLess(abs(float(headers["X-Timestamp"]) - time.time()), 60)
        for path in ("/stream", "/?action=stream", "/cam0.mjpeg/stream", "/stream?fps=5"):
            with self.subTest(path=path):
                stream = self.stream(path)
                self.assertEqual(stream.status, 200)
                headers, body = stream.part()
                self.assertEqual((headers["content-type"], body[:2]), ("image/jpeg", JPEG))
                self.assertIn("x-timestamp", headers)
                stream.close()
        self.assertIn(b"<html", self.get("/")[2])
        self.assertEqual(self.get("/healthz")[0], 200)
        wait_for("ready", lambda: self.get("/readyz")[0] == 200)
        self.assertIn(b'camring_frames_total{tool="mjpegserve",ring="cam0.mjpeg"}', self.get("/metrics")[2])
        ring = self.state()["rings"][0]
        self.assertEqual((ring["name"], ring["width"], ring["height"]), ("cam0.mjpeg", 320, 240))

    def test_what_is_not_there_or_not_allowed_is_a_problem_document(self):
        self.camera()
        self.serve("cam0.mjpeg")
        self.assert_problem(self.get("/nothing"), 404)
        self.assert_problem(self.get("/other/stream"), 404)
        self.assert_problem(self.get("/?action=fly"), 404)
        self.assert_problem(self.get("/stream?fps=zero"), 400)
        self.assert_problem(self.get("/snapshot?after=tomorrow"), 400)
        self.assert_problem(self.get("/%zz"), 400)
        self.assert_problem(self.get("/stream", method="POST"), 405)
        status, headers, body = self.get("/snapshot", method="HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 1000)

    def test_pictures_are_the_rings_own_bytes(self):
        self.camera(fps="5")
        self.serve("cam0.mjpeg")
        stream = self.stream()
        parts = [stream.part()[1] for _ in range(8)]
        cat = self.run_tool("shmcat", "cam0.mjpeg", "--start", "oldest", "--frames", "8")
        self.assertTrue(any(part in cat.out for part in parts))

    def test_after_now_is_captured_after_the_request(self):
        self.camera(fps="4")
        self.serve("cam0.mjpeg")
        self.get("/snapshot")
        asked = time.time()
        self.assertGreater(float(self.get("/snapshot?after=now")[1]["X-Timestamp"]), asked)

    def test_fps_thins_the_stream_evenly(self):
        self.camera(fps="25")
        self.serve("cam0.mjpeg")
        stream = self.stream("/stream?fps=5")
        stamps = [float(stream.part()[0]["x-timestamp"]) for _ in range(11)]
        self.assertAlmostEqual((stamps[-1] - stamps[1]) / 9, 0.2, delta=0.05)

    def test_several_rings_on_one_server(self):
        self.camera("a", size="320x240")
        self.camera("b", size="160x120")
        self.serve("a.mjpeg", "b.mjpeg")
        self.assertNotEqual(len(self.get("/a.mjpeg/snapshot")[2]), len(self.get("/b.mjpeg/snapshot")[2]))
        self.assertEqual([ring["name"] for ring in self.state()["rings"]], ["a.mjpeg", "b.mjpeg"])

    def test_ffmpeg_reads_it_without_an_error(self):
        self.camera()
        self.serve("cam0.mjpeg")
        result = self.run_tool("/usr/bin/ffmpeg", "-v", "error", "-f", "mpjpeg", "-i",
                               f"http://{self.host}:{self.port}/stream", "-frames:v", "20", "-f", "null", "-")
        self.assertEqual((result.returncode, result.err), (0, ""))

    def test_curl_keeps_a_connection_for_several_requests(self):
        self.camera()
        self.serve("cam0.mjpeg")
        url = f"http://{self.host}:{self.port}"
        result = self.run_tool("/usr/bin/curl", "-sv", url + "/healthz", url + "/state", url + "/snapshot", "-o", os.devnull,
                               "-o", os.devnull, "-o", os.devnull)
        self.assertIn("Re-using existing connection", result.err)


class Lives(ServerTest):
    def test_a_ring_that_is_not_there_yet_is_waited_for(self):
        self.serve("cam0.mjpeg")
        self.assertIn("no ring", self.assert_problem(self.get("/readyz"), 503)["detail"])
        stream = self.stream()
        headers, body = stream.part()
        self.assertEqual((headers["x-camring-placeholder"], body[:2]), ("1", JPEG))
        self.camera()
        stream.until("a live picture", lambda headers, body: "x-camring-placeholder" not in headers)
        wait_for("ready", lambda: self.get("/readyz")[0] == 200)

    def test_clients_stay_while_camcap_is_killed_and_started_again(self):
        camcap = self.camera()
        self.serve("cam0.mjpeg", "--stale-after", "500ms")
        stream = self.stream()
        stream.part()
        camcap.stop(signal.SIGKILL)
        stream.until("the picture that stands in", lambda headers, body: "x-camring-placeholder" in headers)
        self.assertEqual(self.get("/readyz")[0], 503)
        self.assert_problem(self.get("/snapshot"), 503)
        self.start("camcap", "test:", "cam0", "--size", "320x240")
        stream.until("a live picture", lambda headers, body: "x-camring-placeholder" not in headers)

    def test_a_raw_ring_is_refused_with_the_command_that_helps(self):
        self.start("camcap", "test:", "cam0")
        self.wait_ring("cam0")
        self.assert_fails(65, "shmpub cam0 --out cam0.mjpeg:mjpeg", "mjpegserve", "cam0", "--listen", "0")

    def test_a_port_in_use_is_71(self):
        self.serve("x")
        result = self.run_tool("mjpegserve", "y", "--listen", str(self.port))
        self.assertEqual(result.returncode, 71, result.err)
        self.assertIn("--listen 0", result.err)

    def test_sigterm_ends_it_with_clients_connected(self):
        self.camera()
        server = self.serve("cam0.mjpeg")
        stream = self.stream()
        stream.part()
        self.assertEqual(server.stop(), 0)

    def test_bad_options(self):
        self.assert_fails(64, "no ring named", "mjpegserve")
        self.assert_fails(64, "named twice", "mjpegserve", "a", "a")
        self.assert_fails(64, "127.0.0.1:8080", "mjpegserve", "a", "--listen", "nonsense")
        self.assert_fails(64, "--tls-key", "mjpegserve", "a", "--tls-cert", "x")
        self.assert_fails(64, "200ms", "mjpegserve", "a", "--max-lag", "5")
        self.assert_fails(66, "/nonexistent", "mjpegserve", "a", "--listen", "0", "--auth-file", "/nonexistent")


class BadClients(ServerTest):
    def test_one_that_never_reads_is_closed_and_others_do_not_notice(self):
        self.camera(size="1280x720")
        self.serve("cam0.mjpeg", "--kick-after", "1s")
        lazy = self.connect()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        good = self.stream()
        for _ in range(10):
            good.part()
        wait_for("the lazy client to be closed", lambda: good.part() and self.state()["kicked"] == 1)
        self.assertIsNotNone(good.part())

    def test_garbage_oversized_and_slow_requests(self):
        self.camera()
        self.serve("cam0.mjpeg", "--header-timeout", "1s")
        good = self.stream()
        for text, status in ((b"\x00\x01garbage\r\n\r\n", b"400"), (b"GET / HTTP/9.9\r\n\r\n", b"400"),
                             (b"GET nonsense HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
                             (b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n", b"431")):
            with self.subTest(text=text[:30]):
                connection = self.connect()
                connection.sendall(text)
                self.assertIn(status, connection.recv(200))
        half = self.connect()
        half.sendall(b"GET / HTTP/1.1\r\nHo")
        self.assertEqual(half.recv(100), b"")  # closed when its time was up
        endless = self.connect()
        try:
            for _ in range(1000):
                endless.sendall(b"X-Filler: " + b"a" * 1000 + b"\r\n")
        except OSError:
            pass
        for _ in range(5):
            self.assertIsNotNone(good.part())

    def test_too_many_clients_are_told_to_come_back(self):
        self.camera()
        self.serve("cam0.mjpeg", "--max-clients", "3")
        streams = [self.stream() for _ in range(3)]
        for stream in streams:
            stream.part()
        answer = self.get("/healthz")
        self.assert_problem(answer, 503)
        self.assertIn("Retry-After", answer[1])
        streams[0].close()
        wait_for("a place", lambda: self.get("/healthz")[0] == 200)

    def test_a_client_that_leaves_is_noticed(self):
        self.camera()
        self.serve("cam0.mjpeg")
        stream = self.stream()
        stream.part()
        wait_for("one client", lambda: self.state()["rings"][0]["clients"] == 1)
        stream.close()
        wait_for("no client", lambda: self.state()["rings"][0]["clients"] == 0)


class Protection(ServerTest):
    def basic(self, text):
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    def test_passwords_plain_and_hashed_and_read_again_on_sighup(self):
        path = os.path.join(self.tmp, "passwords")
        hashed = self.run_tool("/usr/bin/openssl", "passwd", "-6", "geheim").out.decode().strip()
        with open(path, "w") as file:
            file.write(f"# viewers\nanna:plain\nbert:{hashed}\n")
        self.camera()
        server = self.serve("cam0.mjpeg", "--auth-file", path)
        answer = self.get("/snapshot")
        self.assert_problem(answer, 401)
        self.assertIn("Basic", answer[1]["WWW-Authenticate"])
        for user, status in (("anna:plain", 200), ("bert:geheim", 200), ("bert:geheim", 200), ("anna:wrong", 401),
                             ("carl:plain", 401), (":", 401)):
            with self.subTest(user=user):
                self.assertEqual(self.get("/snapshot", self.basic(user))[0], status)
        self.assertEqual(self.get("/snapshot", {"Authorization": "Basic !!!"})[0], 401)
        with open(path, "w") as file:
            file.write("carl:new\n")
        server.process.send_signal(signal.SIGHUP)
        server.wait_line("read again")
        self.assertEqual(self.get("/snapshot", self.basic("carl:new"))[0], 200)
        self.assertEqual(self.get("/snapshot", self.basic("anna:plain"))[0], 401)

    def test_tls(self):
        key, certificate = os.path.join(self.tmp, "key.pem"), os.path.join(self.tmp, "cert.pem")
        made = self.run_tool("/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
                             "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out", certificate)
        self.assertEqual(made.returncode, 0, made.err)
        self.camera()
        self.serve("cam0.mjpeg", "--tls-cert", certificate, "--tls-key", key)
        url = f"https://{self.host}:{self.port}"
        self.assertEqual(self.run_tool("/usr/bin/curl", "-s", "--cacert", certificate, url + "/snapshot").out[:2], JPEG)
        context = ssl.create_default_context(cafile=certificate)
        raw = self.connect()
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            data = b""
            while data.count(b"Content-Type: image/jpeg") < 4:
                data += secure.recv(65536)
        self.assert_fails(78, "belong to each other", "mjpegserve", "x", "--listen", "0", "--tls-cert", key, "--tls-key", key)

    def test_cors_is_off_unless_an_origin_is_listed(self):
        self.camera()
        self.serve("cam0.mjpeg", "--cors-origin", "https://good.example")
        good = self.get("/state", {"Origin": "https://good.example"})[1]
        self.assertEqual(good["Access-Control-Allow-Origin"], "https://good.example")
        self.assertIsNone(self.get("/state", {"Origin": "https://bad.example"})[1]["Access-Control-Allow-Origin"])
        self.assertEqual(self.get("/state", {"Origin": "https://good.example"}, "OPTIONS")[0], 204)

    def test_listening_to_others_without_a_password_is_warned_of(self):
        server = self.start("mjpegserve", "x", "--listen", "0.0.0.0:0")
        server.wait_line("--auth-file")


class Sockets(ServerTest):
    def test_a_unix_socket(self):
        path = os.path.join(self.tmp, "http.sock")
        self.camera()
        server = self.start("mjpegserve", "cam0.mjpeg", "--listen", "unix:" + path)
        server.wait_line("serving unix:")
        got = self.run_tool("/usr/bin/curl", "-s", "--unix-socket", path, "http://x/snapshot")
        self.assertEqual(got.out[:2], JPEG)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_a_socket_that_the_service_manager_passes(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = listener.getsockname()
        script = "exec 3<&%d; LISTEN_FDS=1 LISTEN_PID=$$ exec %s cam0.mjpeg" % (listener.fileno(), tool("mjpegserve"))
        server = self.start("/bin/sh", "-c", script, pass_fds=[listener.fileno()])
        server.wait_line("serving http")
        self.assertEqual(self.get("/healthz")[0], 200)
        listener.close()


if __name__ == "__main__":
    main()
