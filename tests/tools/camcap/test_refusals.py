"""What camcap refuses, with which words and exit codes; nothing of it leaves anything behind."""
import os
import random
import subprocess
import unittest

from camring_test import ToolTest, main, wait_for


class Refusals(ToolTest):
    def tearDown(self):
        for running in self.running:
            running.stop()
        left = os.listdir(self.dir)
        super().tearDown()
        self.assertEqual([name for name in left if not name.endswith(".lock")], [])

    def test_missing_arguments(self):
        self.assert_fails(64, "camcap /dev/video0 cam0", "camcap")
        self.assert_fails(64, "name the ring", "camcap", "test:")

    def test_ring_names_that_leave_the_directory(self):
        for name in ("..", "../x", "a/b", "", "cam0.lock", "-x"):
            with self.subTest(name=name):
                result = self.run_tool("camcap", "test:", "--ring=" + name)
                self.assertEqual(result.returncode, 64, result.err)

    def test_unknown_devices_and_files(self):
        self.assert_fails(66, "/dev/video99", "camcap", "/dev/video99", "cam0")
        self.assert_fails(66, "/nonexistent.avi", "camcap", "file:/nonexistent.avi", "cam0")
        self.assert_fails(66, "nonexistent.avi", "camcap", "nonexistent.avi", "cam0")

    def test_what_is_no_camera(self):
        result = self.run_tool("camcap", "v4l2:/dev/null", "cam0")
        self.assertIn(result.returncode, (65, 66), result.err)

    def test_unknown_formats_sizes_and_rates(self):
        self.assert_fails(64, "XYZW", "camcap", "test:", "cam0", "--format", "XYZW")
        self.assert_fails(64, "raw video", "camcap", "test:", "cam0", "--format", "MJPEG")
        self.assert_fails(64, "1280x720", "camcap", "test:", "cam0", "--size", "0x0")
        self.assert_fails(64, "29.97", "camcap", "test:", "cam0", "--fps", "0")
        self.assert_fails(64, "no such pattern", "camcap", "test:plaid", "cam0")
        self.assert_fails(64, "0640", "camcap", "test:", "cam0", "--mode", "999")
        self.assert_fails(64, "no group", "camcap", "test:", "cam0", "--group", "no-such-group")

    def test_options_that_do_not_fit_the_source(self):
        self.assert_fails(64, "--loop", "camcap", "test:", "cam0", "--loop")
        self.assert_fails(64, "--credentials", "camcap", "test:", "cam0", "--credentials", "x")

    def test_garbage_is_bad_data(self):
        path = os.path.join(self.tmp, "garbage.avi")
        with open(path, "wb") as file:
            file.write(random.Random(1).randbytes(50000))
        self.assert_fails(65, path, "camcap", "file:" + path, "cam0")
        with open(path, "wb"):
            pass
        self.assert_fails(65, path, "camcap", "file:" + path, "cam0")
        self.assert_fails(65, "stdin", "camcap", "-", "cam0", input=b"this is no video at all, really")
        self.assert_fails(65, "stdin", "camcap", "-", "cam0", input=b"")

    def test_a_second_writer_is_told_the_first_ones_pid(self):
        first = self.start("camcap", "test:", "cam0")
        self.wait_ring("cam0")
        self.assert_fails(75, f"process {first.pid} writes it", "camcap", "test:", "cam0")
        self.wait_ring("cam0", self.rings()["cam0"]["head"] + 5)  # the first goes on

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small tmpfs")
    def test_a_full_directory_is_71_with_what_is_needed(self):
        small = os.path.join(self.tmp, "small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], capture_output=True).returncode:
            self.skipTest("mounting is not permitted here")
        try:
            result = self.assert_fails(71, "it needs ", "camcap", "test:", "cam0", "--size", "1920x1080",
                                       env={"CAMRING_DIR": small})
            self.assertIn("4.2 MB free", result.err)
            self.assertIn("--frames", result.err)
            fits = self.run_tool("camcap", "test:", "cam0", "--size", "320x240", "--count", "3", env={"CAMRING_DIR": small})
            self.assertEqual(fits.returncode, 0, fits.err)
        finally:
            subprocess.run(["umount", "-l", small], check=True)

    def test_passwords_are_never_printed(self):
        running = self.start("camcap", "rtsp://user:geheim@127.0.0.1:1/x", "cam0", "-v", "--timeout", "1s")
        line = running.wait_line("rtsp://")
        self.assertIn("***", line)
        self.assertEqual(running.stop(), 0)
        self.assertNotIn("geheim", running.stderr)


if __name__ == "__main__":
    main()
