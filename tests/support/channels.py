"""A channel that shows another ring's frames later, as an AI channel does, by as much as the test says and no less; and
one that makes frames of a brightness that a list says. Both know when they really published."""
import ctypes
import statistics
import threading
import time

import rings


class Channel:
    """Copies ring `source` to ring `name`, each frame `delay_s` after it was published there.

    restamp: the copy claims to have been captured when it was published, as a tool that knows no better would.
    keep: which frames to copy, by their source number.
    """

    def __init__(self, lib, source, name, delay_s, restamp=False, keep=lambda number: True, grow=0.0):
        self.lib, self.delay_s, self.restamp, self.keep, self.grow = lib, delay_s, restamp, keep, grow
        self.late_ns = []
        self.reader = rings.Reader(lib, source, start=1)
        assert self.reader.next() is not None
        self.handle = ctypes.c_void_p()
        form = self.reader.format
        assert lib.camring_writer_open(name.encode(), ctypes.byref(form), 64, ctypes.byref(self.handle)) == 0
        self.began = time.monotonic()
        self.stopped = threading.Event()
        self.waiting = []
        self.ready = threading.Condition()
        self.threads = [threading.Thread(target=self.read, daemon=True), threading.Thread(target=self.write, daemon=True)]
        for thread in self.threads:
            thread.start()

    def read(self):
        frame = rings.CFrame(struct_bytes=ctypes.sizeof(rings.CFrame))
        while not self.stopped.is_set():
            if self.lib.camring_reader_next(self.reader.handle, ctypes.byref(frame), 50_000_000, 0) != 0:
                continue
            payload = ctypes.string_at(frame.payload, frame.payload_bytes)
            if self.lib.camring_reader_valid(self.reader.handle, ctypes.byref(frame)) != 1 or not self.keep(frame.source_number):
                continue
            with self.ready:
                self.waiting.append((frame.source_number, frame.source_capture_ns, frame.publish_ns, frame.flags, payload))
                self.ready.notify()

    def write(self):
        while not self.stopped.is_set():
            with self.ready:
                if not self.waiting:
                    self.ready.wait(0.05)
                    continue
                number, captured, published, flags, payload = self.waiting.pop(0)
            delay = self.delay_s + self.grow * (time.monotonic() - self.began)
            time.sleep(max(0.0, published * 1e-9 + delay - time.monotonic()))
            now = time.monotonic_ns()
            info = rings.CFrame(struct_bytes=ctypes.sizeof(rings.CFrame), flags=flags,
                                capture_ns=now if self.restamp else captured, source_number=number,
                                source_capture_ns=now if self.restamp else captured)
            assert self.lib.camring_writer_publish(self.handle, payload, len(payload), ctypes.byref(info)) == 0
            self.late_ns.append(time.monotonic_ns() - published)

    def late_ms(self):
        """What it really came to: the median of the last frames."""
        return statistics.median(self.late_ns[-9:]) * 1e-6

    def close(self):
        if self.stopped.is_set():
            return
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        self.lib.camring_writer_close(self.handle)
        self.reader.close()


class Scene:
    """A ring whose grey pictures are as bright as `levels` says; claims to show what is seen now."""

    def __init__(self, lib, name, levels, fps, late_s):
        self.camera = rings.Camera(lib, name, rings.RAW, 160, 120, fps=fps, pixels=rings.GRAY8, frames=256)
        self.levels, self.fps, self.late_s = levels, fps, late_s
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.film, daemon=True)

    def start(self, began):
        self.began = began
        self.thread.start()

    def film(self):
        number = 0
        while not self.stopped.is_set():
            due = self.began + number / self.fps
            time.sleep(max(0.0, due - time.monotonic()))
            place = max(0.0, (time.monotonic() - self.began - self.late_s) * 10)
            low, share = int(place), place - int(place)
            level = self.levels[low] + (self.levels[low + 1] - self.levels[low]) * share
            self.camera.start_ns = time.monotonic_ns() - number * 1_000_000_000 // self.fps
            self.camera.publish(bytes([int(level)]) * (160 * 120), number)
            number += 1

    def close(self):
        self.stopped.set()
        self.thread.join()
        self.camera.close()
