"""sseserve with a thousand viewers and more, one of them asleep; and what it says when there is no room."""
import re
import resource
import selectors
import socket

from camring_test import main, wait_for
from sse import SseTest

VIEWERS = 1200


class Viewer:
    """A connection that counts what comes in; nothing is kept of pictures."""

    MARKS = (b"event: hello\n", b"event: init\n", b"event: fragment\n")

    def __init__(self, host, port, path, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect((host, port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        self.socket.setblocking(False)
        self.counts, self.rest, self.ended = [0, 0, 0], b"", False

    def read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        self.ended = data == b""
        text = self.rest + data
        for i, mark in enumerate(self.MARKS):
            self.counts[i] += text.count(mark) - self.rest.count(mark)
        self.rest = text[-15:]  # of a mark that is cut


class Crowd(SseTest):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2 * VIEWERS:
            self.skipTest(f"{hard} descriptors are all that this system allows")
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * VIEWERS, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def memory(self, server):
        with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024

    def serve_crowd(self):
        # As a shell or a unit starts it: with room for a thousand descriptors, and leave to take more.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        server = self.serve("--camera", "cam0,raw=cam0.high", "--max-connections", str(VIEWERS), "--max-clients-per-address",
                            str(2 * VIEWERS), "--kick-after", "60s", "--max-lag", "2s",
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard)))
        self.ready()
        return server

    def test_more_than_a_thousand_get_everything_and_one_more_is_told_to_come_back(self):
        self.camera("cam0.high:h264,100k", fps=5, size="160x120")
        server = self.serve_crowd()
        first = self.stream("/streams/sse/cam0/raw")
        first.wait("fragment", 3)
        before = self.memory(server)
        asleep = Viewer(self.host, self.port, "/streams/sse/cam0/raw", receive_buffer=4096)
        self.addCleanup(asleep.socket.close)
        poll = selectors.DefaultSelector()
        self.addCleanup(poll.close)
        viewers = []

        def read_all():
            for key, _ in poll.select(0.05):
                key.data.read()
                if key.data.ended:
                    poll.unregister(key.fileobj)

        for _ in range(VIEWERS - 2):
            viewer = Viewer(self.host, self.port, "/streams/sse/cam0/raw")
            self.addCleanup(viewer.socket.close)
            poll.register(viewer.socket, selectors.EVENT_READ, viewer)
            viewers.append(viewer)
            if len(viewers) % 100 == 0:
                read_all()

        def complete():
            read_all()
            return all(hello == 1 and init == 1 and fragments >= 10 for hello, init, fragments in (one.counts for one in viewers))
        wait_for("ten fragments for each", complete)
        each = (self.memory(server) - before) / (len(viewers) + 1)
        print(f"{len(viewers) + 2} viewers, {each / 1024:.1f} kB each", flush=True)
        self.assertLess(each, 100_000)
        _, headers, _ = self.problem(503, "/streams/sse/cam0/raw")
        self.assertGreater(int(headers["Retry-After"]), 0)
        stats = self.json("/streams/sse/stats")
        self.assertEqual((stats["streams"], len(stats["sessions"]), stats["kicked"]), (VIEWERS, VIEWERS, 0))
        self.assertFalse(any(one.ended for one in viewers))
        numbers = [event.json["seq"] for event in first.of("fragment")]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        # Their places are free again, all of them.
        for one in [asleep, *viewers]:
            one.socket.close()
        poll.close()
        wait_for("room", lambda: self.json("/streams/sse/stats")["streams"] == 1)
        self.stream("/streams/sse/cam0/raw").wait("fragment")


if __name__ == "__main__":
    main()
