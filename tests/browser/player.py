"""What the tests of sseserve's page share: cameras, the server, and the page in a real browser.

The browser is driven by its own DevTools protocol (browser.py), so that no driver or package is needed beside it.
"""
import os
import re
import sys
import time

import browser
from camring_test import ToolTest, tool, wait_for

CHROMIUM = browser.find()
for missing, why in ((CHROMIUM is None, "no Chromium is installed"), (not os.path.exists(tool("sseserve")), "no sseserve is built")):
    if missing:
        print("skipped:", why)
        sys.exit(77)

with open(os.path.join(os.path.dirname(__file__), "probe.js")) as file:
    PROBE = file.read()


# Before the page's own script: what streams it opens, and what comes over them. Each of `streams` is
# {url, at, heard: [{type, number, id}]}, at in ms of the page's clock.
LISTEN = """window.streams = [];
  window.EventSource = class extends EventSource {
    constructor(url) {
      super(url);
      const stream = { url, at: performance.now(), heard: [] };
      streams.push(stream);
      for (const type of ["hello", "fragment", "token", "bye"]) this.addEventListener(type, ({ data, lastEventId }) => {
        const info = JSON.parse(data.split("\\n", 1)[0]);
        stream.heard.push({ type, id: lastEventId, number: info.number, channel: info.channel, resumed: info.resumed });
      });
    }
  };"""


# What the player has buffered, as pieces [begin, end], s.
BUFFERED = """(() => { const { buffered } = document.querySelector("video");
  return [...Array(buffered.length).keys()].map((i) => [buffered.start(i), buffered.end(i)]); })()"""


class PlayerTest(ToolTest):
    """A camera with both channels, a server, a browser; `encoder` are more options of the encoding processes."""
    encoder = ()

    def setUp(self):
        super().setUp()
        self.start("camcap", "test:", "cam0", "--size", "640x360", "--fps", "30")
        self.publisher = self.start("shmpub", "cam0", "--out", "cam0.high:h264", "--out", "cam0.mjpeg:mjpeg", *self.encoder)
        self.start("shmpub", "cam0", "--overlay", "time", "--out", "cam0.ai.high:h264", "--out", "cam0.ai.mjpeg:mjpeg",
                   *self.encoder)
        for ring in ("cam0.high", "cam0.ai.high"):
            self.wait_ring(ring, 0)
        self.port = 0
        self.serve()
        self.browser = browser.Browser(CHROMIUM)
        self.addCleanup(self.browser.close)
        self.browser.before(LISTEN)

    def serve(self, *options, channels="raw.high=cam0.high,raw.still=cam0.mjpeg,"
              "annotated.high=cam0.ai.high,annotated.still=cam0.ai.mjpeg"):
        """A server, on the same port as one before it."""
        self.server = self.start("sseserve", "--camera", "cam0," + channels, "--listen", self.port, *options)
        match = re.search(r"http://[\d.]+:(\d+)", self.server.wait_line("serving http"))
        self.port = int(match.group(1))

    def numbers(self):
        """Frame numbers of all fragments that came, over all streams."""
        return [event["number"] for stream in self.value("streams") for event in stream["heard"] if event["type"] == "fragment"]

    def open(self, query=""):
        self.browser.open(f"http://127.0.0.1:{self.port}/{query}")
        wait_for("the page", lambda: self.value("document.querySelector('section') !== null"))
        self.assertTrue(self.value(PROBE))

    def play(self, query=""):
        self.open(query)
        self.wait_number("video")

    def value(self, expression):
        return self.browser.value(expression)

    def number(self, selector):
        """The number that a video or canvas shows now."""
        return self.value(f"(() => {{ const view = document.querySelector('{selector}'); return view && probe.read(view)?.number; }})()")

    def wait_number(self, selector, more_than=0):
        return wait_for(f"a number above {more_than} in the pixels of {selector}; the page says {self.text()!r}",
                        lambda: (number := self.number(selector)) is not None and number > more_than and number)

    def text(self):
        return self.value("[...document.querySelectorAll('[role=status]')].map((item) => item.textContent).join(' ').trim()")

    def pressed(self):
        return self.value("document.querySelector('button[aria-pressed=true]')?.value")

    def watch(self, seconds):
        """What each video shows during that time: lists of {number, clock, at}."""
        self.value("document.querySelectorAll('video').forEach(probe.watch)")
        time.sleep(seconds)
        return self.value("probe.shown")

    def lateness(self, shown):
        """How late each picture was on the screen, ms: its clock is CLOCK_MONOTONIC, the browser's the wall's."""
        offset = (time.time_ns() - time.monotonic_ns()) / 1e6
        return [one["at"] - offset - one["clock"] for one in shown if "clock" in one]

    def key(self, key, code=0, text=""):
        for kind in ("keyDown", "keyUp"):
            self.browser.call("Input.dispatchKeyEvent", type=kind, key=key, code={" ": "Space"}.get(key, key),
                              windowsVirtualKeyCode=code, **({"text": text} if text and kind == "keyDown" else {}))
