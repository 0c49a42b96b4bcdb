"""camcap with cameras on the network: frames untouched, passwords, silence, loss and return."""
import http.server
import os
import signal
import subprocess
import threading
import unittest

from camring_test import ToolTest, main, wait_for
from rtsp_server import RtspServer, nal_units

FFMPEG = "/usr/bin/ffmpeg"


def h264(seconds=2):
    made = subprocess.run([FFMPEG, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", str(seconds),
                           "-c:v", "libx264", "-g", "10", "-bf", "0", "-x264-params", "slices=1:threads=1:scenecut=0",
                           "-pix_fmt", "yuv420p", "-f", "h264", "-"], stdout=subprocess.PIPE, check=True)
    return made.stdout


class Streams(ToolTest):
    @classmethod
    def setUpClass(cls):
        cls.clip = h264()

    def serve(self, **options):
        server = RtspServer(self.clip, **options)
        self.addCleanup(server.close)
        return server

    def test_rtsp_frames_come_untouched_and_readers_can_start_at_every_keyframe(self):
        server = self.serve()
        self.start("camcap", server.url(), "cam0")
        ring = self.wait_ring("cam0", 40)
        self.assertEqual((ring["codec"], ring["width"], ring["height"]), ("h264", 320, 240))
        self.assertEqual(set(server.transports), {"tcp"})
        data = self.run_tool("shmcat", "cam0", "--frames", "15").out
        nals = nal_units(data)
        self.assertEqual([nal[0] & 0x1f for nal in nals[:3]], [7, 8, 5])  # parameter sets came from the SDP
        slices = [nal for nal in nals if nal[0] & 0x1f in (1, 5)]
        self.assertEqual(len(slices), 15)
        known = [nal.rstrip(b"\0") for nal in server.slices]
        first = known.index(slices[0].rstrip(b"\0"))
        for i, nal in enumerate(slices):
            self.assertEqual(nal.rstrip(b"\0"), known[(first + i) % len(known)])
        path = os.path.join(self.tmp, "out.h264")
        with open(path, "wb") as file:
            file.write(data)
        decoded = self.run_tool(FFMPEG, "-v", "error", "-xerror", "-f", "h264", "-i", path, "-f", "null", "-")
        self.assertEqual((decoded.returncode, decoded.err), (0, ""))

    def test_rtsp_over_udp(self):
        server = self.serve()
        self.start("camcap", server.url(), "cam0", "--rtsp-transport", "udp")
        self.wait_ring("cam0", 20)
        self.assertEqual(set(server.transports), {"udp"})

    def test_a_decoded_stream_is_raw(self):
        self.start("camcap", self.serve().url(), "cam0", "--format", "NV12")
        self.assertEqual(self.wait_ring("cam0", 5)["pixel_format"], "nv12")

    def test_a_password_from_a_file_opens_the_stream_and_is_never_shown(self):
        server = self.serve(user="admin", password="ge/h:eim@1")
        path = os.path.join(self.tmp, "login")
        with open(path, "w") as file:
            file.write("admin:ge/h:eim@1\n")
        camcap = self.start("camcap", server.url(), "cam0", "--credentials", path, "-v")
        ring = self.wait_ring("cam0", 5)
        self.assertEqual(ring["source"], server.url())
        self.assertEqual(camcap.stop(), 0)
        self.assertNotIn("eim@1", camcap.stderr)
        self.start("camcap", server.url(), "cam0", "--credentials", "login", env={"CREDENTIALS_DIRECTORY": self.tmp})
        self.wait_ring("cam0", 5)

    def test_a_wrong_password_is_77_and_says_what_to_do(self):
        server = self.serve(user="admin", password="right")
        result = self.run_tool("camcap", server.url("admin:wrong@"), "cam0")
        self.assertEqual(result.returncode, 77, result.err)
        self.assertIn("--credentials", result.err)
        self.assertNotIn("wrong", result.err)

    def test_credentials_that_are_none(self):
        path = os.path.join(self.tmp, "login")
        self.assert_fails(66, path, "camcap", "rtsp://127.0.0.1:1/x", "cam0", "--credentials", path)
        with open(path, "w") as file:
            file.write("no colon in here\n")
        result = self.assert_fails(78, "user:password", "camcap", "rtsp://127.0.0.1:1/x", "cam0", "--credentials", path)
        self.assertNotIn("no colon in here", result.err)

    def test_a_lost_stream_comes_back_into_the_same_ring(self):
        server = self.serve()
        camcap = self.start("camcap", server.url(), "cam0")
        head = self.wait_ring("cam0", 10)["head"]
        server.drop_clients()
        camcap.wait_line("lost")
        camcap.wait_line("is back")
        self.wait_ring("cam0", head + 20)
        self.assertEqual(camcap.stop(), 0)

    def test_a_silent_stream_is_no_signal_then_connected_to_again(self):
        server = self.serve()
        camcap = self.start("camcap", server.url(), "cam0", "--timeout", "2s")
        head = self.wait_ring("cam0", 10)["head"]
        server.frozen.set()
        wait_for("no signal", lambda: self.rings()["cam0"]["state"] == "no-signal")
        camcap.wait_line("silent")
        server.frozen.clear()
        camcap.wait_line("is back")
        self.wait_ring("cam0", head + 20)
        self.assertEqual(self.rings()["cam0"]["state"], "live")

    def test_a_lost_stream_ends_it_with_75_when_told(self):
        server = self.serve()
        for fault in (server.drop_clients, server.frozen.set):
            camcap = self.start("camcap", server.url(), "cam0", "--exit-on-device-error", "--timeout", "2s")
            self.wait_ring("cam0", 5)
            fault()
            self.assertEqual(camcap.wait(), 75, camcap.stderr)
            self.assertRegex(camcap.stderr, r"end of source: \d+ frames in [\d.]+ s, \d+ dropped")

    def test_sigterm_ends_a_silent_stream_in_an_orderly_way(self):
        server = self.serve()
        camcap = self.start("camcap", server.url(), "cam0", "--timeout", "60s")
        self.wait_ring("cam0", 5)
        server.frozen.set()
        self.assertEqual(camcap.stop(signal.SIGTERM), 0)
        self.assertEqual(os.listdir(self.dir), [])

    def test_a_recording_on_a_web_server_plays_to_its_end(self):
        path = os.path.join(self.tmp, "clip.mp4")
        self.run_tool(FFMPEG, "-v", "error", "-f", "h264", "-r", "25", "-i", "-", "-c", "copy", "-movflags", "faststart", path,
                      input=self.clip)
        web = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *args: QuietFiles(*args, directory=self.tmp))
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        self.addCleanup(web.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(web.shutdown)
        result = self.run_tool("camcap", f"http://127.0.0.1:{web.server_port}/clip.mp4", "cam0")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertIn("50 frames", result.err)
        missing = self.run_tool("camcap", f"http://127.0.0.1:{web.server_port}/other.mp4", "cam0", "--exit-on-device-error")
        self.assertEqual(missing.returncode, 69, missing.err)


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    main()
