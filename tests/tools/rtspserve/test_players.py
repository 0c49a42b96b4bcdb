"""Players and libraries that nobody here wrote get every picture, once, in order and at its time, for ten seconds each.

Each test plays all codecs at once, as several viewers of one server.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from camring_test import main, wait_for
from players import FPS, HEIGHT, MEDIA, SECONDS, WIDTH, PlayersTest, ffmpeg_command, gstreamer, python_has


class Players(PlayersTest):
    def setUp(self):
        super().setUp()
        self.stream()

    def test_ffmpeg(self):
        played = self.play_all({(transport, mount): ffmpeg_command(transport, self.url(mount))
                                for transport in ("tcp", "udp") for mount in MEDIA})
        for (transport, mount), result in played.items():
            with self.subTest(transport=transport, mount=mount):
                self.check_pictures(self.check_player(result), mount)

    @unittest.skipUnless(shutil.which("ffplay"), "ffplay is not installed (ffmpeg)")
    def test_ffplay(self):
        playing = {(transport, mount): self.start(
            shutil.which("ffplay"), "-nostats", "-an", "-noframedrop", "-rtsp_transport", transport, "-vf",
            "showinfo=checksum=0", self.url(mount), env={"SDL_VIDEODRIVER": "dummy"}, stdout=subprocess.DEVNULL)
            for transport in ("tcp", "udp") for mount in MEDIA}
        # ffmpeg knows no time of the first pictures of some codecs.
        shown = lambda player: [int(time) for time in re.findall(r"\bn: *\d+ pts: *(-?\d+) ", player.stderr)]
        for (transport, mount), player in playing.items():
            with self.subTest(transport=transport, mount=mount):
                wait_for("ten seconds of pictures", lambda: len(shown(player)) >= SECONDS * FPS)
                self.check_times(mount, shown(player))

    def test_ffprobe_sees_the_camera_s_times(self):
        probed = self.play_all({mount: ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals",
                                        f"%+{SECONDS}", "-show_entries",
                                        "stream=codec_name,width,height:packet=pts", "-of", "json", self.url(mount)]
                                for mount in MEDIA})
        for mount, result in probed.items():
            with self.subTest(mount):
                seen = json.loads(self.check_player(result))
                self.assertEqual(seen["streams"], [{"codec_name": mount, "width": WIDTH, "height": HEIGHT}])
                times = [packet["pts"] for packet in seen["packets"] if "pts" in packet]
                self.assertGreater(times[-1] - times[0], (SECONDS - 1) * 90_000)
                self.check_times(mount, times)

    @unittest.skipUnless(gstreamer("rtspsrc", "avdec_h264", "avdec_h265", "jpegdec", "rtph264depay"),
                         "GStreamer's plugins are not installed (gstreamer1.0-plugins-good, gstreamer1.0-libav)")
    def test_gstreamer(self):
        decoders = {"h264": "rtph264depay ! h264parse ! avdec_h264", "hevc": "rtph265depay ! h265parse ! avdec_h265",
                    "mjpeg": "rtpjpegdepay ! jpegdec"}
        target = lambda protocol, mount: os.path.join(self.tmp, f"{mount}.{protocol}")
        played = self.play_all({(protocol, mount): [
            "gst-launch-1.0", "rtspsrc", f"location={self.url(mount)}", f"protocols={protocol}", "latency=300",
            "drop-on-latency=false", "!", *decoder.split(), "!", "identity", f"eos-after={SECONDS * FPS}", "!",
            "videoconvert", "!", f"video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT}", "!", "filesink",
            f"location={target(protocol, mount)}"] for protocol in ("tcp", "udp") for mount, decoder in decoders.items()},
            env={"LC_ALL": "C"})
        for (protocol, mount), result in played.items():
            with self.subTest(protocol=protocol, mount=mount):
                self.check_gstreamer(result)
                with open(target(protocol, mount), "rb") as file:
                    self.check_pictures(file.read(), mount)

    @unittest.skipUnless(python_has("cv2"), "OpenCV for Python is not installed (python3-opencv)")
    def test_opencv(self):
        program = ("import cv2, sys; capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)\n"
                   "for _ in range(int(sys.argv[2])):\n"
                   "    good, picture = capture.read()\n"
                   "    assert good\n"
                   "    sys.stdout.buffer.write(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).tobytes())\n")
        played = self.play_all({mount: [sys.executable, "-c", program, self.url(mount), str(SECONDS * FPS)]
                                for mount in MEDIA})
        for mount, result in played.items():
            with self.subTest(mount):
                self.check_pictures(self.check_player(result), mount)

    @unittest.skipUnless(glob.glob("/usr/lib/*/vlc/plugins/access/liblive555_plugin.so") and shutil.which("cvlc"),
                         "no VLC that speaks RTSP: Debian 12's is built without live555")
    def test_vlc(self):
        target = os.path.join(self.tmp, "vlc.ts")
        os.chmod(self.tmp, 0o777)
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        subprocess.run([*as_user, "cvlc", "--no-audio", "--rtsp-tcp", f"--run-time={SECONDS}", "--sout",
                        f"#std{{access=file,mux=ts,dst={target}}}", self.url("h264"), "vlc://quit"],
                       env={**self.env, "HOME": self.tmp}, capture_output=True, timeout=60)
        played = self.play_all({"vlc": ["ffmpeg", "-nostdin", "-v", "error", "-i", target, "-fps_mode", "passthrough",
                                        "-f", "rawvideo", "-pix_fmt", "gray", "-"]})
        self.check_pictures(self.check_player(played["vlc"]), "h264", SECONDS - 2)

    @unittest.skipUnless(shutil.which("openRTSP"), "live555's openRTSP is not installed (no package in Debian 12)")
    def test_live555(self):
        played = self.play_all({option: ["openRTSP", *filter(None, ["-V", "-v", option, "-d", str(SECONDS)]),
                                         self.url("h264")] for option in ("-t", "")})
        for option, result in played.items():
            with self.subTest(option):
                luma = subprocess.run(["ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-fps_mode", "passthrough",
                                       "-f", "rawvideo", "-pix_fmt", "gray", "-"], input=self.check_player(result),
                                      capture_output=True).stdout
                self.check_pictures(luma, "h264", SECONDS - 1)


if __name__ == "__main__":
    main()
