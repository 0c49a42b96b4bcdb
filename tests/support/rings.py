"""Rings for tests in Python, through the C library: a camera made by hand, and a reader that sees every number.

Pictures carry their frame number as blocks (libcommon/frame/pattern_code.h); here it is drawn and read by code of its
own, so that the tool's is not tested with itself.
"""
import collections
import ctypes
import os
import struct
import subprocess
import threading
import time
import unittest
import zlib

from camring_test import BUILD, WATCHDOG, wait_for

RAW, MJPEG, H264 = 1, 2, 3
KEYFRAME, DISCONTINUITY, PLACEHOLDER, INFERRED, DEGRADED, CORRUPT = 1, 2, 4, 8, 16, 32
STATES = ["absent", "starting", "live", "no-signal", "stalled", "ended", "dead"]
I420, NV12, RGB24, BGR24, GRAY8 = (int.from_bytes(code, "little") for code in
                                   (b"YU12", b"NV12", b"RGB3", b"BGR3", b"GREY"))


class Plane(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("offset_bytes", "stride_bytes", "rows")]


class Format(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in (
        "struct_bytes", "codec", "pixel_format", "width", "height", "rate_num", "rate_den", "plane_count")] + [
        ("planes", Plane * 4), ("colour_range", ctypes.c_uint8), ("colour_primaries", ctypes.c_uint8),
        ("colour_transfer", ctypes.c_uint8), ("colour_matrix", ctypes.c_uint8),
        ("extradata_bytes", ctypes.c_uint32), ("extradata", ctypes.c_uint8 * 4096)]


class CFrame(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("number", ctypes.c_uint64),
                ("capture_ns", ctypes.c_int64), ("publish_ns", ctypes.c_int64), ("source_number", ctypes.c_uint64),
                ("source_capture_ns", ctypes.c_int64), ("payload", ctypes.c_void_p),
                ("payload_bytes", ctypes.c_uint64), ("metadata", ctypes.c_void_p), ("metadata_bytes", ctypes.c_uint64),
                ("missed", ctypes.c_uint64), ("position", ctypes.c_uint64)]


Frame = collections.namedtuple("Frame", "number flags capture_ns source_number source_capture_ns missed payload publish_ns")


def library():
    path = os.path.join(BUILD, "libcommon", "ring", "libcamring.so")
    with open(path, "rb") as file:
        if b"__asan_init" in file.read():  # loading it would end the interpreter
            raise unittest.SkipTest("the library has AddressSanitizer in it, and this interpreter has not")
    lib = ctypes.CDLL(path)
    lib.camring_error.restype = ctypes.c_char_p
    lib.camring_writer_consumers.restype = ctypes.c_uint64
    for name in ("reader_close", "writer_close", "writer_beat", "reader_writer_state", "writer_consumers"):
        getattr(lib, "camring_" + name).argtypes = [ctypes.c_void_p]
    lib.camring_reader_next.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int]
    lib.camring_reader_valid.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.camring_reader_format.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.camring_writer_publish.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_void_p]
    lib.camring_writer_reconfigure.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    return lib


def make_format(lib, codec, width, height, fps=30, pixels=I420):
    form = Format(struct_bytes=ctypes.sizeof(Format))
    if codec == RAW:
        assert lib.camring_raw_format(pixels, width, height, ctypes.byref(form)) == 0
    form.codec, form.width, form.height, form.rate_num, form.rate_den = codec, width, height, fps, 1
    return form


class Camera:
    """Writes a ring, frame by frame as the test says. Times go up by the rate unless told otherwise.

    beats: it shows signs of life between frames, as tools do, however long the machine takes for what is tested.
    """

    def __init__(self, lib, name, codec, width, height, fps=30, pixels=I420, frames=64, beats=False):
        self.lib, self.fps = lib, fps
        self.form = make_format(lib, codec, width, height, fps, pixels)
        self.handle = ctypes.c_void_p()
        result = lib.camring_writer_open(name.encode(), ctypes.byref(self.form), frames, ctypes.byref(self.handle))
        assert result == 0, lib.camring_error()
        self.start_ns = time.monotonic_ns()
        self.closing = threading.Event()
        self.heart = threading.Thread(target=self.beat_on, daemon=True) if beats else None
        if self.heart:
            self.heart.start()

    def beat_on(self):
        while not self.closing.wait(0.2):
            self.beat()

    def publish(self, payload, number, flags=KEYFRAME, metadata=b""):
        capture = self.start_ns + number * 1_000_000_000 // self.fps
        info = CFrame(struct_bytes=ctypes.sizeof(CFrame), flags=flags, capture_ns=capture, source_number=number,
                      source_capture_ns=capture - 5, metadata=ctypes.cast(metadata, ctypes.c_void_p) if metadata else None,
                      metadata_bytes=len(metadata))
        result = self.lib.camring_writer_publish(self.handle, bytes(payload), len(payload), ctypes.byref(info))
        assert result == 0, self.lib.camring_error()
        return capture

    def beat(self):
        self.lib.camring_writer_beat(self.handle)

    def consumers(self):
        return self.lib.camring_writer_consumers(self.handle)

    def reconfigure(self, codec, width, height):
        self.form = make_format(self.lib, codec, width, height, self.fps)
        assert self.lib.camring_writer_reconfigure(self.handle, ctypes.byref(self.form)) == 0

    def close(self):
        self.closing.set()
        if self.heart:
            self.heart.join()
        self.lib.camring_writer_close(self.handle)
        self.handle = None


