"""What the tests with other people's players share: the streams to play, playing several at once, and the look at what
each player decoded.

Pictures carry their frame number (libcommon/frame/pattern_code.h); it is read from what came out of the player.
"""
import concurrent.futures
import re
import shutil
import subprocess
import sys
import threading

import rings
from rings import Reader, number_in
from rtsp import RtspTest

WIDTH, HEIGHT, FPS = 320, 240, 25
SECONDS = 10
MEDIA = {"h264": "h264,1M", "hevc": "hevc,1M", "mjpeg": "mjpeg,q85"}


def gstreamer(*elements):
    if not shutil.which("gst-inspect-1.0"):
        return False
    return all(subprocess.run(["gst-inspect-1.0", "--exists", element]).returncode == 0 for element in elements)


def python_has(module):
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0


def ffmpeg_command(transport, url, seconds=SECONDS):
    """Writes the luma of what ffmpeg decodes, every picture once, to stdout."""
    return ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-t", str(seconds),
            "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "rawvideo", "-pix_fmt", "gray", "-"]


def numbers_of(luma):
    """The frame numbers of pictures that lie one behind the other."""
    size = WIDTH * HEIGHT
    assert len(luma) % size == 0, len(luma)
    return [number_in(luma[i:i + size], WIDTH, HEIGHT) for i in range(0, len(luma), size)]


class PlayersTest(RtspTest):
    """One server of all codecs; which frames the rings got, and when they were captured, is in self.published and
    self.captured, by mount."""

    def stream(self, media=None, options=()):
        """Starts the camera, the encoders and the server."""
        media = media or MEDIA
        self.camera(*(f"{name}:{spec}" for name, spec in media.items()), size=f"{WIDTH}x{HEIGHT}", fps=FPS,
                    options=["--frames", "64"])
        # Software decoders of three codecs share the machine with the encoders: what is tested is not their speed.
        self.serve(*media, "--max-lag", "5s", *options)
        self.published, self.captured = {}, {}
        for mount in media:
            self.watch(mount)

    def watch(self, mount):
        """Notes the frames that the ring gets, as they come: an encoder that starts may leave some out."""
        numbers, times, ended = [], [], threading.Event()
        self.published[mount], self.captured[mount] = numbers, times
        reader = Reader(rings.library(), mount)

        def run():
            while not ended.is_set():
                frame = reader.next(0.1)
                if frame:
                    times.append(frame.capture_ns)
                    numbers.append(frame.source_number)
            reader.close()
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)

    def play_all(self, commands, env=None, seconds=90):
        """Runs players at the same time: {key: command} in, {key: CompletedProcess} out."""
        def run(command):
            return subprocess.run(command, capture_output=True, timeout=seconds, env={**self.env, **(env or {})})
        with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
            return dict(zip(commands, pool.map(run, commands.values())))

    def check_player(self, result):
        """The player had nothing to complain of; returns what it wrote."""
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""), result.args)
        return result.stdout

    def check_gstreamer(self, result):
        """gst-launch-1.0 (not -q, in English) played to the end and had nothing to complain of until then.

        When it ends, rtspsrc's CLOSE may flush the connection under its own PAUSE (GStreamer 1.22), which it then calls
        an error: that is none of the server's.
        """
        said = result.stdout.decode()
        played, ending, _ = said.partition("Setting pipeline to NULL")
        self.assertTrue(ending and "Got EOS from element" in played, (said, result.stderr))
        complaint = result.stderr.decode()
        if "gst_rtspsrc_pause ()" in complaint:
            self.assertEqual(set(re.findall(r"\): (\w+) \(\)", complaint)), {"gst_rtspsrc_try_send", "gst_rtspsrc_pause"})
            self.assertEqual(set(re.findall(r"^Could not .*", complaint, re.M)),
                             {"Could not send message. (Received end-of-file)"})
        else:
            self.assertEqual((result.returncode, complaint), (0, ""), result.args)

    def check_pictures(self, luma, mount, seconds=SECONDS):
        """What was shown is what the ring had for so long, one after the other, from some frame on.

        On a busy machine the camera makes fewer frames than it should: the ring says how many there were.
        """
        numbers = numbers_of(luma)
        self.assertGreaterEqual(len(numbers), seconds * FPS // 2)
        self.assertNotIn(None, numbers)
        published, captured = self.published[mount], self.captured[mount]
        begin = published.index(numbers[0])
        self.assertEqual(numbers, published[begin:begin + len(numbers)])
        there = sum(time < captured[begin] + seconds * 1_000_000_000 for time in captured[begin:])
        self.assertGreaterEqual(len(numbers), there - 5)

    def check_times(self, mount, times):
        """Times of 90 kHz are those of the frames that the ring had, one after the other, from some frame on."""
        steps = lambda ticks: [b - a for a, b in zip(ticks, ticks[1:])]
        captured = steps([ns * 9 // 100_000 for ns in self.captured[mount]])
        seen = steps(times)
        fits = lambda at: all(abs(a - b) <= 2 for a, b in zip(seen, captured[at:at + len(seen)]))
        self.assertTrue(any(fits(at) for at in range(len(captured) - len(seen) + 1)), (seen, captured))
