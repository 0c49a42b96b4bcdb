#!/usr/bin/env python3
"""Reads camring rings with mmap, struct and numpy alone; camring-ring(5) documents the bytes.

  ring_reader.py cam0                     number, age and mean brightness of each frame (raw rings)
  ring_reader.py cam0.mjpeg --save DIR    JPEG frames as files
  ring_reader.py cam0 --frames 10         end after ten

As a library:

  with Ring("cam0") as ring:
      for frame in ring.frames():
          picture = frame.array()         # a numpy view into shared memory: no copy
          value = picture[..., 0].mean()
          if not frame.valid():           # the writer was faster: what was computed is void
              continue

The ring is opened read-only. multiprocessing.SharedMemory is not used: it unlinks the segment when a reader ends.
"""
import argparse
import ctypes
import errno
import mmap
import os
import platform
import re
import struct
import sys
import threading
import time

MAGIC = 0x00474E49524D4143
HEADER_BYTES, ENTRY_BYTES = 12288, 128
HEAD, FUTEX, INTENT, STATE, WALL = 8192, 8256, 8320, 8448, 8576
RAW, MJPEG, H264, HEVC = 1, 2, 3, 4
KEYFRAME = 1
ENDED, SUPERSEDED = 3, 4
SYS_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "armv7l": 240, "i686": 240}.get(platform.machine())
FUTEX_WAIT, FUTEX_WAKE = 0, 1
libc = ctypes.CDLL(None, use_errno=True)


class timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class BadRing(Exception):
    """The file is no ring, or one of another version."""


_fence = threading.Lock()


def load_barrier():
    """Loads after this call are not done before those ahead of it, on machines that reorder loads too."""
    with _fence:
        pass
    with _fence:  # to take a lock that was just given back orders both sides
        pass


class Frame:
    """One frame in shared memory. Valid until the writer comes round; ask valid() after use."""

    def __init__(self, ring, number, fields, payload, missed):
        self.ring, self.number, self.payload, self.missed = ring, number, payload, missed
        self.map = ring.map
        (self.position, self.size, self.flags, self.capture_ns, self.publish_ns, self.source_number,
         self.source_capture_ns) = fields[:7]
        self.meta_position, self.meta_size = fields[7:]

    def valid(self):
        """Whether all that was read of the frame so far was the frame's; never true again once it was not."""
        ring = self.ring
        if ring.map is not self.map:
            return False  # the reader is on another generation by now
        load_barrier()
        return (ring.u64(ring.entry_at(self.number)) == 2 * self.number + 2
                and (ring.u64(INTENT) - self.position) % 2**64 <= ring.arena_bytes)

    def copy(self):
        """The payload's bytes, or None when they were overwritten meanwhile."""
        data = bytes(self.payload)
        return data if self.valid() else None

    def metadata(self):
        """The frame's JSON text, or None."""
        at = self.ring.arena_offset + self.meta_position % self.ring.arena_bytes
        text = self.ring.map[at:at + self.meta_size]
        return text.decode() if self.meta_size and self.valid() else None

    def plane(self, index):
        """A numpy view of one plane's rows (with their padding cut off for 8-bit planes of the picture's width)."""
        import numpy
        offset, stride, rows, _ = self.ring.planes[index]
        return numpy.frombuffer(self.payload, numpy.uint8, stride * rows, offset).reshape(rows, stride)

    def array(self):
        """The picture as numpy sees it: (h, w) for gray and the luma of planar YUV, (h, w, 3) for RGB and BGR."""
        plane = self.plane(0)
        width = self.ring.width
        if self.ring.fourcc in ("RGB3", "BGR3"):
            return plane[:, :width * 3].reshape(plane.shape[0], width, 3)
        if self.ring.fourcc == "YUYV":
            return plane[:, :width * 2:2]
        return plane[:, :width]


