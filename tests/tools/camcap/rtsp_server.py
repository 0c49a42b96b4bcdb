"""A small RTSP server (RFC 2326) for tests: one H.264 stream, over TCP or UDP, with faults on demand.

The parameter sets stand in the SDP only, as with many cameras.
"""
import base64
import re
import socket
import struct
import threading

PAYLOAD = 1200


def nal_units(data):
    return [nal for nal in re.split(b"\x00\x00\x00?\x01", data) if nal]


class RtspServer:
    """Serves the access units of an Annex B file with one slice a picture, again and again, `rate` a second."""

    def __init__(self, annexb, rate=25, user=None, password=None):
        nals = nal_units(annexb)
        kind = [nal[0] & 0x1f for nal in nals]
        self.sps = nals[kind.index(7)]
        self.pps = nals[kind.index(8)]
        self.slices = [nal for nal, k in zip(nals, kind) if k in (1, 5)]
        self.rate = rate
        self.login = base64.b64encode(f"{user}:{password}".encode()).decode() if user else None
        self.frozen = threading.Event()
        self.closing = threading.Event()
        self.transports = []
        self.agents = []
        self.connections = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def url(self, login=""):
        return f"rtsp://{login}127.0.0.1:{self.port}/stream"

    def drop_clients(self):
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.drop_clients()
        for thread in self.threads:
            thread.join(10)
        self.udp.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        play, gone = None, threading.Event()
        try:
            with connection, connection.makefile("rb") as lines:
                while True:
                    first = lines.readline()
                    if not first:
                        return
                    if first[:1] == b"$":  # RTCP from the client, interleaved
                        head = first + lines.read(max(0, 4 - len(first)))
                        rest = struct.unpack(">H", head[2:4])[0] - (len(head) - 4)
                        lines.read(max(0, rest))
                        continue
                    headers = {}
                    while (line := lines.readline().strip()):
                        key, _, value = line.decode().partition(":")
                        headers[key.lower()] = value.strip()
                    reply, send = self._answer(connection, first.decode().split()[0], headers)
                    connection.sendall(reply)
                    if send:
                        play = threading.Thread(target=self._play, args=(send, gone), daemon=True)
                        play.start()
        except (OSError, ValueError):
            pass
        finally:
            gone.set()
            if play:
                play.join(10)
            self.connections.remove(connection)

    def _answer(self, connection, method, headers):
        def reply(status, extra="", body=""):
            text = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '0')}\r\n{extra}"
            if body:
                text += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            return (text + "\r\n" + body).encode()

        self.agents.append(headers.get("user-agent", ""))
        if method == "OPTIONS":
            return reply("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"), None
        if self.login and headers.get("authorization") != "Basic " + self.login:
            return reply("401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n'), None
        if method == "DESCRIBE":
            sets = ",".join(base64.b64encode(nal).decode() for nal in (self.sps, self.pps))
            return reply("200 OK", f"Content-Base: {self.url()}/\r\n", "\r\n".join(
                ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=test", "c=IN IP4 127.0.0.1", "t=0 0", "m=video 0 RTP/AVP 96",
                 "a=rtpmap:96 H264/90000", f"a=framerate:{self.rate}",
                 f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}", "a=control:track1", ""])), None
        if method == "SETUP":
            transport = headers["transport"]
            ports = re.search(r"client_port=(\d+)", transport)
            self.transports.append("udp" if ports else "tcp")
            self.target = int(ports.group(1)) if ports else None
            return reply("200 OK", f"Session: 1\r\nTransport: {transport};server_port=5000-5001\r\n" if ports else
                         f"Session: 1\r\nTransport: {transport}\r\n"), None
        if method == "PLAY":
            if self.target is None:
                return reply("200 OK", "Session: 1\r\n"), lambda rtp: connection.sendall(
                    b"$\x00" + struct.pack(">H", len(rtp)) + rtp)
            udp = self.udp
            return reply("200 OK", "Session: 1\r\n"), lambda rtp, to=self.target: udp.sendto(rtp, ("127.0.0.1", to))
        return reply("200 OK", "Session: 1\r\n"), None

    def _play(self, send, gone):
        sequence, number = 0, 0
        try:
            while not gone.wait(1 / self.rate) and not self.closing.is_set():
                if self.frozen.is_set():
                    continue
                nal = self.slices[number % len(self.slices)]
                for payload, last in self._payloads(nal):
                    send(struct.pack(">BBHII", 0x80, 96 | (0x80 if last else 0), sequence & 0xffff,
                                     number * 90000 // self.rate & 0xffffffff, 0x1234) + payload)
                    sequence += 1
                number += 1
        except OSError:
            pass

    @staticmethod
    def _payloads(nal):
        """RFC 6184: whole, or in FU-A fragments."""
        if len(nal) <= PAYLOAD:
            yield nal, True
            return
        body = nal[1:]
        for at in range(0, len(body), PAYLOAD):
            last = at + PAYLOAD >= len(body)
            kind = (nal[0] & 0x1f) | (0x80 if at == 0 else 0) | (0x40 if last else 0)
            yield bytes([(nal[0] & 0xe0) | 28, kind]) + body[at:at + PAYLOAD], last
