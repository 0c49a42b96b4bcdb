"""The demo shows a live picture from a file and from the test pattern, and takes everything down with it."""
import os
import re
import signal
import unittest
import urllib.request

from camring_test import BUILD, SOURCE, ToolTest, main, wait_for


class Demo(ToolTest):
    def play(self, *source):
        demo = self.start(os.path.join(SOURCE, "scripts", "demo"), *source, "--listen", "0",
                          env={"CAMRING_BUILD": BUILD}, start_new_session=True)
        line = demo.wait_line("http://")
        url = re.search(r"http://[\w.:\[\]]+", line).group(0)
        picture = wait_for("a picture from the demo", lambda: self.snapshot(url))
        self.assertEqual(picture[:2], b"\xff\xd8")
        self.assertGreater(len(picture), 1000)
        with urllib.request.urlopen(url + "/", timeout=10) as page:
            self.assertIn(b"<html", page.read().lower())
        self.assertEqual(demo.stop(signal.SIGINT), 0)
        wait_for("the demo's rings to be gone", lambda: not os.listdir(self.dir))

    @staticmethod
    def snapshot(url):
        try:
            with urllib.request.urlopen(url + "/snapshot", timeout=10) as answer:
                return answer.read() if answer.headers.get("Content-Type") == "image/jpeg" else None
        except OSError:
            return None

    def test_the_pattern_is_shown(self):
        self.play("test:")

    def test_a_file_is_shown(self):
        clip = os.path.join(self.tmp, "clip.avi")
        made = self.run_tool("/usr/bin/ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25",
                             "-t", "2", "-c:v", "mpeg4", clip)
        self.assertEqual(made.returncode, 0, made.err)
        self.play(clip)

    def test_a_file_that_is_not_there_is_said(self):
        result = self.run_tool(os.path.join(SOURCE, "scripts", "demo"), "/nonexistent.avi", env={"CAMRING_BUILD": BUILD})
        self.assertEqual(result.returncode, 66)
        self.assertIn("no such file", result.err)


if __name__ == "__main__":
    main()
