"""What rtspserve does for a client that keeps to the protocol: start, time, reports, endings, and cameras that go."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from camring_test import main, tool, wait_for
from rtsp import Rtp, RtspTest, digest, sender_report


class Sessions(RtspTest):
    def test_a_stream_over_tcp_in_order_and_on_time(self):
        self.camera("cam0.h264:h264,500k")
        self.serve("cam0.h264")
        client = self.client()
        status, headers, _ = client.ask("OPTIONS", self.url("cam0.h264"))
        self.assertEqual(status, 200)
        self.assertIn("GET_PARAMETER", headers["public"][0])
        headers = client.play(self.url("cam0.h264"))
        info = headers.get("rtp-info", [""])[0]
        report = sender_report(client.packet(1))
        frames = [client.frame() for _ in range(50)]
        packets = [packet for frame in frames for packet in frame]
        first = packets[0].seq
        self.assertEqual([p.seq for p in packets], [(first + i) % 65536 for i in range(len(packets))])
        if info:
            self.assertIn(f"seq={first};rtptime={packets[0].time}", info)
        self.assertEqual({p.ssrc for p in packets}, {report[0]})
        self.assertEqual(packets[0].payload[0] & 0x1f, 24)  # parameter sets together, ahead of all
        steps = [(b[0].time - a[0].time) % 2**32 for a, b in zip(frames, frames[1:])]
        # 40 ms at 90 kHz; a single frame is as late as the machine's timers.
        self.assertAlmostEqual(sum(steps) / len(steps), 3600, delta=100)
        self.assertTrue(all(step < 2**31 for step in steps), steps)
        # The report ties RTP time to the wall clock: what was captured last is younger than a second.
        age = time.time() - (report[1] + ((frames[-1][0].time - report[2] + 2**31) % 2**32 - 2**31) / 90000)
        self.assertTrue(0 <= age < 1, age)
        status, _, _ = client.ask("TEARDOWN", self.url("cam0.h264"))
        self.assertEqual(status, 200)
        self.wait_no_session()

    def test_a_stream_over_udp_with_reports_and_reception_in_state(self):
        self.camera("cam0.h264:h264,500k")
        self.serve("cam0.h264")
        rtp, rtcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        with rtp, rtcp:
            for sock in (rtp, rtcp):
                sock.bind(("127.0.0.1", 0))
                sock.settimeout(20)
            ports = f"{rtp.getsockname()[1]}-{rtcp.getsockname()[1]}"
            client = self.client()
            client.play(self.url("cam0.h264"), f"RTP/AVP;unicast;client_port={ports}")
            server_rtcp = int(re.search(r"server_port=\d+-(\d+)", client.transport).group(1))
            ssrc, _, _ = sender_report(rtcp.recv(2048))
            packets = [Rtp(rtp.recv(65536)) for _ in range(60)]
            self.assertEqual([p.seq for p in packets], [(packets[0].seq + i) % 65536 for i in range(60)])
            self.assertEqual({p.ssrc for p in packets}, {ssrc})
            report = rtcp.recv(2048)  # the second comes within 2.5 s and lets a receiver measure the round trip
            last = int.from_bytes(report[10:14], "big")
            words = (99, ssrc, 0x40 << 24 | 7, packets[-1].seq, 900, last, 0)
            rtcp.sendto(b"\x81\xc9\0\7" + b"".join(w.to_bytes(4, "big") for w in words), ("127.0.0.1", server_rtcp))

            def reception():
                session = json.loads(self.page("/state"))["sessions"][0]
                return session if session["loss"] is not None else None
            session = wait_for("the reception in /state", reception)
            self.assertEqual((session["loss"], session["lost"], session["jitter_ms"]), (0.25, 7, 10.0))
            self.assertLess(session["round_trip_ms"], 1000)
            self.assertEqual(session["transport"], "udp")
            self.assertEqual(client.ask("PAUSE", self.url("cam0.h264"))[0], 200)
            rtp.settimeout(0.5)
            try:
                for _ in range(1000):
                    rtp.recv(65536)
                self.fail("packets after PAUSE")
            except TimeoutError:
                pass
            self.assertEqual(client.ask("PLAY", self.url("cam0.h264"))[0], 200)
            rtp.settimeout(20)
            self.assertEqual(Rtp(rtp.recv(65536)).ssrc, ssrc)

    def test_over_udp_everything_comes_from_the_address_that_the_client_reached(self):
        self.camera("cam0.h264:h264,500k")
        self.serve("cam0.h264", listen="*:0")
        for host, family in (("127.0.0.1", socket.AF_INET), ("127.0.0.2", socket.AF_INET), ("::1", socket.AF_INET6)):
            with self.subTest(host), socket.socket(family, socket.SOCK_DGRAM) as rtp, \
                    socket.socket(family, socket.SOCK_DGRAM) as rtcp:
                for sock in (rtp, rtcp):
                    # The client's own address is another: the system would choose that for answers as well.
                    sock.bind((host if family == socket.AF_INET6 else "127.0.0.1", 0))
                    sock.settimeout(20)
                source = None if family == socket.AF_INET6 else ("127.0.0.1", 0)
                client = self.client(host, source_address=source)
                ports = f"{rtp.getsockname()[1]}-{rtcp.getsockname()[1]}"
                client.play(self.url("cam0.h264"), f"RTP/AVP;unicast;client_port={ports}")
                self.assertIn(f";source={host};", client.transport)
                server = [int(port) for port in re.search(r"server_port=(\d+)-(\d+)", client.transport).groups()]
                for sock, port in ((rtcp, server[1]), (rtp, server[0])):
                    for _ in range(2 if sock is rtcp else 30):
                        self.assertEqual(sock.recvfrom(65536)[1][:2], (host, port))

    def test_a_recorder_that_comes_back_with_the_same_ports_takes_its_stream_over(self):
        self.camera("cam0.h264:h264,500k")
        self.serve("cam0.h264")
        with socket.socket(type=socket.SOCK_DGRAM) as rtp:
            rtp.bind(("127.0.0.1", 0))
            rtp.settimeout(20)
            port = rtp.getsockname()[1]
            lost, back = self.client(), self.client()
            for client in (lost, back):
                client.play(self.url("cam0.h264"), f"RTP/AVP;unicast;client_port={port}-{port + 1}")
            self.assertEqual(len(json.loads(self.page("/state"))["sessions"]), 1)
            self.assertEqual(lost.ask("PLAY", self.url("cam0.h264"))[0], 454)
            self.assertEqual(back.ask("GET_PARAMETER", self.url("cam0.h264"))[0], 200)
            rtp.recv(65536)

    def test_the_first_picture_is_there_at_once(self):
        self.camera("cam0.h264:h264,500k", options=["--no-on-demand"])
        self.serve("cam0.h264")
        self.wait_ring("cam0.h264", 30)
        for _ in range(3):
            client = self.client()
            client.play(self.url("cam0.h264"))
            first = client.frame()
            self.assertEqual(first[0].payload[0] & 0x1f, 24)  # a keyframe, from the cache

    def test_requested_and_live_starts_begin_with_a_keyframe_too(self):
        self.camera("cam0.h264:h264,500k")
        for start in ("request", "live"):
            with self.subTest(start):
                server = self.serve("cam0.h264", "--start", start)
                watching = self.client()
                watching.play(self.url("cam0.h264"))
                watching.frame()
                client = self.client()
                headers = client.play(self.url("cam0.h264"))
                self.assertNotIn("rtp-info", headers)  # not known before the keyframe is there
                self.assertEqual(client.frame()[0].payload[0] & 0x1f, 24)
                self.assertEqual(server.stop(), 0)

    def test_the_writer_dies_and_returns_and_the_session_goes_on(self):
        encoder = self.camera("cam0.h264:h264,500k")
        self.serve("cam0.h264")
        client = self.client()
        client.play(self.url("cam0.h264"))
        before = [client.frame() for _ in range(10)][-1][-1]
        encoder.stop(signal.SIGKILL)
        time.sleep(0.5)  # a gap that the times must show
        self.start("shmpub", "cam0", "--out", "cam0.h264:h264,500k")
        last = before
        end = time.monotonic() + 20
        while time.monotonic() < end:
            frame = client.frame()
            self.assertEqual(frame[0].ssrc, before.ssrc)
            self.assertEqual(frame[0].seq, (last.seq + 1) % 65536)
            self.assertGreater((frame[0].time - last.time) % 2**32, 0)
            self.assertLess((frame[0].time - last.time) % 2**32, 20 * 90000)
            gap = (frame[0].time - last.time) % 2**32
            last = frame[-1]
            if gap > 0.4 * 90000:
                break
        else:
            self.fail("no picture from the second writer")
        self.assertEqual(frame[0].payload[0] & 0x1f, 24)

    def test_another_size_goes_on_in_the_same_session_and_another_codec_ends_it(self):
        encoder = self.camera("x:h264,320x240,500k")
        self.serve("x")
        client = self.client()
        client.play(self.url("x"))
        client.frame()
        encoder.stop()
        encoder = self.start("shmpub", "cam0", "--out", "x:h264,160x120,500k")
        second = self.client()

        def sized():
            return "a=framesize:96 160-120" in second.ask("DESCRIBE", self.url("x"))[2]
        wait_for("a description of the new size", sized)
        for _ in range(200):
            frame = client.frame()
            if frame[0].payload[0] & 0x1f == 24:
                break
        encoder.stop()
        self.start("shmpub", "cam0", "--out", "x:mjpeg,160x120")
        with self.assertRaises(ConnectionError):
            while True:
                client.frame()
        third = self.client()
        wait_for("a description of JPEG", lambda: "JPEG/90000" in third.ask("DESCRIBE", self.url("x"))[2])

    def test_a_client_that_never_reads_is_closed_and_harms_nobody(self):
        self.camera("cam0.h264:h264,20M", size="1280x720", options=["--no-on-demand"])
        self.serve("cam0.h264", "--kick-after", "1s", "--max-lag", "200ms")
        stuck = self.client()
        stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        good = self.client()
        stuck.play(self.url("cam0.h264"))
        good.play(self.url("cam0.h264"))
        last = good.frame()[-1].seq

        def kicked():
            nonlocal last
            for packet in good.frame():
                self.assertEqual(packet.seq, (last + 1) % 65536)
                last = packet.seq
            return json.loads(self.page("/state"))["kicked"] == 1
        wait_for("the client that never reads to be closed", kicked)
        good.frame()

    def test_nothing_is_encoded_when_nobody_watches(self):
        self.camera("cam0.h264:h264,500k")
        self.serve("cam0.h264")
        client = self.client()
        client.play(self.url("cam0.h264"))
        client.frame()
        client.close()
        self.wait_no_session()

        def asleep():
            before = self.rings()["cam0.h264"]["head"]
            time.sleep(0.5)
            return self.rings()["cam0.h264"]["head"] == before
        wait_for("the encoder to rest", asleep)

    def test_a_ring_that_comes_later_is_waited_for(self):
        self.serve("later")
        self.assertIn("there is no ring 'later' yet", self.readyz())
        client = self.client()
        status, headers, _ = client.ask("DESCRIBE", self.url("later"))
        self.assertEqual(status, 503)
        self.camera("later:h264,500k")
        client.play(self.url("later"))
        client.frame()
        self.assertEqual(self.page("/readyz"), "ready\n")

    def readyz(self):
        import urllib.error
        try:
            return self.page("/readyz")
        except urllib.error.HTTPError as error:
            self.assertEqual(error.code, 503)
            return error.read().decode()

    def test_names_passwords_and_who_may_see_what(self):
        self.camera("a:h264,500k", "b:h264,500k")
        plain, hashed = os.path.join(self.tmp, "plain"), os.path.join(self.tmp, "hashed")
        with open(plain, "w") as file:
            file.write("viewer:secret\n")
        made = subprocess.run(["openssl", "passwd", "-6", "geheim"], capture_output=True, text=True, check=True)
        with open(hashed, "w") as file:
            file.write("gast:" + made.stdout)
        self.serve("a", "b", "--mount", "front=a", "--auth-file", f"a={plain}", "--auth-file", f"b={hashed}")
        client = self.client()
        self.assertEqual(client.ask("DESCRIBE", self.url("front"))[0], 200)
        status, headers, _ = client.ask("DESCRIBE", self.url("a"))
        self.assertEqual(status, 401)
        challenges = headers["www-authenticate"]
        self.assertEqual([c.split()[0] for c in challenges], ["Digest", "Digest", "Basic"])
        for challenge in challenges[:2]:
            proof = digest("viewer", "secret", "DESCRIBE", self.url("a"), challenge)
            self.assertEqual(client.ask("DESCRIBE", self.url("a"), proof)[0], 200)
            # Neither a wrong password, nor another method or mount with the same proof.
            self.assertEqual(client.ask("DESCRIBE", self.url("a"), digest("viewer", "x", "DESCRIBE", self.url("a"), challenge))[0], 401)
            self.assertEqual(client.ask("SETUP", self.url("a"), proof)[0], 401)
            self.assertEqual(client.ask("DESCRIBE", self.url("b"), proof)[0], 401)
        status, headers, _ = client.ask("DESCRIBE", self.url("b"))
        self.assertEqual([c.split()[0] for c in headers["www-authenticate"]], ["Basic"])
        self.assertEqual(client.ask("DESCRIBE", self.url("b"), "Authorization: Basic Z2FzdDpnZWhlaW0=")[0], 200)
        self.assertEqual(client.ask("DESCRIBE", self.url("b"), "Authorization: Basic Z2FzdDpmYWxzY2g=")[0], 401)
        with open(plain, "w") as file:
            file.write("viewer:other\n")
        self.server.process.send_signal(signal.SIGHUP)
        self.server.wait_line("read again")
        proof = digest("viewer", "other", "DESCRIBE", self.url("a"), challenges[0])
        self.assertEqual(client.ask("DESCRIBE", self.url("a"), proof)[0], 200)

    def test_it_ends_at_once_and_says_goodbye(self):
        self.camera("cam0.h264:h264,500k")
        server = self.serve("cam0.h264")
        client = self.client()
        client.play(self.url("cam0.h264"))
        client.frame()
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 1)
        goodbye = False
        with self.assertRaises(ConnectionError):
            while True:
                packet = client.packet(1)
                goodbye = goodbye or b"\x81\xcb\0\1" in packet
        self.assertTrue(goodbye)


class Publishing(RtspTest):
    def test_a_relay_gets_the_stream_and_may_go_and_come_back(self):
        self.camera("cam0.h264:h264,500k")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        target = os.path.join(self.tmp, "relayed.ts")

        def relay():
            return self.start("/usr/bin/ffmpeg", "-nostdin", "-v", "error", "-rtsp_flags", "listen", "-i",
                              f"rtsp://127.0.0.1:{port}/live", "-t", "2", "-c", "copy", "-y", target)
        first = relay()
        self.serve("cam0.h264", "--publish", f"rtsp://127.0.0.1:{port}/live")
        self.assertEqual(first.wait(), 0, first.stderr)
        second = relay()
        self.assertEqual(second.wait(), 0, second.stderr)
        seen = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames",
                               "-of", "csv=p=0", target], capture_output=True, text=True, timeout=60)
        codec, frames = seen.stdout.split()[0].split(",")
        self.assertEqual((codec, seen.stderr), ("h264", ""))
        self.assertGreaterEqual(int(frames), 45)
        state = json.loads(self.page("/state"))["publish"]
        self.assertGreaterEqual(state["reconnects"], 1)

    def test_it_ends_at_once_while_a_name_server_does_not_answer(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("no right to make namespaces")
        if not shutil.which("ip"):
            self.skipTest("ip is not installed (iproute2)")
        self.camera("cam0.h264:h264,500k", options=["--no-on-demand"])
        self.wait_ring("cam0.h264", 1)
        script = os.path.join(self.tmp, "run")
        with open(script, "w") as file:
            file.write("""set -e
