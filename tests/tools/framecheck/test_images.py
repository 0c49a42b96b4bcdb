"""Figures of real pictures and of degraded copies: right order, right amount, equal to OpenCV's."""
import functools
import json
import os
import unittest

import numpy

import pictures
from camring_test import ToolTest, main

try:
    import cv2
except ImportError:
    cv2 = None

REAL = pictures.real_pictures(pictures.footage())


def for_each_picture(test):
    @functools.wraps(test)
    def each(self):
        for name, picture in REAL.items():
            with self.subTest(picture=name):
                test(self, picture)
    return each


class Images(ToolTest):
    def figures(self, picture, *options):
        path = pictures.write(os.path.join(self.tmp, "picture.pgm"), picture)
        result = self.run_tool("framecheck", "--image", path, "--json", *options)
        self.assertEqual(result.err, "")
        answer = json.loads(result.out)
        answer["code"] = result.returncode
        answer["checks"] = [reason["check"] for reason in answer["reasons"]]
        return answer

    @for_each_picture
    def test_real_pictures_are_ok(self, picture):
        answer = self.figures(picture)
        self.assertEqual((answer["state"], answer["code"], answer["checks"]), ("OK", 0, []))
        self.assertGreater(answer["metrics"]["score"], 0.7)

    @for_each_picture
    def test_more_blur_is_less_sharp_and_is_named(self, picture):
        sharp = [self.figures(pictures.blurred(picture, sigma) if sigma else picture)
                 for sigma in (0, 0.7, 1.5, 3, 6)]
        values = [answer["metrics"]["sharpness"] for answer in sharp]
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertIn("sharpness", sharp[-1]["checks"])
        self.assertIn("out of focus", " ".join(reason["text"] for reason in sharp[-1]["reasons"]))
        self.assertLess(sharp[-1]["metrics"]["score"], sharp[0]["metrics"]["score"])

    @for_each_picture
    def test_noise_is_estimated_within_15_percent(self, picture):
        base = pictures.squeezed(pictures.blurred(picture, 1), 50, 205)
        last = 0
        for sigma in (5, 10, 20):
            noise = self.figures(pictures.noised(base, sigma))["metrics"]["noise"]
            self.assertLess(abs(noise - sigma) / sigma, 0.15, f"sigma {sigma}: {noise}")
            self.assertGreater(noise, last)
            last = noise

    @for_each_picture
    def test_darker_is_less_bright_and_washed_out_has_less_contrast(self, picture):
        dark = [self.figures(pictures.clipped(picture * share))["metrics"]["brightness"] for share in (1, 0.5, 0.2)]
        self.assertEqual(dark, sorted(dark, reverse=True))
        washed = [self.figures(pictures.squeezed(picture, *to))["metrics"]["contrast"]
                  for to in ((0, 255), (80, 200), (120, 150))]
        self.assertEqual(washed, sorted(washed, reverse=True))
        answer = self.figures(pictures.squeezed(picture, 120, 150))
        self.assertIn("contrast", answer["checks"])
        self.assertEqual(answer["code"], 1 if answer["state"] == "WARNING" else 2)
        self.assertEqual(self.figures(pictures.clipped(picture * 0.05))["code"], 2)

    def test_black_white_and_plain_pictures_are_critical(self):
        for value, check in ((0, "black"), (255, "white"), (128, "uniform")):
            with self.subTest(check=check):
                answer = self.figures(numpy.full((120, 160), value, numpy.uint8))
                self.assertEqual((answer["code"], answer["checks"]), (2, [check]))
                self.assertEqual(answer["metrics"]["score"], 0)

    def test_tiny_and_huge_pictures_are_measured(self):
        for shape in ((1, 1), (2, 3), (3000, 4000)):
            with self.subTest(shape=shape):
                picture = numpy.random.default_rng(2).integers(0, 255, shape, numpy.uint8)
                answer = self.figures(picture)
                self.assertEqual((answer["height"], answer["width"]), shape)
                self.assertIn(answer["code"], (0, 1, 2))

    def test_a_region_is_measured_alone(self):
        picture = numpy.full((200, 300), 128, numpy.uint8)
        picture[50:150, 100:200] = next(iter(REAL.values()))[:100, :100]
        self.assertEqual(self.figures(picture, "--roi", "100x100+0+0")["checks"], ["uniform"])
        inside = self.figures(picture, "--roi", "100x100+100+50")["metrics"]
        self.assertEqual(inside, self.figures(picture[50:150, 100:200])["metrics"])
        outside = self.figures(picture, "--roi", "10x10+300+0")
        self.assertEqual((outside["code"], outside["checks"]), (3, ["roi"]))

    @unittest.skipUnless(cv2, "python3-opencv is not installed")
    @for_each_picture
    def test_a_picture_that_is_compressed_too_hard_is_told_from_one_that_is_not(self, picture):
        def compressed(quality):
            return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
        for quality in (75, 90):
            self.assertEqual(self.figures(compressed(quality))["checks"], [])
        answers = [self.figures(compressed(quality)) for quality in (75, 40, 20, 10, 5)]
        values = [answer["metrics"]["blockiness"] for answer in answers]
        self.assertEqual(values, sorted(values))
        self.assertEqual((answers[-1]["state"], answers[-1]["checks"]), ("WARNING", ["blockiness"]))
        self.assertIn("compressed too hard", answers[-1]["reasons"][0]["text"])

    @unittest.skipUnless(cv2, "python3-opencv is not installed")
    @for_each_picture
    def test_values_are_those_of_opencv(self, picture):
        metrics = self.figures(picture)["metrics"]
        mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(picture))
        wanted = {"sharpness": cv2.Laplacian(picture, cv2.CV_64F).var(), "brightness": mean, "contrast": deviation}
        for name, value in wanted.items():
            self.assertAlmostEqual(metrics[name] / value, 1, delta=1e-9, msg=name)


if __name__ == "__main__":
    main()
