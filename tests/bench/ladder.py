#!/usr/bin/env python3
"""The ladder: 1080p60 raw -> 1080p30 H.264 + 720p30 MJPEG + 480p15 MJPEG + 1080p30 raw in shared memory.

camring (camcap and shmpub), one ffmpeg and one gst-launch-1.0 do it in turns, in real time, at the same settings of the
same encoders. Prints CPU seconds, then the PSNR of every output, then camring's latency per output.
  tests/bench/ladder.py BUILD [--seconds 10] [--repeats 5] [--footage build/footage/vtest.avi]
"""
import argparse
import ctypes
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BITRATE, QUALITY = 4_000_000, 80
OUTPUTS = (("h264", 1920, 1080, 30), ("mjpeg", 1280, 720, 30), ("mjpeg", 640, 480, 15), ("raw", 1920, 1080, 30))


def run_to_end(command, **kwargs):
    """CPU seconds of a command, its children included; its output goes nowhere."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               **kwargs)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    return usage.ru_utime + usage.ru_stime


class Ladder:
    def __init__(self, options, directory):
        self.options, self.dir = options, directory
        self.bin = os.path.join(options.build, "bin")
        self.rings = os.path.join("/dev/shm", os.path.basename(directory))
        os.mkdir(self.rings)
        self.env = {**os.environ, "CAMRING_DIR": self.rings}
        self.short = os.path.join(directory, "short.y4m")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", options.footage, "-vf",
                        "scale=1920:1080:flags=bicubic,fps=60,noise=alls=4:allf=t", "-frames:v", "120", "-pix_fmt",
                        "yuv420p", self.short], check=True)
        self.frames = options.seconds * 60
        self.long = os.path.join(directory, "long.y4m")
        with open(self.short, "rb") as short, open(self.long, "wb") as long:
            header = short.readline()
            long.write(header)
            for _ in range(options.seconds // 2):
                short.seek(len(header))
                shutil.copyfileobj(short, long, 1 << 24)

    def camring_outputs(self):
        return ["--out", f"l.0:h264,1920x1080@30,{BITRATE // 1000}k", "--out", f"l.1:mjpeg,1280x720@30,q{QUALITY}",
                "--out", f"l.2:mjpeg,640x480@15,q{QUALITY}", "--out", "l.3:raw,1920x1080@30"]

    def camring(self):
        """(camcap, shmpub)."""
        publisher = subprocess.Popen([f"{self.bin}/shmpub", "l", "--no-on-demand", "-q", *self.camring_outputs()],
                                     env=self.env, stdin=subprocess.DEVNULL)
        camera = run_to_end([f"{self.bin}/camcap", self.long, "l", "-q"], env=self.env)
        publisher.terminate()
        _, _, usage = os.wait4(publisher.pid, 0)
        publisher.returncode = 0
        return camera, usage.ru_utime + usage.ru_stime

    def ffmpeg(self, source, to, real_time=True):
        graph = ("[0:v]fps=30,split=3[a][b][c];[b]scale=1280:720:out_range=full,format=yuvj420p[m];"
                 "[c]fps=15,scale=640:480:out_range=full,format=yuvj420p[l];[a]split=2[h][r]")
        # MJPEG's quality 80 of others is a quantiser of about 4 in ffmpeg; the PSNR below shows it.
        return ["ffmpeg", "-nostdin", "-v", "error", *(["-re"] if real_time else []), "-i", source, "-filter_complex", graph,
                "-map", "[h]", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-b:v",
                str(BITRATE), "-maxrate", str(BITRATE), "-bufsize", str(BITRATE), "-f", "h264", "-y", to[0],
                "-map", "[m]", "-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", "-y", to[1],
                "-map", "[l]", "-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg", "-y", to[2],
                "-map", "[r]", "-c:v", "rawvideo", *(["-f", "image2", "-update", "1"] if real_time else ["-f", "rawvideo"]),
                "-y", to[3]]

    def gstreamer(self, source, to, real_time=True):
        sinks = [f"filesink location={name}" if name != "/dev/null" else "fakesink" for name in to[:3]]
        raw = (f"shmsink socket-path={self.rings}/sock shm-size=40000000 wait-for-connection=false sync=false"
               if real_time else f"filesink location={to[3]}")
        pace = "identity sync=true !" if real_time else ""
        text = (f"filesrc location={source} ! y4mdec ! {pace} queue ! videorate drop-only=true ! video/x-raw,framerate=30/1"
                f" ! tee name=u u. ! queue ! x264enc speed-preset=ultrafast tune=zerolatency bitrate={BITRATE // 1000}"
                f" vbv-buf-capacity=1000 key-int-max=30 ! video/x-h264,stream-format=byte-stream ! {sinks[0]}"
                f" u. ! queue ! videoscale ! video/x-raw,width=1280,height=720 ! jpegenc quality={QUALITY} ! {sinks[1]}"
                f" u. ! queue ! videorate drop-only=true ! video/x-raw,framerate=15/1 ! videoscale !"
                f" video/x-raw,width=640,height=480 ! jpegenc quality={QUALITY} ! {sinks[2]} u. ! queue ! {raw}")
        return ["gst-launch-1.0", "-q", *text.split()]

    def cost(self):
        sides = {"camring": [], "ffmpeg": [], "GStreamer": []}
        cameras = []
        for _ in range(self.options.repeats):
            camera, publisher = self.camring()
            cameras.append(camera)
            sides["camring"].append(camera + publisher)
            nowhere = ["/dev/null"] * 3 + [f"{self.rings}/raw.yuv"]
            sides["ffmpeg"].append(run_to_end(self.ffmpeg(self.long, nowhere)))
            if os.path.exists(f"{self.rings}/sock"):
                os.unlink(f"{self.rings}/sock")
            sides["GStreamer"].append(run_to_end(self.gstreamer(self.long, nowhere)))
        best = min(statistics.median(sides["ffmpeg"]), statistics.median(sides["GStreamer"]))
        print(f"\nCPU seconds for {self.options.seconds} s of video, median of {self.options.repeats} (least to most).\n")
        print("| side | CPU s | least to most | / best of the others |\n|---|---|---|---|")
        for name, values in sides.items():
            middle = statistics.median(values)
            print(f"| {name} | {middle:.2f} | {min(values):.2f} to {max(values):.2f} | {middle / best:.2f} |")
        print(f"\nOf camring's, camcap took {statistics.median(cameras):.2f} s to read the file and fill the ring.")

    def psnr(self, path, output):
        """The best over the frames that a side may have chosen and over the two readings of JPEG's range."""
        codec, width, height, rate = output
        step, best = 60 // rate, 0.0
        if codec == "raw":
            form = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(rate)]
        else:
            form = ["-f", codec, "-r", str(rate)]
        for offset in range(step):
            for convert in (("", f"scale=in_range=full:out_range=limited,") if codec == "mjpeg" else ("", )):
                graph = (f"[0:v]{convert}format=yuv420p,setpts=N/TB/{rate}[a];[1:v]select='not(mod(n-{offset}\\,{step}))',"
                         f"scale={width}:{height}:flags=lanczos,setpts=N/TB/{rate}[b];[a][b]psnr=shortest=1")
                result = subprocess.run(["ffmpeg", "-nostdin", "-v", "info", *form, "-color_range", "tv", "-i", path, "-i",
                                         self.short, "-lavfi", graph, "-f", "null", "-"], capture_output=True, text=True)
                found = re.search(r"PSNR y:([\d.]+|inf)", result.stderr)
                best = max(best, float(found.group(1)) if found else 0.0)
        return best

    def camring_files(self, to):
        """What shmpub makes of the short source, written to files."""
        sys.path[:0] = [os.path.join(SOURCE, "tests", "tools", "shmpub"), os.path.join(SOURCE, "tests", "support")]
        os.environ.update(CAMRING_DIR=self.rings, CAMRING_BUILD=self.options.build, CAMRING_SOURCE=SOURCE)
        import rings
        lib = rings.library()
        publisher = subprocess.Popen([f"{self.bin}/shmpub", "-", "--no-on-demand", "--frames", "128", "-q",
                                      *self.camring_outputs()], env=self.env, stdin=subprocess.PIPE)
        counts = [120 * output[3] // 60 - 1 for output in OUTPUTS]
        readers = [rings.Reader(lib, f"l.{i}", start=2) for i in range(len(OUTPUTS))]
        done = threading.Event()

        def feed():
            with publisher.stdin as pipe, open(self.short, "rb") as source:
                shutil.copyfileobj(source, pipe, 1 << 20)
                pipe.flush()
                done.wait(60)
        thread = threading.Thread(target=feed)
        thread.start()
        sizes = []
        for reader, count, path in zip(readers, counts, to):
            frames = reader.take(count)
            sizes.append(sum(len(frame.payload) for frame in frames) / count)
            with open(path, "wb") as file:
                file.writelines(frame.payload for frame in frames)
        done.set()
        thread.join()
        publisher.wait()
        for reader in readers:
            reader.close()

    def quality(self):
        print("\nPSNR of luma against the source, scaled by libswscale's lanczos; dB (kB a frame).\n")
        print("| output | camring | ffmpeg | GStreamer |\n|---|---|---|---|")
        cells = {}
        for side in ("camring", "ffmpeg", "GStreamer"):
            to = [os.path.join(self.dir, f"{side}.{i}") for i in range(len(OUTPUTS))]
            if side == "camring":
                self.camring_files(to)
            else:
                command = self.ffmpeg if side == "ffmpeg" else self.gstreamer
                run_to_end(command(self.short, to, real_time=False))
            for i, output in enumerate(OUTPUTS):
                frames = 120 * output[3] // 60 - (side == "camring")
                size = os.path.getsize(to[i]) / frames / 1000
                cells[side, i] = f"{self.psnr(to[i], output):.1f} ({size:.0f})"
        for i, (codec, width, height, rate) in enumerate(OUTPUTS):
            print(f"| {codec} {width}x{height}@{rate} | " +
                  " | ".join(cells[side, i] for side in ("camring", "ffmpeg", "GStreamer")) + " |")

    def latency(self):
        import rings
        lib = rings.library()
        publisher = subprocess.Popen([f"{self.bin}/shmpub", "l", "-q", *self.camring_outputs()], env=self.env,
                                     stdin=subprocess.DEVNULL)
        readers = [rings.Reader(lib, f"l.{i}", start=1, label=b"bench") for i in range(len(OUTPUTS))]
        camera = subprocess.Popen([f"{self.bin}/camcap", self.long, "l", "-q"], env=self.env, stdin=subprocess.DEVNULL)
        ages = [[] for _ in OUTPUTS]

        def follow(reader, into):
            frame = rings.CFrame(struct_bytes=ctypes.sizeof(rings.CFrame))
            end = time.monotonic() + self.options.seconds - 1
            while time.monotonic() < end:
                if lib.camring_reader_next(reader.handle, ctypes.byref(frame), 100_000_000, 0) == 0:
                    into.append((frame.publish_ns - frame.source_capture_ns) / 1e6)
        threads = [threading.Thread(target=follow, args=pair) for pair in zip(readers, ages)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        camera.terminate(), camera.wait(), publisher.terminate(), publisher.wait()
        print("\nFrom capture to published, ms (camcap's copy of the frame included).\n")
        print("| output | frames | p50 | p99 |\n|---|---|---|---|")
        for (codec, width, height, rate), values in zip(OUTPUTS, ages):
            values.sort()
            print(f"| {codec} {width}x{height}@{rate} | {len(values)} | {statistics.median(values):.1f} | "
                  f"{values[len(values) * 99 // 100]:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--footage", default=os.path.join(SOURCE, "build", "footage", "vtest.avi"))
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory(prefix="camring-ladder-", dir=os.environ.get("TMPDIR", "/var/tmp")) as directory:
        ladder = Ladder(options, directory)
        try:
            ladder.cost()
            ladder.quality()
            ladder.latency()
        finally:
            shutil.rmtree(ladder.rings)


if __name__ == "__main__":
    main()