class Ring:
    """A reader that follows its ring through deaths and new generations of the writer."""

    def __init__(self, name):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", name):
            raise BadRing(f"{name!r} is no name of a ring")
        self.name = name
        self.missed = 0  # frames lost, in all
        self.path = os.path.join(os.environ.get("CAMRING_DIR") or "/dev/shm", "camring." + name)
        self.map = self.inode = None
        self.next = None  # number of the next frame
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.map = None

    def u32(self, at):
        return int.from_bytes(self.words[at:at + 4], "little")

    def u64(self, at):
        return int.from_bytes(self.words[at:at + 8], "little")

    def entry_at(self, number):
        return self.index_offset + number % self.depth * ENTRY_BYTES

    def open(self):
        """Maps the generation that has the name now. False while there is none."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            status = os.fstat(fd)
            if status.st_size < HEADER_BYTES:
                raise BadRing(f"{self.path}: too small to be a ring")
            mapped = mmap.mmap(fd, status.st_size, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(fd)
        magic, version, header_bytes = struct.unpack_from("<QII", mapped, 0)
        if (magic, version, header_bytes) != (MAGIC, 1, HEADER_BYTES):
            raise BadRing(f"{self.path}: no ring, or one of another version")
        (self.depth, entry_bytes, self.index_offset, self.arena_offset,
         self.arena_bytes) = struct.unpack_from("<IIQQQ", mapped, 80)
        if (entry_bytes != ENTRY_BYTES or not self.depth or self.depth & (self.depth - 1) or not self.arena_bytes
                or self.index_offset + self.depth * ENTRY_BYTES > status.st_size
                or self.arena_offset + self.arena_bytes > status.st_size):
            raise BadRing(f"{self.path}: its sizes contradict each other")
        self.codec, fourcc, self.width, self.height = struct.unpack_from("<I4sII", mapped, 112)
        self.fourcc = fourcc.decode("ascii", "replace")
        self.rate = struct.unpack_from("<II", mapped, 128)
        plane_count = struct.unpack_from("<I", mapped, 136)[0]
        self.planes = [struct.unpack_from("<4I", mapped, 144 + 16 * i) for i in range(min(plane_count, 4))]
        self.extradata = mapped[4096:4096 + struct.unpack_from("<I", mapped, 208)[0]]
        self.first = struct.unpack_from("<Q", mapped, 40)[0]
        self.map, self.words, self.inode = mapped, memoryview(mapped), (status.st_dev, status.st_ino)
        self._address = self._address_of(mapped)
        head = self.u64(HEAD)
        if self.next is None:
            self.next = self.expected = max(self.first, head - 1)  # a new reader starts with the newest frame
        elif self.first < self.next:
            self.next = self.expected = self.first  # numbers began again
        else:
            self.next = self.first  # numbers go on: what lies between is missed, and counted with the next frame
        return True

    @staticmethod
    def _address_of(mapped):
        """Where a read-only mapping lies: numpy looks without asking for write access; ctypes would."""
        import numpy
        return numpy.frombuffer(mapped, numpy.uint8).ctypes.data

    def replaced(self):
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) != self.inode

    def _wait(self, value, seconds):
        """FUTEX_WAIT on the ring's word; whoever is woken wakes two more, so that the writer need not wake all."""
        if SYS_FUTEX is None:
            time.sleep(min(seconds, 0.005))
            return
        limit = timespec(0, int(seconds * 1e9))
        address = ctypes.c_void_p(self._address + FUTEX)
        if libc.syscall(SYS_FUTEX, address, FUTEX_WAIT, ctypes.c_uint32(value), ctypes.byref(limit), None, 0) == 0:
            libc.syscall(SYS_FUTEX, address, FUTEX_WAKE, 2, None, None, 0)
        elif ctypes.get_errno() not in (errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR):
            raise OSError(ctypes.get_errno(), "futex")

    def _take(self):
        """The next frame, or None when there is nothing new."""
        for _ in range(16):  # a fast writer may overtake again and again
            head = self.u64(HEAD)
            if head <= self.next:
                return None
            load_barrier()
            at = self.entry_at(self.next)
            fields = struct.unpack_from("<QIIqqQqQI", self.map, at + 8)
            position, size = fields[:2]
            load_barrier()
            good = (self.u64(at) == 2 * self.next + 2 and (self.u64(INTENT) - position) % 2**64 <= self.arena_bytes)
            begin = position % self.arena_bytes
            if good and size <= self.arena_bytes - begin:
                begin += self.arena_offset
                frame = Frame(self, self.next, fields, self.words[begin:begin + size],
                              self.next - self.expected)
                self.missed += frame.missed
                self.next += 1
                self.expected = self.next
                return frame
            self.next = max(head - 1, self.next + 1)  # overtaken: go on with the newest
        return None

    def frame(self, timeout=1.0):
        """The next frame, or None when none comes in time."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if self.map is None:
                if not self.open():
                    if left <= 0:
                        return None
                    time.sleep(min(0.02, max(left, 0)))
                    continue
            word = self.u32(FUTEX)  # before the head: a frame that comes in between ends the wait at once
            load_barrier()
            frame = self._take()
            if frame is not None:
                return frame
            if left <= 0:
                return None
            if self.u32(STATE) in (ENDED, SUPERSEDED) or self.replaced():
                if self.replaced():
                    frame = self._take()  # what came since the last look, before moving on
                    if frame is not None:
                        return frame
                    self.open()
                else:
                    time.sleep(min(0.02, left))
                continue
            self._wait(word, min(left, 0.1))

    def frames(self):
        """All frames to come."""
        while True:
            frame = self.frame()
            if frame is not None:
                yield frame


def main():
    parser = argparse.ArgumentParser(description="Reads a camring ring.")
    parser.add_argument("ring")
    parser.add_argument("--frames", type=int, default=0, help="end after so many")
    parser.add_argument("--save", metavar="DIR", help="write JPEG frames there")
    arguments = parser.parse_args()
    count = 0
    with Ring(arguments.ring) as ring:
        for frame in ring.frames():
            age_ms = (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - frame.capture_ns) / 1e6
            if ring.codec == RAW:
                value = f"brightness {frame.array().mean():.2f}"
            else:
                data = frame.copy()
                value = f"{frame.size} bytes"
                if arguments.save and data and ring.codec == MJPEG:
                    with open(os.path.join(arguments.save, f"{frame.number:09}.jpg"), "wb") as file:
                        file.write(data)
            if not frame.valid():
                continue
            print(f"{frame.number} source {frame.source_number} age {age_ms:.1f} ms missed {frame.missed} {value}", flush=True)
            count += 1
            if count == arguments.frames:
                return


if __name__ == "__main__":
    try:
        main()
    except (BadRing, OSError) as error:
        sys.exit(f"ring_reader.py: {error}")
    except (KeyboardInterrupt, BrokenPipeError):
        pass
