"""What came out of a camera: frames in y4m and MJPEG files, and FFmpeg's opinion of them."""
import re
import subprocess


def jpegs(data):
    """The whole JPEGs in a stream of them; a part at the end, where writing stopped, is left out."""
    parts = re.split(rb"(?<=\xff\xd9)(?=\xff\xd8)", data)
    return parts if data.endswith(b"\xff\xd9") else parts[:-1]


def y4m_frames(data):
    """(header's fields by letter, frames); raises ValueError where data isn't y4m."""
    header, _, rest = data.partition(b"\n")
    words = header.decode("ascii", "replace").split(" ")
    if words[0] != "YUV4MPEG2":
        raise ValueError(f"no y4m: starts with {header[:40]!r}")
    fields = {w[0]: w[1:] for w in words[1:] if w}
    width, height, chroma = int(fields["W"]), int(fields["H"]), fields.get("C", "420")
    halves = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
    size = width * height
    if not chroma.startswith("mono"):
        across, down = halves[chroma[:3]]
        size += 2 * (-(-width // across)) * (-(-height // down))
    frames = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        if not line.startswith(b"FRAME") or len(rest) < size:
            raise ValueError(f"no whole frame after {len(frames)} frames: {line[:40]!r} and {len(rest)} bytes")
        frames.append(rest[:size])
        rest = rest[size:]
    return fields, frames


def painted_number(frame):
    """The number that uvc-vcam painted into the first 32 pixels, lowest bit first."""
    return sum((luma > 128) << bit for bit, luma in enumerate(frame[:32]))


def painted(number, width, height, size):
    """The planar frame (luma, then grey to fill `size`) that uvc-vcam paints, but for the first 32 pixels."""
    ramp = bytes(range(256)) * (width // 256 + 2)
    rows = (ramp[(number + y) % 256 :][:width] for y in range(height))
    return b"".join(rows).ljust(size, b"\x80")


def decoded_frames(path):
    """How many frames FFmpeg decodes, and what it complains about."""
    result = subprocess.run(
        ["ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v:0",
         "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path], capture_output=True, text=True)
    return int(result.stdout.strip().rstrip(",") or 0), result.stderr.strip()


def make_clip(path, frames):
    """MJPEG at 640x480, each frame different."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=30", "-frames:v", str(frames),
         "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "5", "-f", "mjpeg", "-y", path], check=True)
