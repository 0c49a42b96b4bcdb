"""A running sseserve and a client for it: an event stream read as WHATWG HTML, 9.2.6 says, byte by byte if need be."""
import base64
import hashlib
import hmac
import http.client
import json
import re
import socket
import threading
import time

from camring_test import WATCHDOG, ToolTest, wait_for

SECRET = b"a secret of more than thirty-two bytes"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret=SECRET, **claims):
    """A JSON Web Token, HS256."""
    claims = {"sub": "anna", "exp": time.time() + 600, **claims}
    text = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


class Event:
    def __init__(self, name, data, last_id, at):
        self.name, self.last_id, self.at = name, last_id, at
        lines = data.split("\n")
        self.json = json.loads(lines[0])
        self.bytes = base64.b64decode(lines[1], validate=True) if len(lines) > 1 else b""
        assert len(lines) <= 2, data[:200]

    def __repr__(self):
        return f"<{self.name} {self.json}>"


class EventStream:
    """Reads in a thread; `events` grows, `comments` counts, `ended` says when the server closed."""

    def __init__(self, host, port, path, headers=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WATCHDOG)
        self.socket.connect((host, port))
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.began = time.monotonic()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{lines}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.events, self.comments, self.ended, self.retry = [], 0, False, None
        self.paused = threading.Event()
        self.thread = None
        if self.status == 200:
            self.thread = threading.Thread(target=self._read, daemon=True)
            self.thread.start()

    def _read(self):
        name, data, last_id = "", [], ""
        try:
            while not self.paused.is_set():
                line = self.file.readline()
                if not line.endswith(b"\n"):
                    break
                line = line[:-1].decode()
                if line == "":
                    if data:
                        self.events.append(Event(name or "message", "\n".join(data), last_id, time.monotonic()))
                    name, data = "", []
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    field, _, value = line.partition(":")
                    value = value[1:] if value.startswith(" ") else value
                    if field == "event":
                        name = value
                    elif field == "data":
                        data.append(value)
                    elif field == "id" and "\0" not in value:
                        last_id = value
                    elif field == "retry" and value.isdigit():
                        self.retry = int(value)
        except (OSError, ValueError):
            pass
        self.ended = not self.paused.is_set()

    def of(self, *names, start=0):
        return [event for event in list(self.events)[start:] if event.name in names]

    def wait(self, name, count=1, start=0, **wanted):
        """The first `count` events of a name (with these members), from position `start` on; the last of them."""
        def look():
            found = [e for e in self.of(name, start=start) if all(e.json.get(k) == v for k, v in wanted.items())]
            return found[count - 1] if len(found) >= count else None
        try:
            return wait_for(f"{count} x {name} {wanted}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}; status {self.status}, there are {self.events[-12:]}") from None

    def close(self):
        self.paused.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        if self.thread:
            self.thread.join(5)


class SseTest(ToolTest):
    def camera(self, *outputs, fps=30, ring="cam0", size="320x240", options=()):
        camcap = self.start("camcap", "test:", ring, "--size", size, "--fps", fps)
        args = [word for output in outputs for word in ("--out", output)]
        self.publisher = self.start("shmpub", ring, *args, *options)
        for output in outputs:
            self.wait_ring(output.split(":")[0], 0)
        return camcap

    def serve(self, *args, **kwargs):
        server = self.start("sseserve", *args, "--listen", "0", **kwargs)
        match = re.search(r"https?://([\d.]+):(\d+)", server.wait_line("serving http"))
        self.host, self.port = match.group(1), int(match.group(2))
        return server

    def request(self, path, body=None, headers=None, method=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=WATCHDOG)
        try:
            data = json.dumps(body).encode() if isinstance(body, dict) else body
            connection.request(method or ("POST" if body is not None else "GET"), path, body=data, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, path, body=None, headers=None, status=200):
        answer = self.request(path, body, headers)
        self.assertEqual(answer[0], status, answer[2])
        return json.loads(answer[2])

    def problem(self, status, path, body=None, headers=None, method=None):
        answer = self.request(path, body, headers, method)
        self.assertEqual(answer[0], status, answer[2])
        self.assertEqual(answer[1]["Content-Type"], "application/problem+json")
        problem = json.loads(answer[2])
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["detail"])
        return answer

    def stream(self, path, headers=None, **kwargs):
        stream = EventStream(self.host, self.port, path, headers, **kwargs)
        self.addCleanup(stream.close)
        return stream

    def ready(self):
        wait_for("ready", lambda: self.request("/readyz")[0] == 200)
