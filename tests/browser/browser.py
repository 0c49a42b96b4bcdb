"""Headless Chromium over its DevTools pipe (--remote-debugging-pipe): no driver (playwright-core, Selenium), no package
beyond the browser: fewer parts that can differ from machine to machine."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
         "--remote-debugging-pipe", "--window-size=900,700"]


def find():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    return None


class Browser:
    """One page. Commands go over descriptor 3 of the browser, answers come over 4, each message ends with NUL."""

    def __init__(self, path, watchdog=60):
        self.watchdog = watchdog
        self.profile = tempfile.mkdtemp(prefix="camring-browser-")
        to_browser, self.out = os.pipe()
        self.inp, from_browser = os.pipe()

        def arrange():
            os.dup2(to_browser, 63)
            os.dup2(from_browser, 64)
            os.dup2(63, 3)
            os.dup2(64, 4)

        self.process = subprocess.Popen([path, *FLAGS, "--user-data-dir=" + self.profile, "about:blank"],
                                        preexec_fn=arrange, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.count = b"", 0
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session, self.page, self.front = None, page["targetId"], None
        self.session = self.call("Target.attachToTarget", targetId=self.page, flatten=True)["sessionId"]

    def call(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self.watchdog
        os.set_blocking(self.inp, False)
        while time.monotonic() < end:
            while b"\0" in self.buffer:
                text, _, self.buffer = self.buffer.partition(b"\0")
                answer = json.loads(text)
                if answer.get("id") == self.count:
                    if "error" in answer:
                        raise AssertionError(f"{method}: {answer['error']}")
                    return answer["result"]
            try:
                got = os.read(self.inp, 1 << 20)
                if not got:
                    raise AssertionError(f"the browser ended during {method}")
                self.buffer += got
            except BlockingIOError:
                time.sleep(0.01)
        raise AssertionError(f"the browser did not answer {method}")

    def hide(self):
        """Another tab comes to the front, as a user does it: the page is hidden, timers and pictures go slow."""
        self.front = self.front or self.root("Target.createTarget", url="about:blank")["targetId"]
        self.root("Target.activateTarget", targetId=self.front)

    def show(self):
        self.root("Target.activateTarget", targetId=self.page)

    def freeze(self, frozen):
        """Stops the page's scripts and timers, as browsers do with tabs long unseen and phones with all."""
        self.call("Page.setWebLifecycleState", state="frozen" if frozen else "active")

    def root(self, method, **params):
        """A command to the browser, not to the page."""
        session, self.session = self.session, None
        try:
            return self.call(method, **params)
        finally:
            self.session = session

    def open(self, url):
        self.call("Page.navigate", url=url)

    def before(self, script):
        """Runs a script in every document from now on, ahead of the document's own."""
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def value(self, expression):
        """What a JavaScript expression (or promise) gives."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return result["result"].get("value")

    def screenshot(self):
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.inp)
        shutil.rmtree(self.profile, ignore_errors=True)
