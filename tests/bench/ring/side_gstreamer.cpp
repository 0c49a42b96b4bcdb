// GStreamer: appsrc ! shmsink, shmsrc ! appsink. Its publishing goes on in a thread of the pipeline, so only
// its CPU time says what it costs.
#include "cell.h"

#ifdef BENCH_GSTREAMER
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <unistd.h>

#include <string>

#include "ring/futex.h"
#endif

namespace bench {
namespace {

class Gstreamer final : public Side {
 public:
  const char* name() const override { return "GStreamer shm"; }
  bool spins() const override { return false; }
#ifdef BENCH_GSTREAMER
  bool begin(const Cell&) override {
    socket_ = "/tmp/camring-bench-gst-" + std::to_string(::getpid());
    ::unlink(socket_.c_str());
    return true;
  }
  void end() override { ::unlink(socket_.c_str()); }
  void writer(const Cell& cell, Pace& pace) override {
    gst_init(nullptr, nullptr);
    const std::string text =
        "appsrc name=src is-live=true format=time ! shmsink name=sink sync=false wait-for-connection=false "
        "socket-path=" +
        socket_ + " shm-size=" + std::to_string(cell.bytes * 24 + (1 << 20));
    GstElement* pipeline = gst_parse_launch(text.c_str(), nullptr);
    GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    GstAppSrc* source = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(pipeline), "src"));
    std::atomic<std::uint32_t> clients{0};
    g_signal_connect(sink, "client-connected", G_CALLBACK(+[](GstElement*, gint, gpointer counter) {
                       static_cast<std::atomic<std::uint32_t>*>(counter)->fetch_add(1);
                       camring::futex_wake(*static_cast<std::atomic<std::uint32_t>*>(counter), 1);
                     }),
                     &clients);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    for (std::uint32_t now; (now = clients.load()) < static_cast<std::uint32_t>(cell.readers);)
      camring::futex_wait(clients, now, 1'000'000'000);
    pace.ready();
    while (pace.next()) {
      const Stamp stamp = pace.stamp();
      GstBuffer* buffer = pace.timed([&] { return gst_buffer_new_allocate(nullptr, cell.bytes, nullptr); });
      GstMapInfo map;
      gst_buffer_map(buffer, &map, GST_MAP_WRITE);
      pace.fill(map.data, stamp);
      gst_buffer_unmap(buffer, &map);
      pace.timed([&] { return gst_app_src_push_buffer(source, buffer); });
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(sink);
    gst_object_unref(source);
    gst_object_unref(pipeline);
  }
  void reader(const Cell&, Probe& probe, int) override {
    gst_init(nullptr, nullptr);
    while (::access(socket_.c_str(), F_OK) != 0 && !probe.done()) ::usleep(2000);
    const std::string text = "shmsrc socket-path=" + socket_ +
                             " is-live=true ! appsink name=sink sync=false max-buffers=1 drop=true";
    GstElement* pipeline = gst_parse_launch(text.c_str(), nullptr);
    GstAppSink* sink = GST_APP_SINK(gst_bin_get_by_name(GST_BIN(pipeline), "sink"));
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    probe.ready();
    while (!probe.done()) {
      GstSample* sample = gst_app_sink_try_pull_sample(sink, 100 * GST_MSECOND);
      if (sample == nullptr) continue;
      GstMapInfo map;
      if (gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
        probe.note(map.data);
        gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
      }
      gst_sample_unref(sample);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
  }

 private:
  std::string socket_;
#else
  bool available() const override { return false; }
  void writer(const Cell&, Pace&) override {}
  void reader(const Cell&, Probe&, int) override {}
#endif
};

}  // namespace

std::unique_ptr<Side> make_gstreamer() { return std::make_unique<Gstreamer>(); }

}  // namespace bench
