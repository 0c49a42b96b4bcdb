"""The page in a real browser: a picture that is live, and a notice when the camera is gone."""
import os
import signal
import sys

import browser
from camring_test import SOURCE, main, wait_for

sys.path.insert(0, os.path.join(SOURCE, "tests", "tools", "mjpegserve"))
from server import ServerTest

CHROMIUM = browser.find()
if CHROMIUM is None:
    print("skipped: no Chromium is installed")
    sys.exit(77)

# The picture's pixels, as the browser decoded them, as one number.
SUM = """(() => { const image = document.querySelector("img"), canvas = document.createElement("canvas");
  canvas.width = 64; canvas.height = 64;
  const context = canvas.getContext("2d"); context.drawImage(image, 0, 0, 64, 64);
  return context.getImageData(0, 0, 64, 64).data.reduce((sum, value, i) => (sum * 31 + value) % 1000000007, 0); })()"""


class Page(ServerTest):
    def setUp(self):
        super().setUp()
        self.browser = browser.Browser(CHROMIUM)
        self.addCleanup(self.browser.close)

    def test_the_picture_is_live_and_a_camera_that_goes_is_noticed(self):
        camcap = self.camera(size="640x360")
        self.serve("cam0.mjpeg")
        self.browser.open(f"http://{self.host}:{self.port}/")
        wait_for("the picture in its size",
                 lambda: self.browser.value("document.querySelector('img')?.naturalWidth") == 640)
        first = self.browser.value(SUM)
        wait_for("another picture", lambda: self.browser.value(SUM) != first)
        wait_for("the rate", lambda: "fps" in (self.browser.value("document.querySelector('.numbers').textContent") or ""))
        wait_for("no notice over a live picture",
                 lambda: self.browser.value("document.querySelector('.notice').textContent") == "")

        camcap.stop(signal.SIGKILL)
        wait_for("the notice", lambda: "camera is gone" in self.browser.value("document.querySelector('.notice').textContent"))
        self.start("camcap", "test:", "cam0", "--size", "640x360")
        wait_for("the notice to go", lambda: self.browser.value("document.querySelector('.notice').textContent") == "")
        again = self.browser.value(SUM)
        wait_for("live pictures on the same page", lambda: self.browser.value(SUM) != again)
        if os.environ.get("CAMRING_SCREENSHOT"):
            with open(os.environ["CAMRING_SCREENSHOT"], "wb") as file:
                file.write(self.browser.screenshot())


if __name__ == "__main__":
    main()
