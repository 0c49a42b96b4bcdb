// GStreamer's RTSP server with a clip, as its examples have it: a shared media fed through appsrc.
//   bench_rtsp_gst CLIP
// Prints the URL, then serves until killed.
#include <gst/app/gstappsrc.h>
#include <gst/rtsp-server/rtsp-server.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <thread>

#include "base/clock.h"
#include "clip.h"
#include "support/pace.h"

namespace {

constexpr const char* kPipeline =
    "( appsrc name=source is-live=true do-timestamp=true format=time "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au,width=1920,height=1080,framerate=30/1 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 )";

// A frame each 33 ms, as a camera: what nobody takes yet is gone.
void feed(GstElement* source, const bench::Clip& clip) {
  std::int64_t due = camring::monotonic_ns();
  for (std::size_t next = 0;; next = (next + 1) % clip.units.size()) {
    bench::sleep_until(due += bench::kFrameNs);
    if (GST_STATE(source) != GST_STATE_PLAYING) continue;
    const bench::ClipUnit& unit = clip.units[next];
    GstBuffer* buffer = gst_buffer_new_memdup(unit.bytes.data(), unit.bytes.size());
    GstMapInfo map;
    gst_buffer_map(buffer, &map, GST_MAP_WRITE);
    bench::write_clock(map.data + unit.clock_at, camring::monotonic_ns());
    gst_buffer_unmap(buffer, &map);
    if (!unit.keyframe) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    gst_app_src_push_buffer(GST_APP_SRC(source), buffer);
  }
}

void on_media(GstRTSPMediaFactory*, GstRTSPMedia* media, gpointer clip) {
  GstElement* bin = gst_rtsp_media_get_element(media);
  GstElement* source = gst_bin_get_by_name_recurse_up(GST_BIN(bin), "source");
  gst_object_unref(bin);
  std::thread(feed, source, std::cref(*static_cast<const bench::Clip*>(clip))).detach();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_rtsp_gst CLIP\n");
    return 64;
  }
  gst_init(nullptr, nullptr);
  try {
    bench::Clip clip = bench::Clip::load(argv[1]);
    GstRTSPMediaFactory* factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, kPipeline);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    g_signal_connect(factory, "media-configure", G_CALLBACK(on_media), &clip);

    GstRTSPServer* server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, "0");
    gst_rtsp_server_set_backlog(server, 1024);
    GstRTSPMountPoints* mounts = gst_rtsp_server_get_mount_points(server);
    gst_rtsp_mount_points_add_factory(mounts, "/bench", factory);
    g_object_unref(mounts);
    if (gst_rtsp_server_attach(server, nullptr) == 0) return 71;
    std::printf("rtsp://127.0.0.1:%d/bench\n", gst_rtsp_server_get_bound_port(server));
    std::fflush(stdout);
    g_main_loop_run(g_main_loop_new(nullptr, FALSE));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_rtsp_gst: %s\n", error.what());
    return 66;
  }
  return 0;
}
