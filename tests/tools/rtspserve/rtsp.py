"""A small RTSP client of the tests' own, which can also misbehave; and the server with a source."""
import hashlib
import itertools
import os
import re
import socket
import struct
import urllib.request

import rings
from camring_test import WATCHDOG, ToolTest, wait_for


class Client:
    """One connection. RTP and RTCP that come interleaved are kept in `packets`: (channel, bytes)."""

    def __init__(self, port, host="127.0.0.1", **kwargs):
        self.socket = socket.create_connection((host, port), timeout=WATCHDOG, **kwargs)
        self.buffer, self.packets, self.cseq, self.session = b"", [], 0, None

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def _packet(self):
        """Takes an interleaved packet off the buffer: True when there was one."""
        if self.buffer[:1] != b"$" or len(self.buffer) < 4:
            return False
        size = struct.unpack(">H", self.buffer[2:4])[0]
        if len(self.buffer) < 4 + size:
            return False
        self.packets.append((self.buffer[1], self.buffer[4:4 + size]))
        self.buffer = self.buffer[4 + size:]
        return True

    def answer(self):
        """The next answer: (status, headers in lower case, body)."""
        while True:
            while self._packet():
                pass
            if self.buffer[:1] not in (b"", b"$") and b"\r\n\r\n" in self.buffer:
                break
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            headers.setdefault(name.lower(), []).append(value)
        size = int(headers.get("content-length", ["0"])[0])
        while len(self.buffer) < size:
            self._more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return int(lines[0].split()[1]), headers, body.decode()

    def ask(self, method, url, *headers, body=""):
        self.cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}", *headers]
        if self.session and not any(line.startswith("Session:") for line in headers):
            lines.append(f"Session: {self.session}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        status, fields, text = self.answer()
        if "session" in fields:
            self.session = fields["session"][0].split(";")[0]
        return status, fields, text

    def play(self, url, transport="RTP/AVP/TCP;unicast;interleaved=0-1"):
        """DESCRIBE, SETUP and PLAY; returns the answer to PLAY's headers."""
        status, _, sdp = self.ask("DESCRIBE", url)
        assert status == 200, status
        assert "a=control:trackID=0" in sdp, sdp
        status, headers, _ = self.ask("SETUP", url + "/trackID=0", f"Transport: {transport}")
        assert status == 200, status
        self.transport = headers["transport"][0]
        status, headers, _ = self.ask("PLAY", url + "/")
        assert status == 200, status
        return headers

    def packet(self, channel=0):
        """The next packet of a channel."""
        while True:
            for i, (at, data) in enumerate(self.packets):
                if at == channel:
                    del self.packets[:i + 1]
                    return data
            self.packets.clear()
            while not self._packet():
                self._more()

    def frame(self):
        """The packets of the next whole access unit, parsed."""
        packets = []
        while True:
            packets.append(Rtp(self.packet()))
            if packets[-1].marker:
                return packets


class Rtp:
    def __init__(self, data):
        first, second, self.seq, self.time, self.ssrc = struct.unpack(">BBHII", data[:12])
        assert first >> 6 == 2
        self.marker, self.type, self.payload = bool(second & 0x80), second & 0x7f, data[12:]


def sender_report(data):
    """(ssrc, seconds since 1970, RTP time) of an RTCP packet that begins with a sender report."""
    assert data[1] == 200, data
    ssrc, seconds, fraction, rtp = struct.unpack(">IIII", data[4:20])
    return ssrc, seconds - 2208988800 + fraction / 2**32, rtp


def digest(user, password, method, url, challenge):
    """An answer to a Digest challenge (RFC 2069's form), computed here."""
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
    algorithm = fields.get("algorithm", "MD5")
    make = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5
    h = lambda text: make(text.encode()).hexdigest()
    response = h(h(f"{user}:{fields['realm']}:{password}") + f":{fields['nonce']}:" + h(f"{method}:{url}"))
    return (f'Authorization: Digest username="{user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", '
            f'uri="{url}", response="{response}", algorithm={algorithm}')


class RtspTest(ToolTest):
    """A camera with a pattern, its encoded rings, and a server of them."""

    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir

    def camera(self, *outputs, size="320x240", fps=25, options=()):
        self.start("camcap", "test:", "cam0", "--size", size, "--fps", str(fps))
        orders = itertools.chain.from_iterable(("--out", output) for output in outputs)
        encoder = self.start("shmpub", "cam0", *options, *orders)
        for output in outputs:
            self.wait_ring(output.split(":")[0], 0)
        return encoder

    def serve(self, *args, listen="0"):
        """Starts the server; its RTSP port is self.port, that of its pages self.http."""
        server = self.start("rtspserve", *args, "--listen", listen, "--http", "0")
        self.http = int(re.search(r":(\d+)/$", server.wait_line("serving http://")).group(1))
        self.port = int(re.search(r":(\d+)/", server.wait_line("serving rtsp://")).group(1))
        self.server = server
        return server

    def url(self, mount):
        return f"rtsp://127.0.0.1:{self.port}/{mount}"

    def client(self, host="127.0.0.1", **kwargs):
        client = Client(self.port, host, **kwargs)
        self.addCleanup(client.close)
        return client

    def page(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=WATCHDOG) as answer:
            return answer.read().decode()

    def wait_no_session(self):
        import json
        wait_for("the sessions to end", lambda: json.loads(self.page("/state"))["sessions"] == [])
