"""A day in small: 100,000 frames through every kind of output, and memory stays flat; and quality that follows load."""
import os
import subprocess
import socket
import struct
import unittest

import rings
from camring_test import ToolTest, main, wait_for
from rings import Reader

HELLO, REPORT = 1, 3
FRAMES, WARM = 100_000, 10_000


class Endurance(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()

    def memory(self, pid):
        """Anonymous memory in kB: rings are files and count elsewhere."""
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["RssAnon"].split()[0])

    def test_memory_is_flat_over_a_hundred_thousand_frames(self):
        running = self.start("shmpub", "-", "--no-on-demand", "--out", "h:h264,200k", "--out", "m:mjpeg,64x48", "--out",
                             "r:raw,gray8", "--overlay", "time", stdin=subprocess.PIPE)
        pictures = [b"FRAME\n" + rings.picture(96, 64, number) for number in range(50)]
        chunk = b"".join(pictures)
        pipe = running.process.stdin
        pipe.write(b"YUV4MPEG2 W96 H64 F30:1 Ip A1:1 C420\n")

        def feed(frames):
            for _ in range(frames // len(pictures)):
                pipe.write(chunk)
            pipe.flush()
        feed(WARM)
        wait_for("the warm-up", lambda: self.rings().get("h", {}).get("head", 0) >= WARM - 2)
        warm = self.memory(running.pid)
        feed(FRAMES - WARM)
        wait_for("all frames", lambda: self.rings()["h"]["head"] >= FRAMES - 2)
        end = self.memory(running.pid)
        pipe.close()
        self.assertEqual(running.wait(), 0, running.stderr)
        self.assertIn(f"h {FRAMES} frames, m {FRAMES} frames, r {FRAMES} frames; 0 dropped", running.stderr)
        print(f"{warm} kB after {WARM} frames, {end} kB after {FRAMES}")
        self.assertLess(end, warm + 2000)


class Adaptive(ToolTest):
    def setUp(self):
        super().setUp()
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()

    def test_an_output_whose_reader_loses_frames_goes_down_and_says_so(self):
        self.start("camcap", "test:", "cam0", "--size", "320x240", "--fps", "30")
        running = self.start("shmpub", "cam0", "--adaptive", "--out", "high:h264,500k", "--out", "other:mjpeg")
        self.wait_ring("high", 0)
        # A consumer by hand (camring-ring(5), control channel): it says that it loses a quarter of its frames.
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as consumer:
            consumer.connect(os.path.join(self.dir, "camring.high.sock"))
            totals = [0, 0]

            def tell(kind=REPORT):
                consumer.send(struct.pack("<IIQQ40s", 0x4c544352, kind, *totals, b"slow"))
                totals[0] += 3
                totals[1] += 1
            tell(HELLO)
            reader = Reader(self.lib, "high", start=1)

            def degraded():
                tell()
                frame = reader.next(0.2)
                return frame and frame.flags & rings.DEGRADED
            wait_for("frames of less quality", degraded)
            reader.close()
        running.wait_line("ring high: quality down to two thirds of the rate: its readers lose frames")
        self.assertNotIn("ring other: quality", running.stderr)


if __name__ == "__main__":
    main()
