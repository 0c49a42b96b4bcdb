"""Players and libraries that nobody here wrote get every picture, once, in order and at its time.

Pictures carry their frame number (libcommon/frame/pattern_code.h); it is read from what each player decoded.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import threading
import unittest

import rings
from camring_test import main, tool
from rings import Reader, number_in
from rtsp import RtspTest

WIDTH, HEIGHT, FPS = 320, 240, 25
SECONDS = 5
MEDIA = {"h264": "h264,1M", "hevc": "hevc,1M", "mjpeg": "mjpeg,q85"}


def gstreamer(*elements):
    if not shutil.which("gst-inspect-1.0"):
        return False
    return all(subprocess.run(["gst-inspect-1.0", "--exists", element]).returncode == 0 for element in elements)


def python_has(module):
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0


class Players(RtspTest):
    def setUp(self):
        super().setUp()
        self.camera(*(f"{name}:{spec}" for name, spec in MEDIA.items()), size=f"{WIDTH}x{HEIGHT}", fps=FPS,
                    options=["--frames", "64"])
        # Software decoders of three codecs share the machine with the encoders: what is tested is not their speed.
        self.serve(*MEDIA, "--max-lag", "5s")
        self.published = {mount: self.watch(mount) for mount in MEDIA}

    def watch(self, mount):
        """The source numbers of the frames that the ring gets, as they come: an encoder that starts may leave some out."""
        numbers, ended = [], threading.Event()
        reader = Reader(rings.library(), mount)

        def run():
            while not ended.is_set():
                frame = reader.next(0.1)
                if frame:
                    numbers.append(frame.source_number)
            reader.close()
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        return numbers

    def player(self, *command, seconds=60):
        result = subprocess.run(command, capture_output=True, timeout=seconds, env=self.env)
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""), command)
        return result.stdout

    def check_pictures(self, luma, mount, at_least=SECONDS * FPS - 5):
        """What was shown is what the ring had, one after the other, from some frame on."""
        size = WIDTH * HEIGHT
        self.assertEqual(len(luma) % size, 0)
        numbers = [number_in(luma[i:i + size], WIDTH, HEIGHT) for i in range(0, len(luma), size)]
        self.assertGreaterEqual(len(numbers), at_least)
        self.assertNotIn(None, numbers)
        published = self.published[mount]
        begin = published.index(numbers[0])
        self.assertEqual(numbers, published[begin:begin + len(numbers)])

    def ffmpeg_numbers(self, transport, mount):
        luma = self.player("ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", self.url(mount),
                           "-t", str(SECONDS), "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "rawvideo", "-pix_fmt", "gray", "-")
        self.check_pictures(luma, mount)

    def test_ffmpeg_over_tcp(self):
        for mount in MEDIA:
            with self.subTest(mount):
                self.ffmpeg_numbers("tcp", mount)

    def test_ffmpeg_over_udp(self):
        for mount in MEDIA:
            with self.subTest(mount):
                self.ffmpeg_numbers("udp", mount)

    def test_ffprobe_sees_the_camera_s_times(self):
        for mount in MEDIA:
            with self.subTest(mount):
                out = self.player("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+3",
                                  "-show_entries", "stream=codec_name,width,height:packet=pts", "-of", "json",
                                  self.url(mount))
                seen = json.loads(out)
                self.assertEqual(seen["streams"], [{"codec_name": mount, "width": WIDTH, "height": HEIGHT}])
                times = [packet["pts"] for packet in seen["packets"] if "pts" in packet]
                self.assertGreater(len(times), 50)
                for a, b in zip(times, times[1:]):
                    self.assertAlmostEqual(b - a, 3600, delta=450)  # 40 ms; the source's clock is a timer's

    @unittest.skipUnless(gstreamer("rtspsrc", "avdec_h264", "avdec_h265", "jpegdec", "rtph264depay"),
                         "GStreamer's plugins are not installed (gstreamer1.0-plugins-good, gstreamer1.0-libav)")
    def test_gstreamer(self):
        decoders = {"h264": "rtph264depay ! h264parse ! avdec_h264", "hevc": "rtph265depay ! h265parse ! avdec_h265",
                    "mjpeg": "rtpjpegdepay ! jpegdec"}
        for mount, decoder in decoders.items():
            for protocol in ("tcp", "udp"):
                with self.subTest(mount=mount, protocol=protocol):
                    target = os.path.join(self.tmp, "gray")
                    self.player("gst-launch-1.0", "-q", "rtspsrc", f"location={self.url(mount)}",
                                f"protocols={protocol}", "latency=300", "drop-on-latency=false", "!", *decoder.split(),
                                "!", "identity", f"eos-after={SECONDS * FPS}", "!", "videoconvert", "!",
                                f"video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT}", "!", "filesink",
                                f"location={target}")
                    with open(target, "rb") as file:
                        self.check_pictures(file.read(), mount)

    @unittest.skipUnless(python_has("cv2"), "OpenCV for Python is not installed (python3-opencv)")
    def test_opencv(self):
        program = ("import cv2, sys; capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)\n"
                   "for _ in range(int(sys.argv[2])):\n"
                   "    good, picture = capture.read()\n"
                   "    assert good\n"
                   "    sys.stdout.buffer.write(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).tobytes())\n")
        for mount in MEDIA:
            with self.subTest(mount):
                self.check_pictures(self.player(sys.executable, "-c", program, self.url(mount), str(SECONDS * FPS)),
                                    mount)

    @unittest.skipUnless(glob.glob("/usr/lib/*/vlc/plugins/access/liblive555_plugin.so") and shutil.which("cvlc"),
                         "no VLC that speaks RTSP: Debian 12's is built without live555")
    def test_vlc(self):
        target = os.path.join(self.tmp, "vlc.ts")
        os.chmod(self.tmp, 0o777)
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        subprocess.run([*as_user, "cvlc", "--no-audio", "--rtsp-tcp", f"--run-time={SECONDS}", "--sout",
                        f"#std{{access=file,mux=ts,dst={target}}}", self.url("h264"), "vlc://quit"],
                       env={**self.env, "HOME": self.tmp}, capture_output=True, timeout=60)
        self.check_pictures(self.player("ffmpeg", "-nostdin", "-v", "error", "-i", target, "-fps_mode", "passthrough",
                                        "-f", "rawvideo", "-pix_fmt", "gray", "-"), "h264", at_least=(SECONDS - 2) * FPS)

    @unittest.skipUnless(shutil.which("openRTSP"), "live555's openRTSP is not installed (no package in Debian 12)")
    def test_live555(self):
        luma = None
        for option in ("-t", ""):
            stream = self.player("openRTSP", *filter(None, ["-V", "-v", option, "-d", str(SECONDS)]), self.url("h264"))
            luma = subprocess.run(["ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-fps_mode", "passthrough", "-f",
                                   "rawvideo", "-pix_fmt", "gray", "-"], input=stream, capture_output=True).stdout
            self.check_pictures(luma, "h264", at_least=(SECONDS - 1) * FPS)


class Secure(RtspTest):
    def setUp(self):
        super().setUp()
        self.camera("cam0.h264:h264,500k", size=f"{WIDTH}x{HEIGHT}", fps=FPS)
        certificate, key = os.path.join(self.tmp, "cert.pem"), os.path.join(self.tmp, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=localhost"], capture_output=True, check=True)
        self.start_secure(certificate, key)

    def start_secure(self, certificate, key):
        passwords = os.path.join(self.tmp, "passwords")
        with open(passwords, "w") as file:
            file.write("viewer:secret\n")
        server = self.start("rtspserve", "cam0.h264", "--listen-tls", "0", "--listen", "0", "--tls-cert", certificate,
                            "--tls-key", key, "--auth-file", passwords)
        self.secure = server.wait_line("serving rtsps://").split()[-1].replace("rtsps://", "rtsps://viewer:secret@")
        self.plain = server.wait_line("serving rtsp://").split()[-1]

    def play(self, transport, url):
        return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-t", "2",
                               "-f", "null", "-"], capture_output=True, text=True, timeout=60)

    def test_passwords_tls_and_srtp_by_ffmpeg(self):
        for transport, url in (("tcp", self.secure), ("tcp", self.secure + "?srtp"), ("udp", self.secure + "?srtp"),
                               ("tcp", self.plain.replace("rtsp://", "rtsp://viewer:secret@"))):
            with self.subTest(transport=transport, url=url):
                result = self.play(transport, url)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
        for user in ("", "viewer:wrong@", "other:secret@"):
            with self.subTest(user):
                result = self.play("tcp", self.plain.replace("rtsp://", "rtsp://" + user))
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("401", result.stderr)


class Multicast(RtspTest):
    """In a network of its own, where multicast stays on the loopback interface."""

    def test_ffmpeg_in_a_group(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
            self.skipTest("no right to make a network namespace")
        if not shutil.which("ip"):
            self.skipTest("ip is not installed (iproute2)")
        self.camera("cam0.h264:h264,500k", size=f"{WIDTH}x{HEIGHT}", fps=FPS)
        script = os.path.join(self.tmp, "run")
        with open(script, "w") as file:
            file.write("""set -e
ip link set lo up; ip route add 239.0.0.0/8 dev lo
"$1" cam0.h264 --listen 18554 --multicast 239.255.42.1 & server=$!
trap 'kill $server' EXIT
for i in $(seq 100); do ss -ltn | grep -q :18554 && break; sleep 0.1; done
play() { ffmpeg -nostdin -v error -rtsp_transport udp_multicast -i rtsp://127.0.0.1:18554/cam0.h264 -t 3 \
  -fps_mode passthrough -enc_time_base 1:90000 -f rawvideo -pix_fmt gray -y "$1"; }
play "$2.1"
""")
        result = subprocess.run(["unshare", "-n", "bash", script, tool("rtspserve"), os.path.join(self.tmp, "out")],
                                env=self.env, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(os.path.join(self.tmp, "out.1"), "rb") as file:
            luma = file.read()
        size = WIDTH * HEIGHT
        numbers = [number_in(luma[i:i + size], WIDTH, HEIGHT) for i in range(0, len(luma), size)]
        self.assertGreaterEqual(len(numbers), 60)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))


if __name__ == "__main__":
    main()
