#!/usr/bin/env python3
"""A small server of what the page of sseserve speaks, to work on the page without cameras: two pictures of ffmpeg.

    mock.py [PORT]     http://127.0.0.1:8081/ shows tools/sseserve/web/index.html as it is at that moment

One camera, cam0, with the channels raw and annotated (which comes 60 ms later), quality "high", fmp4 and jpeg.
?access_token=short gives a token of 20 s, renewed by any other. Loopback only, and at most eight streams.
"""
import base64
import collections
import http.server
import json
import os
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 3, "tools", "sseserve", "web", "index.html")
WIDTH, HEIGHT, FPS = 640, 360, 30
LATE = {"raw": 0.0, "annotated": 0.06}
FILTER = {"raw": "null", "annotated": "negate,hue=h=90"}

Fragment = collections.namedtuple("Fragment", "seq key time capture data")


def boxes(data):
    """(type, begin, end) of each box in data."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + size
        at += size


def read_box(pipe):
    head = pipe.read(8)
    if len(head) < 8:
        return None, b""
    size, kind = struct.unpack(">I4s", head)
    return kind, head + pipe.read(size - 8)


def place(moof, ticks):
    """(moof with its baseMediaDecodeTime set to ticks, whether its first sample is a keyframe)."""
    moof, key = bytearray(moof), True
    for kind, begin, end in boxes(moof[8:]):
        if kind != b"traf":
            continue
        inner = 8 + begin + 8
        for part, first, last in boxes(moof[inner:8 + end]):
            at = inner + first
            if part == b"tfdt":
                struct.pack_into(">Q" if moof[at + 8] else ">I", moof, at + 12, ticks)
            if part in (b"tfhd", b"trun"):
                flags = struct.unpack_from(">I", moof, at + 8)[0] & 0xffffff
                if part == b"tfhd" and flags & 0x20:
                    key = not struct.unpack_from(">I", moof, at + last - first - 4)[0] & 0x10000
                if part == b"trun" and flags & 4:
                    key = not struct.unpack_from(">I", moof, at + 16 + (4 if flags & 1 else 0))[0] & 0x10000
    return bytes(moof), key


class Channel:
    """ffmpeg's pictures of the last group of pictures, and whoever waits for the next one."""

    def __init__(self, name, start):
        self.name, self.start, self.news = name, start, threading.Condition()
        self.init, self.group, self.image, self.seq = b"", [], b"", 0
        source = ["-re", "-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS},{FILTER[name]}"]
        self.run(source + ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", str(FPS),
                           "-pix_fmt", "yuv420p", "-profile:v", "baseline", "-video_track_timescale", "90000",
                           "-movflags", "frag_every_frame+empty_moov+default_base_moof", "-f", "mp4"], self.fragments)
        self.run(source + ["-c:v", "mjpeg", "-q:v", "5", "-r", "10", "-f", "mpjpeg"], self.images)

    def run(self, args, read):
        process = subprocess.Popen(["ffmpeg", "-nostdin", "-v", "error", *args, "-flush_packets", "1", "-"],
                                   stdout=subprocess.PIPE)
        threading.Thread(target=read, args=(process.stdout,), daemon=True).start()

    def fragments(self, pipe):
        moof = b""
        while True:
            kind, data = read_box(pipe)
            if kind is None:
                return
            if kind in (b"ftyp", b"moov"):
                self.init += data
            elif kind == b"moof":
                moof = data
            elif kind == b"mdat":
                capture = time.time()
                placed, key = place(moof, int((capture - self.start) * 90000))
                threading.Timer(LATE[self.name], self.publish, [capture, key, placed + data]).start()

    def publish(self, capture, key, data):
        with self.news:
            self.seq += 1
            fragment = Fragment(self.seq, key, capture - self.start, capture * 1000, data)
            self.group = ([] if key else self.group) + [fragment]
            self.news.notify_all()

    def images(self, pipe):
        while True:
            length = 0
            while (line := pipe.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if length:
                self.image = pipe.read(length)
            elif not line:
                return

    @property
    def codec(self):
        at = self.init.index(b"avcC")
        return "avc1." + self.init[at + 5:at + 8].hex()


class Stream:
    """One client: what it wants, and how far it is."""

    def __init__(self, handler, names, wanted, jpeg, expires):
        self.handler, self.names, self.wanted, self.jpeg = handler, names, wanted, jpeg
        self.expires, self.warned = expires, False
        self.id = base64.urlsafe_b64encode(os.urandom(6)).decode()

    def send(self, event, info, data=None, seq=None):
        lines = [f"event: {event}", f"data: {json.dumps(info)}"]
        if data is not None:
            lines.append("data: " + base64.b64encode(data).decode())
        if seq is not None:
            lines.append(f"id: {seq}")
        self.handler.wfile.write(("\n".join(lines) + "\n\n").encode())
        self.handler.wfile.flush()

    def hello(self):
        left = self.expires and (self.expires - time.time()) * 1000
        self.send("hello", {"connection_id": self.id, "camera": "cam0", "channels": {name: ["high"] for name in self.names},
                            "channel": self.wanted, "quality": "high", "format": "jpeg" if self.jpeg else "fmp4",
                            "resumed": False, "now": time.time() * 1000, "heartbeat_ms": 30000, "token_expires_ms": left})

    def run(self, channels):
        current, last, synced = None, 0, 0
        self.hello()
        while True:
            if current is None or current.name != self.wanted:
                if current is not None:
                    self.send("switch", {"channel": self.wanted, "quality": "high", "reason": "asked", "detail": ""})
                current, last = channels[self.wanted], 0
                if not self.jpeg:
                    self.send("init", {"channel": current.name, "quality": "high", "width": WIDTH, "height": HEIGHT,
                                       "mime": f'video/mp4; codecs="{current.codec}"'}, current.init)
            with current.news:
                current.news.wait_for(lambda: current.seq > last or self.wanted != current.name, 1)
                fragments = [fragment for fragment in current.group if fragment.seq > last]
            for fragment in fragments:
                last = fragment.seq
                info = {"channel": current.name, "quality": "high", "seq": last, "number": last, "key": fragment.key,
                        "time": fragment.time, "capture": fragment.capture, "duration": 1000 / FPS}
                if not self.jpeg:
                    self.send("fragment", info, fragment.data, last)
                elif current.image and fragment is fragments[-1]:
                    self.send("jpeg", info, current.image, last)
                if current.name == "annotated" and last % 5 == 0:
                    self.send("detections", {"channel": "annotated", "number": last, "capture": fragment.capture, "metadata":
                                             {"detections": [{"label": "person", "score": last % 100 / 100}]}})
            if len(self.names) == 2 and time.time() > synced + 1:
                synced = time.time()
                self.send("sync", {"offset_ms": 12.3, "hold_ms": 80, "within": True, "violations": 0, "degraded": False})
            if self.expires and not self.warned and time.time() > self.expires - 10:
                self.warned = True
                self.send("token", {"expires_in_ms": (self.expires - time.time()) * 1000})
            if self.expires and time.time() > self.expires:
                return self.send("bye", {"reason": "token expired"})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    channels, streams = {}, {}

    def log_message(self, *args):
        pass

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, status, value):
        self.answer(status, "application/json" if status == 200 else "application/problem+json", json.dumps(value).encode())

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        if url.path == "/":
            with open(PAGE, "rb") as page:
                return self.answer(200, "text/html; charset=utf-8", page.read())
        if url.path == "/state":
            return self.answer_json(200, {"tool": "sseserve", "cameras": [{"name": "cam0", "ready": True, "reason": "", "channels": [
                {"name": name, "qualities": [{"name": "high", "ring": "cam0.high", "codec": channel.codec, "width": WIDTH,
                                              "height": HEIGHT, "fps": FPS, "ready": True}]}
                for name, channel in self.channels.items()]}]})
        if parts[:3] == ["streams", "sse", "cam0"] and parts[3:] in (["raw"], ["annotated"], ["dual"]):
            if len(self.streams) >= 8:
                return self.answer_json(503, {"status": 503, "detail": "eight streams are enough"})
            return self.stream(parts[3], query)
        self.answer_json(404, {"status": 404, "detail": "nothing is here"})

    def stream(self, kind, query):
        names = list(self.channels) if kind == "dual" else [kind]
        wanted = query.get("initial_channel", "raw") if kind == "dual" else kind
        expires = time.time() + 20 if query.get("access_token") == "short" else None
        stream = Stream(self, names, wanted, query.get("format") == "jpeg", expires)
        self.streams[stream.id] = stream
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        try:
            stream.run(self.channels)
        except OSError:
            pass
        finally:
            del self.streams[stream.id]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stream = self.streams.get(body.get("connection_id"))
        if stream is None:
            return self.answer_json(404, {"status": 404, "detail": "no such connection"})
        if self.path.endswith("/switch"):
            if body.get("new_channel") not in stream.names:
                return self.answer_json(400, {"status": 400, "detail": "no such channel"})
            stream.wanted = body["new_channel"]
            with self.channels["raw"].news, self.channels["annotated"].news:
                for channel in self.channels.values():
                    channel.news.notify_all()
            return self.answer_json(200, {"channel": stream.wanted, "quality": "high"})
        if self.path.endswith("/token") and self.headers["Authorization"] not in (None, "Bearer short"):
            stream.expires = None
            return self.answer_json(200, {})
        self.answer_json(401, {"status": 401, "detail": "no valid token"})


def main():
    start = time.time()
    Handler.channels = {name: Channel(name, start) for name in ("raw", "annotated")}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8081), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