ip link set lo up
printf 'nameserver 127.0.0.1\noptions timeout:30 attempts:5\n' > "$1"
mount --bind "$1" /etc/resolv.conf
setpriv --pdeathsig KILL python3 -c '
import socket, sys
server = socket.socket(type=socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("name server is there", file=sys.stderr, flush=True)
server.recv(512)
print("name server is asked", file=sys.stderr, flush=True)
while True:
    server.recv(512)' &
exec "$2" cam0.h264 --listen 0 --publish rtsp://relay.example:8554/cam0
""")
        server = self.start(shutil.which("unshare"), "-n", "-m", "bash", script, os.path.join(self.tmp, "resolv"),
                            tool("rtspserve"),
                            # ThreadSanitizer waits a second at the end for threads that still run, as one shall here.
                            env={"TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":atexit_sleep_ms=0"})
        server.wait_line("name server is asked")
        began = time.monotonic()
        self.assertEqual(server.stop(), 0, server.stderr)
        self.assertLess(time.monotonic() - began, 1)

    def test_bad_relays_are_said(self):
        self.assert_fails(64, "no rtsp:// URL", "rtspserve", "a", "--publish", "http://x/y")
        self.assert_fails(64, "names no path", "rtspserve", "a", "--publish", "rtsp://x")
        self.assert_fails(64, "for everybody to read", "rtspserve", "a", "--publish", "rtsp://u:p@x/y")
        self.assert_fails(66, "read password", "rtspserve", "a", "--listen", "0", "--publish", "rtsp://u@127.0.0.1:1/y",
                          "--publish-password", "/nonexistent")


if __name__ == "__main__":
    main()
