"""sseserve's streams in event-stream clients that are not ours: the npm package eventsource, and Node.js's own (undici).

A browser's EventSource is tests/browser's; what the wire looks like is test_streams'.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from camring_test import SOURCE, main, wait_for
from sse import SECRET, SseTest, token

FOLDER = os.path.join(SOURCE, ".cache", "eventsource")
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "eventsource", "client.mjs")
NODE = shutil.which("node")
for missing, why in ((NODE is None, "no Node.js is installed"),
                     (not os.path.isdir(os.path.join(FOLDER, "node_modules", "eventsource")),
                      f"the npm package eventsource is not in {FOLDER}; scripts/setup test puts it there")):
    if missing:
        print("skipped:", why)
        sys.exit(77)


def node_has_its_own():
    out = subprocess.run([NODE, "--experimental-eventsource", "-e", "console.log(typeof EventSource)"], capture_output=True)
    return out.returncode == 0 and out.stdout == b"function\n"


class ClientTest(SseTest):
    """`where` is what client.mjs takes."""
    where = FOLDER

    def client(self, url, *args):
        flags = ["--experimental-eventsource"] if self.where == "built-in" else []
        running = self.start(NODE, *flags, CLIENT, self.where, url, *args, stdin=subprocess.PIPE)
        heard = []

        def read():
            for line in running.process.stdout:
                heard.append(json.loads(line))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.addCleanup(reader.join, 5)
        self.addCleanup(running.stop, signal.SIGKILL)
        return heard

    def serve_on(self, port=0):
        server = self.start("sseserve", "--camera", "cam0,raw=cam0.high", "--listen", port)
        self.port = int(server.wait_line("serving http").rsplit(":", 1)[1].strip("/"))
        self.host = "127.0.0.1"
        return server

    @staticmethod
    def of(heard, kind):
        return [one for one in list(heard) if one["type"] == kind]

    def wait(self, heard, kind, count):
        return wait_for(f"{count} x {kind}; there are {[one['type'] for one in heard[-8:]]}",
                        lambda: len(self.of(heard, kind)) >= count and self.of(heard, kind)[count - 1])


class Package(ClientTest):
    def test_it_gets_hello_init_and_fragments_with_their_ids(self):
        self.camera("cam0.high:h264,500k")
        self.serve_on()
        heard = self.client(f"http://127.0.0.1:{self.port}/streams/sse/cam0/raw")
        self.wait(heard, "fragment", 40)
        self.assertEqual([one["type"] for one in heard[:3]], ["open", "hello", "init"])
        hello, init, fragments = heard[1], heard[2], self.of(heard, "fragment")[:40]
        self.assertEqual((hello["info"]["channel"], hello["info"]["resumed"]), ("raw", False))
        self.assertTrue(hello["info"]["connection_id"])
        self.assertEqual(init["boxes"], ["ftyp", "moov"])
        self.assertTrue(fragments[0]["info"]["key"])
        for fragment in fragments:
            self.assertEqual(fragment["boxes"][-2:], ["moof", "mdat"])
        self.assertEqual(len({fragment["id"] for fragment in fragments}), 40)
        self.assertEqual(self.of(heard, "error"), [])

    def test_it_comes_back_to_a_new_server_after_the_retry_time_without_a_frame_lost_or_repeated(self):
        self.camera("cam0.high:h264,500k", options=("--no-on-demand",))

        def run(sig):
            server = self.serve_on()
            heard = self.client(f"http://127.0.0.1:{self.port}/streams/sse/cam0/raw")
            self.wait(heard, "fragment", 30)
            server.stop(sig)
            error = self.wait(heard, "error", 1)
            self.assertEqual([one["info"]["reason"] for one in self.of(heard, "bye")],
                             ["server stops"] if sig == signal.SIGTERM else [])
            before = self.of(heard, "fragment")
            server = self.serve_on(self.port)
            opened = self.wait(heard, "open", 2)
            self.assertGreater(opened["at"] - error["at"], 900)  # retry: 1000
            self.wait(heard, "fragment", len(before) + 60)
            self.assertEqual([one["info"]["resumed"] for one in self.of(heard, "hello")], [False, True])
            self.assertEqual(self.of(heard, "gap"), [])
            numbers = [one["info"]["number"] for one in self.of(heard, "fragment")]
            server.stop()
            print(f"{len(before)} frames, {sig.name}, and {len(numbers) - len(before)} more "
                  f"{opened['at'] - error['at']:.0f} ms later")
            return numbers

        for sig in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(sig.name):
                self.assert_no_frame_lost(lambda: run(sig))

    def test_a_status_other_than_200_is_not_tried_again(self):
        self.camera("cam0.high:h264,500k")
        self.serve_on()
        heard = self.client(f"http://127.0.0.1:{self.port}/streams/sse/cam0/annotated")
        error = self.wait(heard, "error", 1)
        self.assertEqual(error["state"], 2)  # closed
        time.sleep(1.5)
        self.assertEqual([one["type"] for one in heard], ["error"])


class PackageWithToken(ClientTest):
    def test_a_token_goes_in_the_header_and_bye_tells_its_end(self):
        key = os.path.join(self.tmp, "secret")
        with open(key, "wb") as file:
            file.write(SECRET)
        self.camera("cam0.high:h264,500k")
        self.serve("--camera", "cam0,raw=cam0.high", "--auth", "jwt", "--jwt-key", key)
        url = f"http://127.0.0.1:{self.port}/streams/sse/cam0/raw"
        refused = self.wait(self.client(url), "error", 1)
        self.assertEqual((refused["code"], refused["state"]), (401, 2))
        heard = self.client(url, token(roles=["viewer"], exp=time.time() + 4))
        self.wait(heard, "fragment", 5)
        self.assertLess(self.wait(heard, "token", 1)["info"]["expires_in_ms"], 4000)
        self.assertEqual(self.wait(heard, "bye", 1)["info"], {"reason": "token expired"})
        # It comes back as it must, and is told in a way that it understands that this makes no sense.
        ended = self.wait(heard, "error", 2)
        self.assertEqual((ended["code"], ended["state"]), (401, 2))
        self.assertEqual(len(self.of(heard, "hello")), 1)


@unittest.skipUnless(node_has_its_own(), "this Node.js has no EventSource of its own")
class BuiltIn(Package):
    where = "built-in"


if __name__ == "__main__":
    main()
