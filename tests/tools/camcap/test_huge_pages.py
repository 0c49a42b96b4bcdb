"""Large rings are in huge pages where the tmpfs gives them, for writer and reader."""
import os
import re
import subprocess

from camring_test import ToolTest, main, tool, wait_for

MOUNT = 'mount -t tmpfs -o huge=advise,size=256m rings "$0" 2>/dev/null || exit 77; exec "$@"'


class HugePages(ToolTest):
    def mapped(self, pid):
        """kB of the ring that the process has in huge pages."""
        with open(f"/proc/{pid}/smaps") as maps:
            return sum(int(kilobytes) for kilobytes in re.findall(r"ShmemPmdMapped: +(\d+) kB", maps.read()))

    def test_a_large_ring_is_in_huge_pages_for_writer_and_reader(self):
        probe = subprocess.run(["unshare", "-m", "sh", "-c", MOUNT, self.dir, "true"], check=False)
        if probe.returncode != 0:
            self.skipTest("no mounting here, or no huge pages in tmpfs")
        # Its own mount namespace; the tools started from it share the ring directory.
        camcap = self.start("/usr/bin/unshare", "-m", "sh", "-c", MOUNT, self.dir, tool("camcap"), "test:", "cam0",
                            "--size", "1920x1080", "--frames", "16")
        wait_for("huge pages of the writer", lambda: os.path.exists(f"/proc/{camcap.pid}/smaps") and
                 self.mapped(camcap.pid) > 30_000)
        reader = self.start("/usr/bin/nsenter", "-t", camcap.pid, "-m", tool("shmcat"), "cam0", "--frames", "100000",
                            stdout=subprocess.DEVNULL)
        wait_for("huge pages of the reader", lambda: self.mapped(reader.pid) > 30_000)
        self.assertEqual(camcap.stop(), 0)


if __name__ == "__main__":
    main()
