"""Real pictures for framecheck's tests: frames of Debian's footage, and copies of them degraded by known amounts."""
import os
import subprocess
import sys

import numpy

from camring_test import BUILD, SOURCE


def footage():
    """The footage's directory; ends the test file with 77 (skipped) and the reason where it can't be had."""
    directory = os.environ.get("CAMRING_TEST_FOOTAGE") or os.path.join(os.path.dirname(BUILD), "footage")
    made = subprocess.run([os.path.join(SOURCE, "scripts", "test-data"), directory], capture_output=True, text=True)
    if made.returncode != 0:
        print("skipped:", made.stderr.strip())
        sys.exit(77)
    return directory


def frame(path, second):
    """The luma of one frame, halved so that the noise and the blocks of its own compression are averaged away."""
    made = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-ss", str(second), "-i", path, "-frames:v", "1", "-vf",
                           "scale=iw/2:ih/2:flags=area,scale=out_range=full,format=gray", "-f", "image2pipe", "-c:v",
                           "pgm", "-"], capture_output=True, check=True).stdout
    width, height = map(int, made.split(b"\n")[1].split())
    return numpy.frombuffer(made[-width * height:], numpy.uint8).reshape(height, width)


def real_pictures(directory):
    places = {"vtest": ("vtest.avi", (1, 20, 50)), "tree": ("tree.avi", (1, 8)), "megamind": ("Megamind_bugy.avi", (2, 6))}
    return {f"{name}-{second}": frame(os.path.join(directory, file), second)
            for name, (file, seconds) in places.items() for second in seconds}


def clipped(values):
    return numpy.clip(numpy.rint(values), 0, 255).astype(numpy.uint8)


def blurred(picture, sigma):
    radius = int(4 * sigma) + 1
    weights = numpy.exp(-numpy.arange(-radius, radius + 1) ** 2 / (2 * sigma * sigma))
    weights /= weights.sum()
    out = picture.astype(float)
    for axis in (0, 1):
        padding = [(radius, radius) if a == axis else (0, 0) for a in (0, 1)]
        padded = numpy.pad(out, padding, mode="reflect")
        out = sum(weight * numpy.take(padded, range(i, i + picture.shape[axis]), axis) for i, weight in enumerate(weights))
    return clipped(out)


def noised(picture, sigma, seed=1):
    return clipped(picture + numpy.random.default_rng(seed).normal(0, sigma, picture.shape))


def squeezed(picture, low, high):
    """The picture with its values between low and high, so that noise is not cut off at black and white."""
    return clipped(low + picture.astype(float) * (high - low) / 255)


def write(path, picture):
    with open(path, "wb") as file:
        file.write(b"P5\n%d %d\n255\n" % (picture.shape[1], picture.shape[0]) + picture.tobytes())
    return path
