// GStreamer: appsrc ! shmsink, shmsrc ! appsink.
#include "harness.h"

#ifdef BENCH_GSTREAMER
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <unistd.h>

#include <string>
#endif

namespace bench {
namespace {

class Gstreamer final : public Side {
 public:
  const char* name() const override { return "GStreamer shm"; }
#ifdef BENCH_GSTREAMER
  void begin(const Cell&) override {
    socket_ = "/tmp/camring-bench-gst-" + std::to_string(::getpid());
    ::unlink(socket_.c_str());
  }
  void end() override { ::unlink(socket_.c_str()); }
  void writer(const Cell& cell, Shared& shared) override {
    gst_init(nullptr, nullptr);
    const std::string text =
        "appsrc name=src is-live=true format=time max-buffers=4 ! shmsink socket-path=" + socket_ +
        " wait-for-connection=false sync=false shm-size=" + std::to_string(cell.bytes * 24 + (1 << 20));
    GstElement* pipeline = gst_parse_launch(text.c_str(), nullptr);
    GstAppSrc* source = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(pipeline), "src"));
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    const std::vector<std::uint8_t> payload(cell.bytes, 7);
    paced(shared, cell, [&](int frame) {
      const Stamp stamp{camring::monotonic_ns(), frame};
      GstBuffer* buffer = gst_buffer_new_allocate(nullptr, cell.bytes, nullptr);
      gst_buffer_fill(buffer, 0, payload.data(), payload.size());
      gst_buffer_fill(buffer, 0, &stamp, sizeof stamp);
      gst_app_src_push_buffer(source, buffer);
    });
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }
  void reader(const Cell& cell, Shared& shared, int index) override {
    gst_init(nullptr, nullptr);
    while (::access(socket_.c_str(), F_OK) != 0) ::usleep(2000);
    const std::string text = "shmsrc socket-path=" + socket_ +
                             " is-live=true ! appsink name=sink sync=false max-buffers=1 drop=true";
    GstElement* pipeline = gst_parse_launch(text.c_str(), nullptr);
    GstAppSink* sink = GST_APP_SINK(gst_bin_get_by_name(GST_BIN(pipeline), "sink"));
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    ::usleep(300'000);  // connecting has no event to wait for
    ++shared.ready;
    while (!shared.done) {
      GstSample* sample = gst_app_sink_try_pull_sample(sink, 100 * GST_MSECOND);
      if (sample == nullptr) continue;
      GstMapInfo map;
      if (gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
        note(shared, cell, index, map.data);
        gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
      }
      gst_sample_unref(sample);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }

 private:
  std::string socket_;
#else
  bool available() const override { return false; }
  void writer(const Cell&, Shared&) override {}
  void reader(const Cell&, Shared&, int) override {}
#endif
};

}  // namespace

std::unique_ptr<Side> make_gstreamer() { return std::make_unique<Gstreamer>(); }

}  // namespace bench
