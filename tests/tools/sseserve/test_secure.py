"""sseserve over TLS: the same streams, an orderly end, and strangers at the door."""
import json
import os
import signal
import socket
import ssl

from camring_test import WATCHDOG, main, wait_for
from sse import SseTest


class Secure(SseTest):
    def make(self, name):
        """A certificate of its own and its key, in one place: (certificate, key)."""
        certificate, key = os.path.join(self.tmp, "cert.pem"), os.path.join(self.tmp, "key.pem")
        made = self.run_tool("/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                             "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                             "-keyout", key, "-out", certificate)
        self.assertEqual(made.returncode, 0, made.err)
        return certificate, key

    def guarded(self, *options):
        self.certificate, key = self.make("localhost")
        self.camera("cam0.high:h264,500k")
        server = self.serve("--camera", "cam0,raw=cam0.high", "--tls-cert", self.certificate, "--tls-key", key, *options)
        wait_for("ready", lambda: b" 200 " in self.ask("/readyz").partition(b"\r\n")[0])
        return server

    def connect(self, cafile=None):
        context = ssl.create_default_context(cafile=cafile or self.certificate)
        plain = socket.create_connection((self.host, self.port), timeout=WATCHDOG)
        secure = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.addCleanup(secure.close)
        return secure

    def ask(self, path):
        with self.connect() as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while data := client.recv(65536):
                answer += data
            return answer

    def stream(self, path, until):
        client = self.connect()
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return client, self.read(client, until)

    @staticmethod
    def read(client, until):
        text = b""
        while not until(text):
            data = client.recv(65536)
            if data == b"":
                break
            text += data
        return text

    def test_the_end_is_said_over_tls_too(self):
        server = self.guarded()
        client, text = self.stream("/streams/sse/cam0/raw", lambda text: text.count(b"event: fragment") >= 5)
        self.assertIn(b"event: hello", text)
        plain, _ = self.stream("/streams/fmp4/cam0/raw", lambda text: b"moof" in text)
        server.process.send_signal(signal.SIGTERM)
        # Without close_notify, recv() would raise: the end could be an attacker's.
        rest = self.read(client, lambda text: False)
        self.assertIn(b'event: bye\ndata: {"reason":"server stops"}\n\n', rest)
        self.read(plain, lambda text: False)
        self.assertEqual(server.wait(), 0)

    def test_garbage_instead_of_a_handshake_harms_nobody(self):
        self.guarded("--header-timeout", "500ms")
        client, _ = self.stream("/streams/sse/cam0/raw", lambda text: text.count(b"event: fragment") >= 2)
        strangers = []
        for data in (b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 4000, os.urandom(3000),
                     b"\x15\x03\x03\x00\x02\x02\x28", b"", b"\x16\x03\x01\x00\x05\x01"):
            stranger = socket.create_connection((self.host, self.port), timeout=WATCHDOG)
            self.addCleanup(stranger.close)
            stranger.sendall(data)
            strangers.append(stranger)
        for stranger in strangers:  # each is closed, the silent ones after a while
            try:
                while stranger.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        # One that leaves in the middle of a stream, without a word.
        rude, _ = self.stream("/streams/sse/cam0/raw", lambda text: b"event: fragment" in text)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        rude.close()
        more = self.read(client, lambda text: text.count(b"event: fragment") >= 10)
        self.assertGreaterEqual(more.count(b"event: fragment"), 10)
        wait_for("the rude one's place",
                 lambda: json.loads(self.ask("/streams/sse/stats").partition(b"\r\n\r\n")[2])["streams"] == 1)

    def test_a_certificate_is_read_again_and_a_broken_one_is_not_taken(self):
        server = self.guarded()
        first, _ = self.stream("/streams/sse/cam0/raw", lambda text: b"event: fragment" in text)
        old = first.getpeercert()["serialNumber"]
        self.make("localhost")
        server.process.send_signal(signal.SIGHUP)
        server.wait_line("read again")
        new = self.connect().getpeercert()["serialNumber"]
        self.assertNotEqual(new, old)
        with open(self.certificate, "rb") as file:
            good = file.read()
        with open(self.certificate, "w", encoding="ascii") as file:
            file.write("no certificate")
        server.process.send_signal(signal.SIGHUP)
        server.wait_line("what was in force stays so")
        known = os.path.join(self.tmp, "known.pem")
        with open(known, "wb") as file:
            file.write(good)
        self.assertEqual(self.connect(known).getpeercert()["serialNumber"], new)
        self.assertIn(b"event: fragment", self.read(first, lambda text: b"event: fragment" in text))


if __name__ == "__main__":
    main()
