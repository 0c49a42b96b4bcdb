"""ffmpeg plays from a multicast group, in a network of its own, where multicast stays on the loopback interface."""
import os
import shutil
import subprocess

from camring_test import main, tool
from players import FPS, HEIGHT, SECONDS, WIDTH, numbers_of
from rtsp import RtspTest


class Multicast(RtspTest):
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
ffmpeg -nostdin -v error -rtsp_transport udp_multicast -i rtsp://127.0.0.1:18554/cam0.h264 -t "$3" \\
  -fps_mode passthrough -enc_time_base 1:90000 -f rawvideo -pix_fmt gray -y "$2"
""")
        out = os.path.join(self.tmp, "out")
        result = subprocess.run(["unshare", "-n", "bash", script, tool("rtspserve"), out, str(SECONDS)],
                                env=self.env, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(out, "rb") as file:
            numbers = numbers_of(file.read())
        self.assertGreaterEqual(len(numbers), SECONDS * FPS * 3 // 4)  # the camera of a busy machine makes fewer
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))


if __name__ == "__main__":
    main()
