"""sseserve's page comes back: after the server, the token, sleep, another set of qualities; and plays in Safari's way."""
import os
import signal
import statistics
import sys
import time

from camring_test import SOURCE, main, wait_for
from player import BUFFERED, PlayerTest

sys.path.insert(0, os.path.join(SOURCE, "tests", "tools", "sseserve"))
from sse import SECRET, token

# A browser that has Safari's ManagedMediaSource alone. It plays only where remote playback is off, as that one does.
MANAGED = """{
  const Plain = window.MediaSource;
  delete window.MediaSource;
  window.ManagedMediaSource = class extends Plain {
    streaming = false;
    constructor() {
      super();
      this.addEventListener("sourceopen", () => {
        this.streaming = true;
        this.dispatchEvent(new Event("startstreaming"));
      });
    }
    addSourceBuffer(mime) {
      if (!document.querySelector("video").disableRemotePlayback) throw new DOMException("remote playback is on");
      window.managed = (window.managed ?? 0) + 1;
      return super.addSourceBuffer(mime);
    }
  };
}"""


class Returns(PlayerTest):
    encoder = ("--no-on-demand",)  # frames go on while no server is there

    def streams(self):
        """The streams that the page has opened, without those that only failed."""
        return [stream for stream in self.value("streams") if stream["heard"]]

    def test_the_picture_goes_on_after_the_server_was_killed_and_no_frame_is_lost(self):
        def run():
            self.play()
            wait_for("a second of play", lambda: len(self.numbers()) > 30)
            before = self.wait_number("video")
            self.server.stop(signal.SIGKILL)
            wait_for("the notice", lambda: "trying again" in self.text())
            count = len(self.numbers())
            self.serve()
            wait_for("the notice to go", lambda: self.text() == "")
            after = self.wait_number("video", before + 30)
            self.wait_number("video", after)
            first, second = self.streams()
            last = [event["id"] for event in first["heard"] if event["type"] == "fragment"][-1]
            self.assertIn("last_event_id=" + last, second["url"])
            self.assertTrue(second["heard"][0]["resumed"])
            # The player has them too: one piece, without a hole where the server was missing.
            self.assertEqual(len(self.value(BUFFERED)), 1, self.value(BUFFERED))
            print(f"{count} frames, the server killed, and {len(self.numbers()) - count} more")
            return self.numbers()

        self.assert_no_frame_lost(run)

    def test_qualities_that_come_and_go_are_in_the_menu(self):
        def menu():
            return self.value("[...document.querySelectorAll('option')].map((item) => item.value)")

        self.play()
        self.assertEqual(menu(), ["high"])
        self.server.stop()
        self.serve(channels="raw.low=cam0.high,raw.still=cam0.mjpeg")
        wait_for("the other name", lambda: menu() == ["low"])
        wait_for("the notice to go", lambda: self.text() == "")
        self.wait_number("video", self.wait_number("video"))
        self.server.stop()
        self.serve(channels="raw.high=cam0.ai.high,raw.low=cam0.high")
        wait_for("both names", lambda: menu() == ["high", "low"])
        self.assertEqual(self.value("document.querySelector('select').value"), "low")  # the choice stays

    def test_where_there_is_only_a_managed_media_source_it_plays(self):
        self.browser.before(MANAGED)
        self.play()
        self.assertEqual(self.value("[typeof MediaSource, managed]"), ["undefined", 1])
        self.wait_number("video", self.wait_number("video"))
        time.sleep(1)
        self.assertLess(statistics.median(self.lateness(self.watch(2)[0])), 150)


class Sleep(PlayerTest):
    def test_a_tab_that_slept_shows_what_is_live(self):
        self.play()
        for sleep in ("hidden", "frozen"):
            with self.subTest(sleep):
                self.browser.hide()
                self.browser.freeze(sleep == "frozen")
                time.sleep(3)
                self.browser.freeze(False)
                self.browser.show()
                self.assertFalse(self.value("document.hidden"))
                self.value("void (probe.shown.length = 0)")
                shown = self.watch(2.5)[0]
                late = self.lateness([one for one in shown if one["at"] > shown[0]["at"] + 1000])
                print(f"lateness a second after being {sleep}: median {statistics.median(late):.1f} ms of {len(late)}")
                self.assertGreater(len(late), 30)
                self.assertLess(statistics.median(late), 150)


