"""What rtspserve does with what is wrong: an answer that says so or an end, and nobody else notices."""
import json
import os
import socket
import unittest

from camring_test import main, wait_for
from rtsp import Client, RtspTest


class BadRequests(RtspTest):
    """A good client plays before, during and after; its stream must not lose a packet."""

    def setUp(self):
        super().setUp()
        self.camera("cam0.h264:h264,300k")
        self.serve("cam0.h264", "--idle-timeout", "2s")
        self.good = self.client()
        self.good.play(self.url("cam0.h264"))
        self.last = self.good.frame()[-1].seq

    def tearDown(self):
        for _ in range(10):
            for packet in self.good.frame():
                self.assertEqual(packet.seq, (self.last + 1) % 65536)
                self.last = packet.seq
        self.assertEqual(self.server.stop(), 0)
        super().tearDown()

    def refused(self, data, status):
        """The bytes are answered with the status, and the connection is closed."""
        client = self.client()
        client.send(data)
        self.assertEqual(client.answer()[0], status)
        with self.assertRaises(ConnectionError):
            client.answer()

    def test_no_rtsp_is_refused(self):
        self.refused(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400)
        self.refused(b"\x00\xff garbage \x01\r\n\r\n", 400)
        self.refused(b"OPTIONS * RTSP/9.9\r\nCSeq: 1\r\n\r\n", 505)
        self.refused(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999999\r\n\r\n", 413)
        self.refused(b"OPTIONS * RTSP/1.0\r\nContent-Length: x\r\n\r\n", 400)

    def test_headers_without_end_are_refused(self):
        client = self.client()
        with self.assertRaises(OSError):
            for _ in range(1000):
                client.send(b"A" * 65536)
        many = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n" + b"X: y\r\n" * 100 + b"\r\n"
        self.refused(many, 400)

    def test_half_a_request_is_closed_in_time(self):
        for text in (b"OPTI", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n", b"$\x01\xff", b""):
            client = self.client()
            client.send(text)
            client.close()
        client = self.client()
        client.send(b"OPTIONS * RTSP/1.0\r\nCSe")
        with self.assertRaises(ConnectionError):
            client.answer()  # after --idle-timeout

    def test_a_request_without_a_number_is_400_and_the_next_is_served(self):
        client = self.client()
        client.send(b"OPTIONS * RTSP/1.0\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: x\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n")
        self.assertEqual(client.answer()[0], 400)
        self.assertEqual(client.answer()[0], 400)
        status, headers, _ = client.answer()
        self.assertEqual((status, headers["cseq"]), (200, ["7"]))

    def test_a_url_that_is_only_a_scheme_is_400(self):
        client = self.client()
        for url in ("rtsp", "rtsps", "rtsps:/", "rtspu"):
            self.assertEqual(client.ask("DESCRIBE", url)[0], 400)
        self.assertEqual(client.ask("OPTIONS", "*")[0], 200)

    def test_a_flood_of_requests_is_served_in_order(self):
        client = self.client()
        for i in range(0, 5000, 500):
            client.send(b"".join(b"OPTIONS * RTSP/1.0\r\nCSeq: %d\r\n\r\n" % n for n in range(i, i + 500)))
            for n in range(i, i + 500):
                status, headers, _ = client.answer()
                self.assertEqual((status, headers["cseq"]), (200, [str(n)]))

    def test_a_flood_whose_answers_nobody_reads_is_bounded(self):
        client = self.client()
        client.socket.settimeout(3)
        with self.assertRaises(OSError):  # it is not read any more, or closed
            for _ in range(100000):
                client.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 100)

    def test_what_is_not_there_is_said(self):
        client = self.client()
        url = self.url("cam0.h264")
        cases = [("DESCRIBE", self.url("other"), (), 404), ("DESCRIBE", url + "/trackID=0", (), 404),
                 ("SETUP", url + "/trackID=1", ("Transport: RTP/AVP/TCP;interleaved=0-1",), 404),
                 ("DESCRIBE", url, ("Accept: text/plain",), 406), ("DESCRIBE", url, ("Require: funky",), 551),
                 ("PLAY", url, (), 454), ("PLAY", url, ("Session: 12345",), 454), ("TEARDOWN", url, ("Session: x",), 454),
                 ("SETUP", url, ("Transport: RTP/AVP/TCP;interleaved=0-1", "Session: 12345"), 454),
                 ("ANNOUNCE", url, (), 405), ("RECORD", url, (), 405), ("FROBNICATE", url, (), 501),
                 ("DESCRIBE", "http://127.0.0.1/cam0.h264", (), 400), ("DESCRIBE", url + "%zz", (), 400),
                 ("DESCRIBE", self.url("../cam0.h264"), (), 404)]
        for method, target, headers, status in cases:
            with self.subTest(method=method, target=target, headers=headers):
                self.assertEqual(client.ask(method, target, *headers)[0], status)

    def test_another_clients_session_is_not_ours(self):
        client = self.client()
        url = self.url("cam0.h264")
        for method in ("PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"):
            self.assertEqual(client.ask(method, url, f"Session: {self.good.session}")[0], 454)

    def test_transports_that_would_harm_others_are_refused(self):
        client = self.client()
        url = self.url("cam0.h264")
        for transport in ("RTP/AVP;unicast;client_port=53-54", "RTP/AVP;unicast;client_port=1023-1024",
                          "RTP/AVP;unicast;client_port=5000-80",
                          "RTP/AVP;unicast;destination=192.0.2.1;client_port=5000-5001",
                          "RTP/AVP;unicast;client_port=0-1", "RTP/AVP;unicast", "RTP/AVP;multicast", "",
                          "RTP/AVP;unicast;client_port=99999-100000", "RTP/SAVP;unicast;client_port=5000-5001",
                          "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record", "RAW/RAW/UDP;unicast;client_port=5000-5001"):
            with self.subTest(transport):
                self.assertEqual(client.ask("SETUP", url, f"Transport: {transport}")[0], 461)
        # The first that can be had is taken.
        status, headers, _ = client.ask("SETUP", url, "Transport: RTP/AVP;unicast;client_port=53-54,RTP/AVP/TCP;interleaved=4-5")
        self.assertEqual(status, 200)
        self.assertIn("interleaved=4-5", headers["transport"][0])
        self.assertEqual(client.ask("SETUP", url, "Transport: RTP/AVP/TCP;interleaved=6-7")[0], 459)
        client.session = None
        self.assertEqual(client.ask("SETUP", url, "Transport: RTP/AVP/TCP;interleaved=5-6", "Session:")[0], 461)  # taken

    def test_rtcp_that_is_none_is_ignored(self):
        client = self.client()
        client.play(self.url("cam0.h264"))
        for data in (b"", b"\x80", b"\xff" * 100, b"\x81\xc9\xff\xff" + b"x" * 40, os.urandom(2000)):
            client.send(b"$\x01" + len(data).to_bytes(2, "big") + data)
            client.send(b"$\x07" + len(data).to_bytes(2, "big") + data)
        for _ in range(5):
            client.frame()

    def test_more_clients_than_allowed_get_503(self):
        self.server.stop()
        self.serve("cam0.h264", "--max-clients", "3", "--max-clients-per-address", "3")
        self.good = self.client()
        self.good.play(self.url("cam0.h264"))
        self.last = self.good.frame()[-1].seq
        others = [self.client() for _ in range(2)]
        for client in others:
            self.assertEqual(client.ask("OPTIONS", "*")[0], 200)
        self.assertEqual(self.client().answer()[0], 503)
        others[0].close()
        wait_for("a place", lambda: json.loads(self.page("/state"))["clients"] == 2)
        self.assertEqual(self.client().ask("OPTIONS", "*")[0], 200)

    def test_many_sessions_on_one_connection_are_bounded(self):
        client = self.client()
        statuses = []
        for i in range(12):
            client.session = None
            statuses.append(client.ask("SETUP", self.url("cam0.h264"),
                                       f"Transport: RTP/AVP/TCP;interleaved={2 * i}-{2 * i + 1}")[0])
        self.assertEqual(statuses, [200] * 8 + [453] * 4)

    def test_a_connection_that_asks_nothing_is_closed(self):
        client = self.client()
        with self.assertRaises(ConnectionError):
            client.answer()


class BadOptions(RtspTest):
    def test_each_is_one_line_that_says_what_to_do(self):
        cases = [((), "no ring named"), (("a", "a"), "named twice"), (("a", "--mount", "x"), "has no ="),
                 (("a", "--mount", "b=../c"), "not a ring name"), (("a", "--listen", "nowhere"), "no place to listen"),
                 (("a", "--tls-cert", "x"), "needs its key"), (("a", "--listen-tls", "1"), "needs a certificate"),
                 (("a", "--multicast", "10.0.0.1"), "no multicast address"), (("a", "--multicast-port", "5001"), "even"),
                 (("a", "--start", "soon"), "--start"), (("a", "--max-lag", "5"), "--max-lag"),
                 (("a", "--auth-file", "b=/tmp/x"), "no mount 'b'"), (("a", "--mtu", "9000"), "--mtu")]
        for arguments, text in cases:
            with self.subTest(arguments):
                self.assert_fails(64, text, "rtspserve", *arguments)

    def test_files_that_are_no_good(self):
        bad = os.path.join(self.tmp, "bad")
        with open(bad, "w") as file:
            file.write("no colon here\n")
        self.assert_fails(66, "read passwords", "rtspserve", "a", "--listen", "0", "--auth-file", "/nonexistent")
        self.assert_fails(78, "no name:password line", "rtspserve", "a", "--listen", "0", "--auth-file", bad)
        self.assert_fails(78, "use certificate", "rtspserve", "a", "--listen", "0", "--tls-cert", bad, "--tls-key", bad)

    def test_a_raw_ring_is_refused_with_the_command_that_helps(self):
        self.start("camcap", "test:", "cam0", "--size", "320x240", "--fps", "5")
        self.wait_ring("cam0")
        self.assert_fails(65, "shmpub cam0 --out cam0.h264:h264", "rtspserve", "cam0", "--listen", "0")

    def test_a_port_in_use_is_said(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.assert_fails(71, "in use", "rtspserve", "a", "--listen", str(taken.getsockname()[1]))


if __name__ == "__main__":
    main()
