"""mjpegserve's connections: what browsers need, how they end, who says too much, what is refused at the start."""
import os
import ssl
import unittest

from camring_test import main, wait_for
from server import ServerTest

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
IMAGES = "image/avif,image/webp,image/apng,*/*;q=0.8"


class HeadersInAdvance(ServerTest):
    def first_picture(self, path, headers):
        """The bytes of a stream up to and with the first picture, and those up to the next picture's begin."""
        connection = self.connect()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        data = b""
        while data.count(b"\xff\xd8\xff") < 2:
            more = connection.recv(65536)
            self.assertTrue(more, data[-200:])
            data += more
        connection.close()
        start = data.index(b"\xff\xd8\xff")
        return data[:start], data[start:data.index(b"\xff\xd8\xff", start + 1)]

    def setUp(self):
        super().setUp()
        self.camera()
        self.serve("cam0.mjpeg")

    def assert_in_advance(self, wanted, path, headers):
        before, picture = self.first_picture(path, headers)
        self.assertEqual(b"Content-Length" not in before.partition(b"\r\n\r\n")[2], wanted, before)
        self.assertEqual(b"X-Timestamp" not in picture, wanted, picture[-200:])
        if wanted:  # the picture is followed by the whole header of the next, so that it is shown at once
            self.assertRegex(picture, rb"(?s)\xff\xd9\r\n--\S+\r\nContent-Type: image/jpeg\r\n\r\n\Z")

    def test_a_chromium_page_gets_the_next_parts_header_with_each_picture(self):
        self.assert_in_advance(True, "/stream", {"User-Agent": CHROME, "Accept": IMAGES})

    def test_everybody_else_gets_length_and_time(self):
        self.assert_in_advance(False, "/stream", {"User-Agent": "curl/7.88.1", "Accept": "*/*"})
        self.assert_in_advance(False, "/stream", {"User-Agent": CHROME, "Accept": "*/*"})
        self.assert_in_advance(False, "/stream", {})

    def test_it_can_be_asked_for_and_declined(self):
        self.assert_in_advance(True, "/stream?advance_headers=1", {})
        self.assert_in_advance(False, "/stream?advance_headers=0", {"User-Agent": CHROME, "Accept": IMAGES})


class Ends(ServerTest):
    def test_tls_ends_with_close_notify(self):
        key, certificate = os.path.join(self.tmp, "key.pem"), os.path.join(self.tmp, "cert.pem")
        made = self.run_tool("/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
                             "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out", certificate)
        self.assertEqual(made.returncode, 0, made.err)
        self.camera()
        self.serve("cam0.mjpeg", "--tls-cert", certificate, "--tls-key", key)
        context = ssl.create_default_context(cafile=certificate)
        for request in ("GET /healthz", "GET /snapshot", "HEAD /stream"):
            # Without a close_notify the end is an SSLEOFError: it could be an attacker's (RFC 8446, section 6.1).
            with self.subTest(request), context.wrap_socket(self.connect(), server_hostname="127.0.0.1",
                                                            suppress_ragged_eofs=False) as secure:
                secure.sendall(f"{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                data = b""
                while more := secure.recv(65536):
                    data += more
                self.assertTrue(data.startswith(b"HTTP/1.1 200"), data[:100])

    def test_a_client_that_chatters_into_its_stream_is_closed(self):
        self.camera()
        self.serve("cam0.mjpeg")
        quiet, chatty = self.stream(), self.stream()
        quiet.part()
        chatty.part()
        chatty.socket.sendall(b"x" * 1000)  # a little is forgiven
        chatty.part()
        wait_for("two clients", lambda: self.state()["rings"][0]["clients"] == 2)

        def closed():
            try:
                chatty.socket.sendall(b"x" * 4096)
                chatty.socket.recv(1 << 20)
            except OSError:
                return True
            return self.state()["rings"][0]["clients"] == 1
        wait_for("the end of the chatter", closed)
        wait_for("one client", lambda: self.state()["rings"][0]["clients"] == 1)
        self.assertIsNotNone(quiet.part())

    def test_a_hash_that_can_not_be_checked_is_refused_at_the_start(self):
        path = os.path.join(self.tmp, "passwords")
        with open(path, "w") as file:
            file.write("anna:plain\nbert:$nosuchmethod$abc$def\n")
        self.assert_fails(78, path + ":2", "mjpegserve", "x", "--listen", "0", "--auth-file", path)


if __name__ == "__main__":
    main()