class Tokens(PlayerTest):
    def setUp(self):
        super().setUp()
        self.server.stop()
        self.guard(SECRET)

    def guard(self, secret):
        """A server that takes tokens of this secret alone."""
        key = os.path.join(self.tmp, "secret")
        with open(key, "wb") as file:
            file.write(secret)
        self.serve("--auth", "jwt", "--jwt-key", key)

    def heard(self, kind):
        return [event for stream in self.value("streams") for event in stream["heard"] if event["type"] == kind]

    @staticmethod
    def token(seconds):
        return token(roles=["viewer"], exp=time.time() + seconds)

    def test_a_token_that_is_renewed_plays_on_without_a_stall(self):
        wanted = "window.wanted = []; addEventListener('message', ({ data }) => data.camringTokenWanted && wanted.push(data.camringTokenWanted))"
        self.browser.before(wanted)
        end = time.time() + 6
        self.play("?access_token=" + token(roles=["viewer"], exp=end))
        wait_for("the question for a token", lambda: self.value("wanted"))
        self.assertLess(self.value("wanted[0]"), 6000)
        self.assertEqual(len(self.heard("token")), 1)
        self.assertIn("expires soon", wait_for("the notice", self.text))
        self.assertNotIn("access_token", self.value("location.href"))
        self.value(f"window.postMessage({{ camringToken: '{self.token(600)}' }})")
        wait_for("the notice to go", lambda: self.text() == "")
        self.assertLess(time.time(), end)
        self.value("void (probe.events.length = 0)")
        shown = self.watch(max(0, end - time.time()) + 3)[0]
        numbers = [one["number"] for one in shown if "number" in one]
        pause = max(b["at"] - a["at"] for a, b in zip(shown, shown[1:]))
        print(f"{len(numbers)} pictures over the first token's end, longest pause {pause:.0f} ms, {self.value('probe.events')}")
        self.assertEqual(len(self.value("streams")), 1)  # the same stream, all the time
        self.assertEqual(self.heard("bye"), [])
        self.assertGreater(shown[-1]["at"] / 1000, end + 2)
        self.assertEqual(numbers, sorted(numbers))
        self.assertLess(pause, 500)
        self.assertEqual(self.text(), "")

    def test_a_token_that_is_not_renewed_ends_with_a_notice_and_no_attempts(self):
        self.play("?access_token=" + self.token(3))
        wait_for("the end", lambda: "Ended: token expired." in self.text())
        self.assertEqual([event["type"] for event in self.value("streams")[0]["heard"]][-1], "bye")
        time.sleep(2.5)  # it would try again after one second
        self.assertEqual(len(self.value("streams")), 1)
        # Another one is taken whenever it comes.
        before = self.wait_number("video")
        self.value(f"window.postMessage({{ camringToken: '{self.token(600)}' }})")
        self.wait_number("video", before + 1)
        wait_for("the notice to go", lambda: self.text() == "")

    def test_a_server_that_comes_back_and_refuses_the_token_is_not_asked_for_ever(self):
        self.play("?access_token=" + self.token(600))
        self.server.stop(signal.SIGKILL)
        secret = b"quite another secret, long enough too"
        self.guard(secret)
        wait_for("what is needed", lambda: "access token is needed" in self.text())
        wait_for("the end of attempts", lambda: "trying again" not in self.text())
        count = len(self.value("streams"))
        time.sleep(2.5)
        self.assertEqual(len(self.value("streams")), count)
        self.value(f"window.postMessage({{ camringToken: '{token(secret=secret, roles=['viewer'])}' }})")
        wait_for("the notice to go", lambda: self.text() == "")
        self.wait_number("video", self.wait_number("video"))


if __name__ == "__main__":
    main()
