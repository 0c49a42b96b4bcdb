"""A camera with a raw channel and one that shows the same frames later."""
import os

import rings
from channels import Channel
from sse import SseTest


class TwoChannelTest(SseTest):
    DELAY = 0.120

    def both(self, *options, spec="cam0,raw=cam0.high,annotated=cam0.ai", delay=DELAY, output="cam0.high:h264,500k",
             size="320x240", asleep=None):
        """Starts both channels and the server.

        asleep: a further ring, whose encoder works on demand and is not waited for.
        """
        os.environ["CAMRING_DIR"] = self.dir
        self.lib = rings.library()
        self.camera(output, size=size, options=("--no-on-demand",))
        self.late = Channel(self.lib, "cam0.high", "cam0.ai", delay)
        self.addCleanup(self.stop_late)
        if asleep:
            self.start("shmpub", "cam0", "--out", asleep + ":h264,500k")
            self.wait_ring(asleep, 0)
        server = self.serve("--camera", spec, "--stale-after", "700ms", *options)
        self.ready()
        return server

    def stop_late(self):
        if self.late:
            self.late.close()
            self.late = None

    def switch(self, stream, status=200, **wanted):
        order = {"connection_id": stream.events[0].json["connection_id"], **wanted}
        return self.json("/streams/sse/cam0/switch", order, status=status)
