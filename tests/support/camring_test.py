"""What every tool test needs: the built tools, a ring directory of its own, waiting for events with a watchdog.

A test waits for something to happen (wait_for, Tool.wait_line); it never sleeps and hopes.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("CAMRING_BUILD") or sys.exit("run through ctest, or set CAMRING_BUILD to the build directory")
SOURCE = os.environ.get("CAMRING_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
WATCHDOG = 30.0  # seconds; only ever reached when something is broken


def tool(name):
    return os.path.join(BUILD, "bin", name)


def wait_for(what, predicate, seconds=WATCHDOG):
    """Polls until predicate() is true and returns its value; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


class Running:
    """A tool in the background with its output collected; killed at the end of the test."""

    def __init__(self, args, env, **kwargs):
        self.args = args
        self.process = subprocess.Popen(args, env=env, stdin=kwargs.pop("stdin", subprocess.DEVNULL),
                                        stdout=kwargs.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, **kwargs)
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    @property
    def stderr(self):
        return "\n".join(self.lines)

    def wait_line(self, text, seconds=WATCHDOG):
        def look():
            for line in list(self.lines):
                if text in line:
                    return line
            if self.process.poll() is not None:
                self._reader.join(5)
                for line in list(self.lines):
                    if text in line:
                        return line
                raise AssertionError(f"{self.args} ended with {self.process.returncode} before saying {text!r}: {self.stderr}")
            return None
        return wait_for(f"{text!r} from {self.args[0]}; it said: {self.stderr}", look, seconds)

    def wait_orderly(self):
        """Waits until the tool has taken SIGTERM into its own hands: before that, a signal just kills a program."""
        def blocked():
            with open(f"/proc/{self.pid}/status") as status:
                mask = next(line for line in status if line.startswith("SigBlk:"))
            return int(mask.split()[1], 16) >> (signal.SIGTERM - 1) & 1
        wait_for(f"{self.args[0]} to handle signals", blocked)

    def stop(self, sig=signal.SIGTERM, seconds=WATCHDOG):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.wait(seconds)

    def wait(self, seconds=WATCHDOG):
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code


class ToolTest(unittest.TestCase):
    """Gives each test a ring directory of its own (self.dir) and kills what it started."""

    def setUp(self):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = tempfile.mkdtemp(prefix="camring-test-", dir=base)
        self.tmp = tempfile.mkdtemp(prefix="camring-test-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("CAMRING_")}
        self.env["CAMRING_DIR"] = self.dir
        self.running = []

    def tearDown(self):
        for running in self.running:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()
            for stream in (running.process.stdout, running.process.stderr, running.process.stdin):
                if stream:
                    stream.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def start(self, name, *args, env=None, **kwargs):
        """Starts a built tool (or, with a path, any program) in the background."""
        path = name if "/" in name else tool(name)
        running = Running([path, *map(str, args)], {**self.env, **(env or {})}, **kwargs)
        self.running.append(running)
        return running

    def run_tool(self, name, *args, env=None, input=None, timeout=60):
        """Runs a tool to its end: a CompletedProcess with bytes stdout and text stderr (in .err)."""
        path = name if "/" in name else tool(name)
        result = subprocess.run([path, *map(str, args)], env={**self.env, **(env or {})}, input=input,
                                stdin=subprocess.DEVNULL if input is None else None, capture_output=True, timeout=timeout)
        result.err = result.stderr.decode(errors="replace")
        result.out = result.stdout
        return result

    def assert_fails(self, code, text, name, *args, **kwargs):
        """The tool ends with `code` and one line on stderr that contains `text`; nothing on stdout."""
        result = self.run_tool(name, *args, **kwargs)
        self.assertEqual(result.returncode, code, result.err)
        self.assertIn(text, result.err)
        self.assertTrue(result.err.startswith(os.path.basename(name) + ": "), result.err)
        self.assertEqual(result.out, b"")
        return result

    def rings(self):
        """shmstat's view: {name: object}."""
        result = self.run_tool("shmstat", "--json")
        return {ring["name"]: ring for ring in map(json.loads, result.out.decode().splitlines())}

    def assert_no_frame_lost(self, run, attempts=3):
        """What run() returns, frame numbers, go up one by one. On a machine with too much to do an encoder loses a
        frame by chance, then it is run again: what loses frames by itself does so each time."""
        for attempt in range(attempts):
            numbers = run()
            self.assertEqual(numbers, sorted(set(numbers)))
            lost = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
            if not lost:
                return
        raise AssertionError(f"frames {lost} are lost of {numbers[0]} to {numbers[-1]}, and some in each run before")

    def wait_ring(self, name, frames=1):
        """Waits until ring `name` has had `frames` frames; returns shmstat's object."""
        def look():
            ring = self.rings().get(name)
            return ring if ring and ring.get("head", 0) >= frames else None
        return wait_for(f"ring {name} with {frames} frames", look)


def main():
    unittest.main(verbosity=2)
