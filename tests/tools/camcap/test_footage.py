"""Real footage, also damaged, goes through the whole chain. Skipped with the reason where it can't be had."""
import os
import re
import subprocess
import sys
import unittest

from camring_test import BUILD, SOURCE, ToolTest, main


def footage():
    directory = os.environ.get("CAMRING_TEST_FOOTAGE") or os.path.join(os.path.dirname(BUILD), "footage")
    made = subprocess.run([os.path.join(SOURCE, "scripts", "test-data"), directory], capture_output=True, text=True)
    if made.returncode != 0:
        print("skipped:", made.stderr.strip())
        sys.exit(77)
    return directory


FOOTAGE = footage()


class Footage(ToolTest):
    def test_a_street_reaches_http_clients(self):
        self.start("camcap", os.path.join(FOOTAGE, "vtest.avi"), "cam0", "--loop")
        self.assertEqual((self.wait_ring("cam0", 5)["width"], self.rings()["cam0"]["height"]), (768, 576))
        self.start("shmpub", "cam0", "--out", "cam0.mjpeg:mjpeg,q85")
        self.wait_ring("cam0.mjpeg", 0)
        server = self.start("mjpegserve", "cam0.mjpeg", "--listen", "0")
        url = re.search(r"http://[\d.:]+", server.wait_line("http://")).group(0)
        result = self.run_tool("/usr/bin/ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", url + "/stream", "-frames:v", "10",
                               "-f", "null", "-")
        self.assertEqual((result.returncode, result.err), (0, ""))

    def test_all_frames_of_a_short_clip_are_taken(self):
        result = self.run_tool("camcap", os.path.join(FOOTAGE, "tree.avi"), "cam0", "--fast")
        self.assertEqual(result.returncode, 0, result.err)
        probe = self.run_tool("/usr/bin/ffprobe", "-v", "quiet", "-count_frames", "-select_streams", "v", "-show_entries",
                              "stream=nb_read_frames", "-of", "csv=p=0", os.path.join(FOOTAGE, "tree.avi"))
        self.assertIn(probe.out.decode().strip().strip(",") + " frames", result.err)

    def test_a_damaged_file_is_played_as_far_as_it_goes(self):
        result = self.run_tool("camcap", os.path.join(FOOTAGE, "Megamind_bugy.avi"), "cam0", "--fast")
        self.assertEqual(result.returncode, 0, result.err)
        self.assertGreater(int(re.search(r"(\d+) frames", result.err).group(1)), 50)


if __name__ == "__main__":
    main()
