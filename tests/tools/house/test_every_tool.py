"""What every tool does alike: help, version, refusals, configuration."""
import glob
import os
import unittest

from camring_test import BUILD, ToolTest, main

TOOLS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(BUILD, "bin", "*")))


class EveryTool(ToolTest):
    def test_help_and_version_go_to_stdout_and_end_with_0(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                for option in ("-h", "--help", "-V", "--version"):
                    result = self.run_tool(tool, option)
                    self.assertEqual(result.returncode, 0)
                    self.assertIn(tool.encode(), result.out)
                    self.assertEqual(result.err, "")

    def test_an_unknown_option_is_one_line_and_64(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                result = self.assert_fails(64, "--help", tool, "--no-such-option")
                self.assertEqual(result.err.count("\n"), 1)

    def test_a_bad_ring_name_is_64(self):
        arguments = {"camcap": ["test:", "../x"], "shmpub": ["a/b", "--out", "c:raw"], "mjpegserve": [".."],
                     "shmstat": ["a/b"], "shmcat": ["a/../b"],
                     "framecheck": ["a/b"], "syncmon": ["a/b", "c"], "rtspserve": ["a/b"], "sseserve": ["--camera", "cam0,raw=a/b"]}
        for tool in TOOLS:
            with self.subTest(tool=tool):
                self.assert_fails(64, "not a ring name", tool, *arguments[tool])

    def test_a_missing_or_bad_configuration_is_78(self):
        bad = os.path.join(self.tmp, "bad.toml")
        with open(bad, "w") as file:
            file.write("no-such-key = 1\n")
        for tool in TOOLS:
            with self.subTest(tool=tool):
                self.assert_fails(78, "no such file", tool, "--config", os.path.join(self.tmp, "absent.toml"))
                self.assert_fails(78, "unknown key 'no-such-key'", tool, "--config", bad)

    def test_messages_can_be_json(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                result = self.run_tool(tool, "--log-format", "json", "--config", "/nonexistent")
                self.assertEqual(result.err[:9], '{"time":"')


if __name__ == "__main__":
    main()
