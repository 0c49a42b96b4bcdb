"""--content: offsets that pictures show, whatever their time stamps say."""
import random
import time

from camring_test import main, wait_for
from channels import Scene
from sync_test import SyncTest


class Content(SyncTest):
    def test_a_code_tells_what_stamps_hide(self):
        self.camera()
        channel = self.channel("cam0.again", 0.15, restamp=True)
        answer = self.once("cam0", "cam0.again", "--content")[2]
        self.assertEqual(answer["paired_by"], "code")
        self.assertEqual(answer["state"], "CRITICAL")
        self.assertAlmostEqual(answer["offset_p50_ms"], channel.late_ms(), delta=15)
        self.assertEqual(answer["suggestion"]["delay"], "cam0")
        # By its stamps the channel is in step: they say that it captured what it shows just now.
        by_time = self.once("cam0", "cam0.again", "--pair", "time", "--time", "600ms")[2]
        self.assertLess(abs(by_time["offset_p50_ms"]), 50)

    def test_two_patterns_are_compared_by_their_clocks(self):
        self.camera("cam0")
        self.camera("cam1", "--fps", "25")
        channel = self.channel("cam1.again", 0.2, source="cam1", restamp=True)
        answer = self.once("cam0", "cam1.again", "--content")[2]
        self.assertEqual(answer["paired_by"], "code")
        self.assertAlmostEqual(answer["offset_p50_ms"], channel.late_ms(), delta=25)

    def scenes(self, *parts):
        made = []
        for name, levels, fps, late_s in parts:
            made.append(Scene(self.lib, name, levels, fps, late_s))
            self.addCleanup(made[-1].close)
        began = time.monotonic()
        for scene in made:
            scene.start(began)
        for name, *_ in parts:
            self.wait_ring(name, 10)

    @staticmethod
    def levels(seed):
        dice = random.Random(seed)
        value, out = 120.0, []
        for _ in range(2000):
            value += dice.gauss(0, 12) - (value - 120) * 0.15
            out.append(min(250.0, max(5.0, value)))
        return out

    def test_brightness_tells_the_offset_of_two_cameras(self):
        levels = self.levels(1)
        self.scenes(("left", levels, 30, 0.0), ("right", levels, 25, 0.3))
        state, checks, answer = self.once("left", "right", "--content")
        self.assertEqual((state, checks, answer["paired_by"]), ("CRITICAL", ["degraded"], "content"))
        self.assertAlmostEqual(answer["offset_p50_ms"], 300, delta=40)
        self.assertTrue(answer["content"]["found"])
        self.assertGreater(answer["content"]["confidence"], 0.3)
        self.assertEqual(answer["suggestion"]["delay"], "left")

    def test_different_scenes_and_still_ones_are_unknown(self):
        self.scenes(("left", self.levels(1), 30, 0.0), ("right", self.levels(2), 30, 0.0), ("dark", [20.0] * 2000, 30, 0.0))
        state, checks, answer = self.once("left", "right", "--content", "--time", "4s")
        self.assertEqual((state, checks), ("UNKNOWN", ["content"]))
        self.assertIsNone(answer["offset_p50_ms"])
        self.line(3, "the brightness hardly changes", "left", "dark", "--content", "--time", "3s")


if __name__ == "__main__":
    main()
