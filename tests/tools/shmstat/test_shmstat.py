"""shmstat tells what is there: rings, writers, consumers, losses, wrecks; and removes wrecks only."""
import json
import os
import signal
import subprocess
import unittest

from camring_test import ToolTest, main, tool, wait_for

KEYS = {"name", "codec", "pixel_format", "width", "height", "fps", "nominal_fps", "age_ms", "publish_age_ms", "state",
        "head", "held", "depth", "epoch", "arena_bytes", "used_bytes", "file_bytes", "writer_pid", "writer", "source",
        "problem", "consumers", "correction"}


@unittest.skipUnless(os.path.exists(tool("camcap")), "camcap is not built")
class Shmstat(ToolTest):
    def camera(self, name="cam0", *options):
        camera = self.start("camcap", "test:", name, "--size", "320x240", "--fps", "30", *options)
        self.wait_ring(name, 5)
        return camera

    def jpegs(self, name):
        self.start("shmpub", "cam0", "--no-on-demand", "--out", name + ":mjpeg")
        self.wait_ring(name, 1)

    def stat(self, *args):
        result = self.run_tool("shmstat", *args)
        self.assertEqual(result.returncode, 0, result.err)
        return result.out.decode()

    def row(self, *args):
        """The table's first ring as {heading: text}, cut where the headings stand."""
        lines = self.stat(*args).splitlines()
        names = lines[0].split()
        starts = [lines[0].index(name) for name in names] + [None]
        return {name: lines[1][starts[i]:starts[i + 1]].strip() for i, name in enumerate(names)}

    def test_without_rings_it_says_so_and_how_to_make_one(self):
        text = self.stat()
        self.assertIn("no rings in " + self.dir, text)
        self.assertIn("camcap", text)
        self.assertEqual(self.stat("--json"), "")

    def test_the_table_has_a_row_for_each_ring(self):
        camera = self.camera("cam0")
        self.jpegs("cam1")
        row = self.row("cam0")
        self.assertEqual((row["RING"], row["FORMAT"], row["STATE"]), ("cam0", "i420 320x240", "live"))
        self.assertTrue(row["WRITER"].startswith(f"{camera.pid} camcap"), row)
        self.assertEqual(row["CONSUMERS"], "1")
        self.assertGreater(int(row["FRAMES"]), 4)
        self.assertGreater(int(row["HELD"]), 0)
        self.assertEqual([line.split()[0] for line in self.stat().splitlines() if line.startswith("cam")],
                         ["cam0", "cam1"])
        self.assertEqual(self.row("cam1")["FORMAT"], "mjpeg 320x240")

    def test_json_has_every_key_with_true_values(self):
        camera = self.camera()
        ring = json.loads(self.stat("--json", "cam0"))
        self.assertEqual(set(ring), KEYS)
        wanted = {"name": "cam0", "codec": "raw", "pixel_format": "i420", "width": 320, "height": 240,
                  "nominal_fps": 30.0, "state": "live", "epoch": 1, "writer_pid": camera.pid, "source": "test:",
                  "problem": None, "consumers": [], "correction": None}
        self.assertEqual({key: ring[key] for key in wanted}, wanted)
        self.assertIn("camcap", ring["writer"])
        self.assertEqual(ring["file_bytes"], os.path.getsize(os.path.join(self.dir, "camring.cam0")))
        self.assertLessEqual(ring["used_bytes"], ring["arena_bytes"])
        self.assertLess(ring["arena_bytes"], ring["file_bytes"])
        self.assertLessEqual(ring["held"], ring["depth"])
        self.assertGreaterEqual(ring["age_ms"], 0)
        self.assertGreater(ring["fps"], 0)
        later = self.wait_ring("cam0", ring["head"] + 5)
        self.assertGreater(later["head"], ring["head"])

    def test_a_compressed_ring_has_no_pixel_format(self):
        self.camera()
        self.jpegs("cam1")
        ring = json.loads(self.stat("--json", "cam1"))
        self.assertEqual((ring["codec"], ring["pixel_format"]), ("mjpeg", None))
        self.assertEqual((ring["width"], ring["height"]), (320, 240))

    def consumers(self):
        return self.rings()["cam0"]["consumers"]

    def test_consumers_are_listed_with_pid_and_what_they_missed(self):
        self.camera("cam0", "--frames", "4")
        reading, blocked = os.pipe()
        consumer = self.start("shmcat", "cam0", stdout=blocked)  # nobody reads: it falls behind
        os.close(blocked)
        seen = wait_for("the consumer", self.consumers)[0]
        self.assertEqual((seen["pid"], seen["command"], seen["label"]), (consumer.pid, "shmcat", "shmcat"))
        self.assertGreaterEqual(seen["connected_ms"], 0)
        self.assertIn(f"-> {consumer.pid} shmcat", self.stat("cam0"))
        self.assertEqual(self.row("cam0")["CONSUMERS"], "1")
        self.wait_ring("cam0", self.rings()["cam0"]["head"] + 60)
        os.set_blocking(reading, False)

        def missed():
            try:
                os.read(reading, 1 << 20)
            except BlockingIOError:
                pass
            return any(one["missed"] > 0 for one in self.consumers())
        wait_for("missed frames", missed)
        os.close(reading)
        wait_for("the consumer to be gone", lambda: self.consumers() == [])

    def test_a_killed_consumer_is_gone_at_once(self):
        self.camera()
        consumer = self.start("shmcat", "cam0", stdout=subprocess.DEVNULL)
        wait_for("the consumer", self.consumers)
        consumer.stop(signal.SIGKILL)
        wait_for("no consumer", lambda: self.consumers() == [])

    def test_a_killed_writer_shows_as_dead_and_is_removed(self):
        camera = self.camera()
        camera.stop(signal.SIGKILL)
        ring = json.loads(self.stat("--json", "cam0"))
        self.assertEqual((ring["state"], ring["writer_pid"], ring["consumers"]), ("dead", camera.pid, None))
        text = self.stat()
        self.assertIn("shmstat --remove cam0", text)
        self.assertEqual(self.stat("--remove"), "removed cam0\n")
        self.assertEqual(os.listdir(self.dir), [])
        self.assertIn("nothing to remove", self.stat("--remove"))

    def test_a_stopped_writer_shows_as_stalled_and_is_not_removed(self):
        camera = self.camera()
        camera.process.send_signal(signal.SIGSTOP)
        try:
            wait_for("the state stalled", lambda: json.loads(self.stat("--json", "cam0"))["state"] == "stalled")
            self.stat("--remove")
            self.assert_fails(75, str(camera.pid), "shmstat", "--remove", "cam0")
        finally:
            camera.process.send_signal(signal.SIGCONT)
        wait_for("frames again", lambda: json.loads(self.stat("--json", "cam0"))["state"] == "live")

    def test_a_live_ring_is_never_removed(self):
        camera = self.camera()
        self.assertIn("nothing to remove", self.stat("--remove"))
        self.assert_fails(75, str(camera.pid), "shmstat", "--remove", "cam0")
        self.assertEqual(self.rings()["cam0"]["state"], "live")

    def test_only_the_dead_ones_of_several_are_removed(self):
        self.camera("alive")
        self.camera("gone").stop(signal.SIGKILL)
        self.assertEqual(self.stat("--remove"), "removed gone\n")
        self.assertEqual(list(self.rings()), ["alive"])

    def test_files_that_are_no_rings_are_listed_with_their_problem(self):
        for content in (b"", b"garbage", os.urandom(20000)):
            with self.subTest(bytes=len(content)):
                with open(os.path.join(self.dir, "camring.junk"), "wb") as file:
                    file.write(content)
                ring = json.loads(self.stat("--json", "junk"))
                self.assertEqual((ring["name"], ring["codec"]), ("junk", None))
                self.assertIn("camring.junk", ring["problem"])
                self.assertIn(ring["problem"], self.stat())

    def test_a_file_that_is_no_ring_is_removed_only_by_name(self):
        self.camera("gone").stop(signal.SIGKILL)
        path = os.path.join(self.dir, "camring.junk")
        with open(path, "wb") as file:
            file.write(b"somebody's notes")
        result = self.run_tool("shmstat", "--remove")
        self.assertEqual((result.returncode, result.out), (0, b"removed gone\n"), result.err)
        self.assertIn("kept " + path, result.err)
        self.assertIn("shmstat --remove junk", result.err)
        self.assertEqual(os.listdir(self.dir), ["camring.junk"])
        self.assertEqual(self.stat("--remove", "junk"), "removed junk\n")
        self.assertEqual(os.listdir(self.dir), [])

    def test_what_a_writer_left_that_died_before_its_ring_was_there_is_removed(self):
        with open(os.path.join(self.dir, "camring.early.lock"), "wb"):
            pass
        self.assertEqual(self.stat("--remove"), "removed early\n")
        self.assertEqual(os.listdir(self.dir), [])

    def test_junk_does_not_hide_a_good_ring(self):
        self.camera()
        with open(os.path.join(self.dir, "camring.a-junk"), "wb") as file:
            file.write(b"x" * 100)
        rings = self.rings()
        self.assertEqual(sorted(rings), ["a-junk", "cam0"])
        self.assertEqual(rings["cam0"]["state"], "live")

    def test_a_ring_that_is_not_there_is_code_66(self):
        self.assert_fails(66, "nope", "shmstat", "nope")
        self.assert_fails(66, "nope", "shmstat", "--json", "nope")
        self.assert_fails(66, "nope", "shmstat", "--remove", "nope")

    def test_bad_names_and_options_are_code_64(self):
        for name in ("a/b", "../etc", "a b", "x" * 65):
            with self.subTest(name):
                self.assert_fails(64, name[:10], "shmstat", name)
        self.assert_fails(64, "--interval", "shmstat", "--watch", "--interval", "3")
        self.assert_fails(64, "--interval", "shmstat", "--watch", "--interval", "1ms")
        self.assert_fails(64, "add --watch", "shmstat", "--interval", "1s")
        self.assert_fails(64, "--remove", "shmstat", "--remove", "--json")
        self.assert_fails(64, "--nonsense", "shmstat", "--nonsense")

    def test_watch_goes_on_until_stopped_and_outlives_the_ring(self):
        camera = self.camera()
        watch = self.start("shmstat", "--json", "--interval", "50ms", "--watch", "cam0")

        def state():
            return json.loads(watch.process.stdout.readline())["state"]
        first = json.loads(watch.process.stdout.readline())
        wait_for("a later look", lambda: json.loads(watch.process.stdout.readline())["head"] > first["head"])
        camera.stop(signal.SIGKILL)
        wait_for("dead", lambda: state() == "dead")
        self.stat("--remove")
        wait_for("absent", lambda: state() == "absent")
        self.camera()
        wait_for("live again", lambda: state() == "live")
        self.assertEqual(watch.stop(), 0)

    def test_a_full_disk_is_code_71(self):
        self.camera()
        with open("/dev/full", "w") as full:
            running = self.start("shmstat", stdout=full)
        self.assertEqual(running.wait(), 71)
        self.assertIn("No space left", running.stderr)

    def test_watch_ends_quietly_when_its_reader_goes(self):
        self.camera()
        watch = self.start("shmstat", "--watch", "--interval", "50ms")
        watch.process.stdout.readline()
        watch.process.stdout.close()
        self.assertEqual(watch.wait(), 0)
        self.assertEqual(watch.stderr, "")


if __name__ == "__main__":
    main()
