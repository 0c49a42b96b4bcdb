"""A running mjpegserve and ways to talk to it: whole answers, and raw streams part by part."""
import http.client
import json
import re
import socket
import time
import urllib.parse

from camring_test import WATCHDOG, ToolTest


class ServerTest(ToolTest):
    def camera(self, ring="cam0", size="320x240", fps="25"):
        """test pattern -> ring -> ring.mjpeg; the camcap."""
        camcap = self.start("camcap", "test:", ring, "--size", size, "--fps", fps)
        self.start("shmpub", ring, "--out", f"{ring}.mjpeg:mjpeg,q70")
        self.wait_ring(f"{ring}.mjpeg", 0)  # it encodes when somebody watches
        return camcap

    def serve(self, *args, **kwargs):
        """Starts mjpegserve on a free port; sets self.host and self.port."""
        server = self.start("mjpegserve", *args, "--listen", "0", **kwargs)
        match = re.search(r"https?://([\d.]+):(\d+)", server.wait_line("serving http"))
        self.host, self.port = match.group(1), int(match.group(2))
        return server

    def get(self, path, headers=None, method="GET"):
        """(status, headers, body) of one request."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=WATCHDOG)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def state(self):
        return json.loads(self.get("/state")[2])

    def stream(self, path="/stream"):
        stream = Stream(self.host, self.port, path)
        self.addCleanup(stream.close)
        return stream

    def connect(self):
        connection = socket.create_connection((self.host, self.port), timeout=WATCHDOG)
        self.addCleanup(connection.close)
        return connection

    def assert_problem(self, answer, status):
        self.assertEqual(answer[0], status, answer[2])
        self.assertEqual(answer[1]["Content-Type"], "application/problem+json")
        body = json.loads(answer[2])
        self.assertEqual(body["status"], status)
        self.assertTrue(body["detail"])
        return body


class Stream:
    """A multipart stream read part by part."""

    def __init__(self, host, port, path):
        self.socket = socket.create_connection((host, port), timeout=WATCHDOG)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = self._headers()
        self.boundary = b"--" + self.headers.get("content-type", "").partition("boundary=")[2].encode()

    def _headers(self):
        headers = {}
        while True:
            line = self.file.readline()
            if line in (b"\r\n", b""):
                return headers
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()

    def part(self):
        """(headers, body) of the next part; None at the end."""
        line = self.file.readline()
        while line == b"\r\n":
            line = self.file.readline()
        if not line:
            return None
        assert line.strip() == self.boundary, (line, self.boundary)
        headers = self._headers()
        return headers, self.file.read(int(headers["content-length"]))

    def until(self, what, predicate, seconds=WATCHDOG):
        """The first part for which predicate(headers, body) holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            part = self.part()
            if part is None:
                raise AssertionError(f"the stream ended before {what}")
            if predicate(*part):
                return part
        raise AssertionError(f"waited in vain for {what}")

    def close(self):
        self.file.close()
        self.socket.close()
