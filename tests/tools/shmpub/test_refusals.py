"""shmpub's command line: what is wrong is said in one line, with code 64."""
import grp
import os
import unittest

from camring_test import ToolTest, main


class Refusals(ToolTest):
    def test_what_can_not_be(self):
        for text, *args in (
                ("SOURCE: missing", ),
                ("--out: missing", "cam0"),
                ("it names no codec", "cam0", "--out", "x"),
                ("'jpeg2000' is no codec", "cam0", "--out", "x:jpeg2000"),
                ("even sizes only", "cam0", "--out", "x:h264,641x480"),
                ("no such encoder; it is one of auto, nvenc", "cam0", "--out", "x:h264", "--encoder", "x262"),
                ("is no frame size", "cam0", "--out", "x:raw,0x480"),
                ("is no frame size", "cam0", "--out", "x:raw,99999x480"),
                ("is no frame rate", "cam0", "--out", "x:raw@0"),
                ("is no frame rate", "cam0", "--out", "x:raw@-1"),
                ("not a whole number from 1 to 100", "cam0", "--out", "x:mjpeg,q101"),
                ("not a whole number from 1 to 100", "cam0", "--out", "x:mjpeg,q0"),
                ("another output has this name", "cam0", "--out", "x:raw", "--out", "x:mjpeg"),
                ("it is the source itself", "cam0", "--out", "cam0:raw"),
                ("not a ring name", "cam0", "--out", "a/b:raw"),
                ("not a ring name", "cam0", "--out", "..:raw"),
                ("not a ring name", "../cam0", "--out", "x:raw"),
                ("'999' is no access mode for a ring", "cam0", "--out", "x:raw", "--mode", "999"),
                ("is no access mode for a ring", "cam0", "--out", "x:raw", "--mode", "0440"),
                ("no group of this system", "cam0", "--out", "x:raw", "--group", "no-such-group"),
                ("--delay: '-120ms' is no duration", "cam0", "--out", "x:raw", "--delay", "-120ms"),
                ("--delay: '120' is no duration; write a number with its unit", "cam0", "--out", "x:raw", "--delay", "120"),
                ("--delay: 'soon' is no duration", "cam0", "--out", "x:raw", "--delay", "soon"),
                ("--delay: frames can be held back for up to 10s; write e.g. 120ms", "cam0", "--out", "x:raw", "--delay", "10001ms"),
                ("is no duration", "cam0", "--out", "x:raw", "--delay", "99999999999999999999h"),
                ("raw has no quality", "cam0", "--out", "x:raw,q5")):
            with self.subTest(args=args):
                result = self.assert_fails(64, text, "shmpub", *args)
                self.assertEqual(result.err.count("\n"), 1)
        self.assertEqual(os.listdir(self.dir), [])

    def test_outputs_come_from_the_environment_and_from_a_file_too(self):
        path = os.path.join(self.tmp, "shmpub.toml")
        with open(path, "w") as file:
            file.write('source = "cam0"\nout = ["x:raw,640x360@5", "y:mjpeg,q80"]\n')
        result = self.run_tool("shmpub", "--config", path, "--check-config")
        self.assertEqual((result.returncode, result.err), (0, ""))
        result = self.run_tool("shmpub", "cam0", "--check-config", env={"CAMRING_OUT": "x:raw@5 y:mjpeg"})
        self.assertEqual((result.returncode, result.err), (0, ""))
        self.assert_fails(64, "x:mjpeg: another output has this name", "shmpub", "cam0",
                          env={"CAMRING_OUT": "x:raw x:mjpeg"})

    def test_a_ring_can_be_for_its_owner_alone_and_its_group_can_be_chosen(self):
        self.start("camcap", "test:", "cam0")
        group = grp.getgrgid(os.getgid()).gr_name
        self.start("shmpub", "cam0", "--out", "x:raw", "--mode", "0600", "--group", group)
        self.wait_ring("x")
        status = os.stat(os.path.join(self.dir, "camring.x"))
        self.assertEqual((status.st_mode & 0o777, status.st_gid), (0o600, os.getgid()))

    @unittest.skipUnless(os.geteuid() == 0, "giving a ring to somebody else needs root")
    def test_a_source_that_may_not_be_read_is_77(self):
        path = os.path.join(self.dir, "camring.cam0")
        with open(path, "w"):
            pass
        os.chmod(path, 0)
        os.chmod(self.dir, 0o755)
        os.chmod(self.tmp, 0o755)
        running = self.start("shmpub", "cam0", "--out", "x:raw", user=65534, group=65534, extra_groups=[])
        self.assertEqual(running.wait(), 77, running.stderr)

    def test_a_source_that_is_no_ring_is_65(self):
        with open(os.path.join(self.dir, "camring.cam0"), "wb") as file:
            file.write(b"\0" * 20000)
        self.assert_fails(65, "no ring", "shmpub", "cam0", "--out", "x:raw")


if __name__ == "__main__":
    main()