class Reader:
    """Reads a ring in order; next() gives a Frame with its bytes copied, or None after `seconds`."""

    def __init__(self, lib, name, start=2, label=None):
        self.lib, self.handle = lib, ctypes.c_void_p()
        result = lib.camring_reader_open(name.encode(), start, label, ctypes.byref(self.handle))
        assert result == 0, lib.camring_error()

    def next(self, seconds=WATCHDOG):
        frame = CFrame(struct_bytes=ctypes.sizeof(CFrame))
        end = time.monotonic() + seconds
        while True:
            left = max(0, int((end - time.monotonic()) * 1e9))
            got = self.lib.camring_reader_next(self.handle, ctypes.byref(frame), left, 0)
            assert got >= 0, self.lib.camring_error()
            if got == 0:
                payload = ctypes.string_at(frame.payload, frame.payload_bytes)
                if self.lib.camring_reader_valid(self.handle, ctypes.byref(frame)) == 1:
                    return Frame(frame.number, frame.flags, frame.capture_ns, frame.source_number,
                                 frame.source_capture_ns, frame.missed, payload, frame.publish_ns)
            elif left == 0:
                return None

    def take(self, count):
        frames = []
        for _ in range(count):
            frame = self.next()
            if frame is None:
                raise AssertionError(f"only {len(frames)} of {count} frames came")
            frames.append(frame)
        return frames

    @property
    def format(self):
        form = Format(struct_bytes=ctypes.sizeof(Format))
        assert self.lib.camring_reader_format(self.handle, ctypes.byref(form)) == 0
        return form

    @property
    def state(self):
        return STATES[self.lib.camring_reader_writer_state(self.handle)]

    def wait_state(self, state):
        def look():
            self.next(0.01)
            return self.state == state
        return wait_for(f"the state {state}; it is {self.state}", look)

    def close(self):
        self.lib.camring_reader_close(self.handle)
        self.handle = None


def picture(width, height, number):
    """An I420 picture (limited range) with a gradient and the code of `number`."""
    words = struct.pack(">IQ", number, number * 1000)
    words += struct.pack(">I", zlib.crc32(words))
    luma = bytearray()
    for y in range(height):
        luma += bytes(40 + (x + y + number) % 150 for x in range(width))
    for row in range(4):
        bits = int.from_bytes(words[4 * row:4 * row + 4], "big")
        line = bytearray(width)
        for column in range(32):
            left, right = column * width // 32, (column + 1) * width // 32
            line[left:right] = bytes([235 if bits >> (31 - column) & 1 else 16]) * (right - left)
        for y in range(row * height // 24, (row + 1) * height // 24):
            luma[y * width:(y + 1) * width] = line
    chroma = ((width + 1) // 2) * ((height + 1) // 2)
    return bytes(luma) + bytes([110]) * chroma + bytes([150]) * chroma


def number_in(luma, width, height, stride=None, step=1):
    """The number that a plane of luma (or of one colour) shows, or None when its check sum is wrong."""
    stride = stride or width * step
    words = bytearray()
    for row in range(4):
        y = (2 * row + 1) * height // 48
        bits = 0
        for column in range(32):
            x = (2 * column + 1) * width // 64
            bits = bits << 1 | (luma[y * stride + x * step] > 127)
        words += bits.to_bytes(4, "big")
    number, _, checksum = struct.unpack(">IQI", words)
    return number if zlib.crc32(words[:12]) == checksum else None


def ffmpeg(*args, input=None):
    """Runs ffmpeg, which must have nothing to complain of; returns its output."""
    result = subprocess.run(["ffmpeg", "-nostdin", "-v", "warning", "-xerror", *map(str, args)] if input is None else
                            ["ffmpeg", "-v", "warning", "-xerror", *map(str, args)],
                            input=input, capture_output=True, timeout=60)
    complaints = [line for line in result.stderr.decode().splitlines() if "deprecated pixel format" not in line]
    assert result.returncode == 0 and not complaints, complaints
    return result.stdout


def y4m(width, height, numbers, fps=30):
    yield f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420\n".encode()
    for number in numbers:
        yield b"FRAME\n" + picture(width, height, number)


def jpegs(width, height, numbers, quality=3):
    """Each number's picture as a JPEG image, made by ffmpeg."""
    stream = ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-c:v", "mjpeg", "-q:v", quality, "-f", "mjpeg", "-",
                    input=b"".join(y4m(width, height, numbers)))
    images = [b"\xff\xd8" + rest for rest in stream.split(b"\xff\xd8")[1:]]
    assert len(images) == len(list(numbers))
    return images


def numbers_in_jpegs(images, width, height):
    """The numbers that JPEG images show when ffmpeg decodes them, without a word of complaint."""
    gray = ffmpeg("-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-",
                  input=b"".join(images))
    size = width * height
    return [number_in(gray[i:i + size], width, height) for i in range(0, len(gray), size)]
