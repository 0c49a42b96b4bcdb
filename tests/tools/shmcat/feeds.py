"""What shmcat's tests read: a camera with a test pattern, or frames put into a ring one by one."""
import os
import subprocess
import sys

from camring_test import SOURCE, ToolTest

sys.path.insert(0, os.path.join(SOURCE, "tests", "tools", "shmpub"))
import rings  # noqa: E402  (beside shmpub's tests: rings through the C library)

WIDTH, HEIGHT = 320, 240


def probe(stream, *options):
    """What ffprobe, which must have nothing to complain of, says of a stream: lines of 'key=value|…'."""
    result = subprocess.run(["ffprobe", "-v", "warning", "-of", "compact=p=0", *options, "-"], input=stream,
                            capture_output=True, timeout=60)
    complaints = [line for line in result.stderr.decode().splitlines() if "deprecated pixel format" not in line]
    assert result.returncode == 0 and not complaints, complaints
    return result.stdout.decode().splitlines()


def count_frames(stream, *options):
    """Frames that ffprobe decodes, and the codec's name."""
    line = probe(stream, *options, "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames")[0]
    values = dict(pair.split("=") for pair in line.split("|"))
    return int(values["nb_read_frames"]), values["codec_name"]


def numbers(stream, *options, width=WIDTH, height=HEIGHT):
    """The numbers that the pictures of a stream show when ffmpeg decodes it."""
    gray = rings.ffmpeg(*options, "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-",
                        input=stream)
    size = width * height
    assert len(gray) % size == 0
    return [rings.number_in(gray[i:i + size], width, height) for i in range(0, len(gray), size)]


class FeedTest(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()
        self.cameras = []

    def tearDown(self):
        for camera in self.cameras:
            if camera.handle:
                camera.close()
        super().tearDown()

    def camera(self, name="cam0", *options, size=f"{WIDTH}x{HEIGHT}", frames=3):
        """camcap's test pattern, 30 frames a second."""
        running = self.start("camcap", "test:", name, "--size", size, "--fps", "30", *options)
        self.wait_ring(name, frames)
        return running

    def jpegs(self, name="cam0"):
        """The test pattern as a ring of JPEG images."""
        self.camera("pattern")
        self.start("shmpub", "pattern", "--no-on-demand", "--out", name + ":mjpeg,q90")
        self.wait_ring(name)

    def feed(self, codec, width=WIDTH, height=HEIGHT, **options):
        """A ring "cam0" that gets a frame when the test calls publish()."""
        camera = rings.Camera(self.lib, "cam0", codec, width, height, **options)
        self.cameras.append(camera)
        return camera

    def cat(self, *args, code=0):
        result = self.run_tool("shmcat", "cam0", *args)
        self.assertEqual(result.returncode, code, result.err)
        return result.out
