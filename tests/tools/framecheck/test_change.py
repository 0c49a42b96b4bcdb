"""A street in real time whose picture degrades in mid-stream: each fault is named within two seconds, and only then."""
import json
import os
import subprocess

import pictures
from camring_test import WATCHDOG, ToolTest, main, wait_for

FOOTAGE = pictures.footage()
FPS, PART = 10, 30  # frames: three seconds good, three seconds bad, and so on
FAULTS = [({"sharpness"}, "gblur=sigma=5"), ({"noise", "temporal_noise"}, "noise=alls=90:allf=t"),
          ({"brightness", "black"}, "lutyuv=y='16+(val-16)*0.1'"), ({"frozen"}, None), ({"black"}, "lutyuv=y=16:u=128:v=128")]
LATEST = 2 * FPS  # frames until a fault must have been named
LINGER = 5        # frames that medians remember


class Change(ToolTest):
    def make_film(self):
        parts = []
        for index, (_, effect) in enumerate(FAULTS):
            first = PART * (2 * index + 1)
            last = first + PART - 1
            if effect:
                parts.append(f"{effect}:enable='between(n,{first},{last})'")
            else:
                parts.append(f"split[a][b];[a][b]freezeframes=first={first}:last={last}:replace={first - 1}")
        film = os.path.join(self.tmp, "film.avi")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", os.path.join(FOOTAGE, "vtest.avi"), "-frames:v",
                        str(PART * (2 * len(FAULTS) + 1)), "-filter_complex", ",".join(parts), "-c:v", "ffv1", film],
                       check=True, timeout=WATCHDOG * 3)
        return film

    def judge(self, answers, seconds_for_watching):
        """Answers are (index of the frame from 0, checks that failed)."""
        for index, (wanted, effect) in enumerate(FAULTS):
            first = PART * (2 * index + 1)
            named = [at for at, checks in answers if first <= at < first + PART and checks & wanted]
            with self.subTest(fault=effect or "frozen"):
                self.assertTrue(named, "the fault was never named")
                self.assertLess(named[0] - first, LATEST)
        for part in range(0, 2 * len(FAULTS) + 1, 2):
            for at, checks in answers:
                if PART * part + (LINGER if part else 0) <= at < PART * (part + 1):
                    self.assertFalse(checks, f"frame {at} is clean")
        self.assertGreater(len(answers), seconds_for_watching)

    def test_a_file_is_judged_picture_by_picture(self):
        result = self.run_tool("framecheck", "--image", self.make_film(), "--watch")
        self.assertEqual((result.returncode, result.err), (0, ""))
        lines = [json.loads(line) for line in result.out.splitlines()]
        self.judge([(line["frame"] - 1, {reason["check"] for reason in line["reasons"]}) for line in lines], 300)

    def test_a_camera_is_judged_while_it_runs_and_its_failures_are_kept(self):
        film = self.make_film()
        evidence = os.path.join(self.tmp, "evidence")
        os.mkdir(evidence)
        prom = os.path.join(self.tmp, "cam0.prom")
        with open(os.path.join(self.tmp, "answers"), "wb") as out:
            watch = self.start("framecheck", "cam0", "--watch", "--interval", "200ms", "--evidence", evidence, "--prom",
                               prom, stdout=out)
            camera = self.start("camcap", film, "cam0")
            wait_for("the film to end", lambda: camera.process.poll() is not None, 90)
            self.assertEqual(watch.stop(), 0, watch.stderr)
        with open(os.path.join(self.tmp, "answers")) as file:
            lines = [json.loads(line) for line in file]
        first = min(line["frame"] for line in lines if line["pictures"])
        lines = [line for line in lines if line["pictures"] and all(r["check"] not in ("ring", "stale") for r in line["reasons"])]
        self.assertLessEqual(first, 3)
        self.judge([(line["frame"], {reason["check"] for reason in line["reasons"]}) for line in lines], 60)
        kept = sorted(os.listdir(evidence))
        for check in ("sharpness", "noise", "frozen", "black"):
            self.assertTrue([name for name in kept if name.endswith(f"-{check}.jpg")], kept)
        with open(os.path.join(evidence, kept[0]), "rb") as picture:
            self.assertEqual(picture.read(2), b"\xff\xd8")
        with open(prom) as file:
            self.assertIn('camring_framecheck_state{tool="framecheck",ring="cam0"}', file.read())


if __name__ == "__main__":
    main()
