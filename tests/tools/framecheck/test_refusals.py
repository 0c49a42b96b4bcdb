"""What framecheck refuses, and how it says what it can't check."""
import json
import os

import numpy

import pictures
from camring_test import ToolTest, main


class Refusals(ToolTest):
    def test_wrong_options_are_64(self):
        for text, *words in (
                ("nothing to check",), ("either a ring or --image", "cam0", "--image", "x.jpg"),
                ("is no METRIC=RANGE", "cam0", "--warning", "sharpnes=3:"),
                ("is no METRIC=RANGE", "cam0", "--critical", "sharpness"),
                ("is no METRIC=RANGE", "cam0", "--warning", "cam1/sharpnes=3:"), ("is no range", "cam0", "--warning", "cam1/noise=a"),
                ("goes not with --json", "cam0", "--gate", "a", "--json"), ("goes not with", "cam0", "--gate", "a", "--prom", "x"),
                ("goes not with", "cam0", "--gate", "a", "--evidence", "/tmp"),
                ("is no range", "cam0", "--warning", "sharpness=20:10"), ("is no range", "cam0", "--warning", "noise=a"),
                ("is no region", "cam0", "--roi", "640x360"), ("--gate FILE", "cam0", "--reject", "qc"),
                ("three different rings", "cam0", "--gate", "cam0"),
                ("three different rings", "cam0", "--gate", "a", "--reject", "a"),
                ("--baseline FILE", "cam0", "--learn", "1h"), ("is no directory", "cam0", "--evidence", "/nonexistent"),
                ("every frame has an age", "cam0", "--max-age", "0"), ("in no time", "cam0", "--learn", "0", "--baseline", "x"),
                ("at most 20 times", "cam0", "--watch", "--interval", "1ms")):
            with self.subTest(words=words):
                self.assert_fails(64, text.replace("--gate FILE", "--gate"), "framecheck", *words)

    def unknown(self, text, *words, **kwargs):
        result = self.run_tool("framecheck", *words, **kwargs)
        self.assertEqual((result.returncode, result.err), (3, ""))
        line = result.out.decode()
        self.assertTrue(line.startswith("FRAMECHECK UNKNOWN - "), line)
        self.assertEqual(line.count("\n"), 1)
        self.assertIn(text, line)

    def test_what_is_no_picture_is_unknown(self):
        self.unknown("No such file", "--image", os.path.join(self.tmp, "absent.jpg"))
        self.unknown("directory", "--image", self.tmp)
        empty = os.path.join(self.tmp, "empty.jpg")
        with open(empty, "wb"):
            pass
        self.unknown("read picture", "--image", empty)
        self.unknown("no known format", "--image", "-", input=b"no picture at all\n" * 100)

    def test_unknown_is_told_to_programs_too(self):
        absent, prom = os.path.join(self.tmp, "absent.jpg"), os.path.join(self.tmp, "x.prom")
        with open(prom, "w") as file:
            file.write("camring_framecheck_state 0\n")
        result = self.run_tool("framecheck", "--image", absent, "--json", "--prom", prom)
        self.assertEqual((result.returncode, result.err), (3, ""))
        answer = json.loads(result.out)
        self.assertEqual((answer["state"], answer["pictures"], len(answer["reasons"])), ("UNKNOWN", 0, 1))
        self.assertIn("No such file", answer["reasons"][0]["text"])
        with open(prom) as file:
            text = file.read()
        self.assertRegex(text, r"camring_framecheck_state\{.*\} 3\n")
        self.unknown("No such file", "--image", absent, "--prom", prom)

    def test_a_playlist_opens_nothing_elsewhere(self):
        playlist = os.path.join(self.tmp, "list.m3u8")
        with open(playlist, "w") as file:
            file.write("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
        self.unknown("read picture", "--image", playlist)

    def test_a_damaged_baseline_is_unknown(self):
        path = pictures.write(os.path.join(self.tmp, "p.pgm"), numpy.arange(120 * 160, dtype=numpy.uint32).reshape(120, 160)
                              .astype(numpy.uint8))
        baseline = os.path.join(self.tmp, "baseline.json")
        hours = {"sharpness": {"count": 5, "mean": 1, "deviation": -1}}
        for content in ("", "{", "[]", '{"camring_baseline":2,"hours":{}}', '{"camring_baseline":1}',
                        '{"camring_baseline":1,"hours":{"24":{}}}', '{"camring_baseline":1,"hours":{"x":{}}}',
                        '{"camring_baseline":1,"hours":{"3":{"beauty":{}}}}', '{"camring_baseline":1,"hours":{"3":7}}',
                        json.dumps({"camring_baseline": 1, "hours": {"3": hours}}), '{"camring_baseline":1,"hours":[]}',
                        '{"camring_baseline":1,"hours":{" 3":{}}}', '{"camring_baseline":1,"hours":{"18446744073709551619":{}}}',
                        '{"camring_baseline":1,"hours":{"3":{"noise":{"count":-1,"mean":1,"deviation":1}}}}',
                        '{"camring_baseline":1,"hours":{"3":{"noise":{"count":9,"mean":1e200,"deviation":1}}}}', " " * 2000000):
            with self.subTest(content=content[:80]):
                with open(baseline, "w") as file:
                    file.write(content)
                self.unknown("baseline", "--image", path, "--baseline", baseline)
        self.unknown("No such file", "--image", path, "--baseline", os.path.join(self.tmp, "absent.json"))

    def test_a_ring_that_is_not_there_is_critical(self):
        result = self.run_tool("framecheck", "cam0")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"FRAMECHECK CRITICAL - cam0: there is no such ring", result.out)

    def test_an_image_on_stdin_is_checked(self):
        picture = b"P5\n160 120\n255\n" + bytes(x * y % 251 for y in range(120) for x in range(160))
        result = self.run_tool("framecheck", "--image", "-", input=picture)
        self.assertIn(result.returncode, (0, 1, 2))
        self.assertIn(b"sharpness=", result.out)


if __name__ == "__main__":
    main()
