// The C face of the ring: no exception leaves it, no C++ type is seen.
#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "camring/ring.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

struct camring_reader {
  camring::RingReader reader;
};

struct camring_writer {
  camring::RingWriter writer;
  camring::Claim claim;
};

namespace {

thread_local std::string g_error;  // NOLINT: one a thread is the interface

template <class F>
int guarded(F&& body) noexcept {
  try {
    return body();
  } catch (const camring::Error& error) {
    g_error = error.what();
    return -static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    return -static_cast<int>(camring::ExitCode::system);
  } catch (const std::exception& error) {
    g_error = error.what();
    return -static_cast<int>(camring::ExitCode::internal);
  }
}

int usage(const char* words) {
  g_error = words;
  return -static_cast<int>(camring::ExitCode::usage);
}

camring::FrameFormat from_c(const camring_format& format) {
  camring::FrameFormat out;
  out.codec = static_cast<camring::Codec>(format.codec);
  out.pixel_format = static_cast<camring::PixelFormat>(format.pixel_format);
  out.size = {format.width, format.height};
  out.rate = {format.rate_num, std::max(1u, format.rate_den)};
  out.plane_count = std::min(format.plane_count, 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const camring_plane& plane = format.planes[i];
    out.planes[i] = {plane.offset_bytes, plane.stride_bytes, plane.rows};
  }
  out.colour = {format.colour_range, format.colour_primaries, format.colour_transfer, format.colour_matrix};
  const std::size_t extradata = std::min<std::size_t>(format.extradata_bytes, sizeof format.extradata);
  out.extradata.assign(format.extradata, format.extradata + extradata);
  return out;
}

void to_c(const camring::FrameFormat& format, camring_format& out) {
  out = {};
  out.struct_bytes = sizeof out;
  out.codec = static_cast<std::uint32_t>(format.codec);
  out.pixel_format = static_cast<std::uint32_t>(format.pixel_format);
  out.width = format.size.width;
  out.height = format.size.height;
  out.rate_num = format.rate.num;
  out.rate_den = format.rate.den;
  out.plane_count = format.plane_count;
  for (std::size_t i = 0; i < 4; ++i) {
    const camring::Plane& plane = format.planes[i];
    out.planes[i] = {plane.offset_bytes, plane.stride_bytes, plane.rows};
  }
  out.colour_range = format.colour.range;
  out.colour_primaries = format.colour.primaries;
  out.colour_transfer = format.colour.transfer;
  out.colour_matrix = format.colour.matrix;
  out.extradata_bytes = static_cast<std::uint32_t>(format.extradata.size());
  std::copy(format.extradata.begin(), format.extradata.end(), out.extradata);
}

camring::CommitInfo from_c(const camring_frame& frame) {
  camring::CommitInfo info;
  info.flags = frame.flags;
  info.capture_ns = frame.capture_ns;
  if (frame.source_number != UINT64_MAX) {
    info.source_number = frame.source_number;
    info.source_capture_ns = frame.source_capture_ns;
  }
  if (frame.metadata != nullptr) {
    info.metadata = {reinterpret_cast<const char*>(frame.metadata),
                     static_cast<std::size_t>(frame.metadata_bytes)};
  }
  return info;
}

}  // namespace

extern "C" {

const char* camring_error(void) { return g_error.c_str(); }
const char* camring_version(void) { return CAMRING_VERSION; }

int camring_reader_open(const char* name, int start, const char* label, camring_reader** reader) {
  if (name == nullptr || reader == nullptr || start < CAMRING_START_NEWEST || start > CAMRING_START_OLDEST) {
    return usage("camring_reader_open: a name, a start and a place for the reader are needed");
  }
  return guarded([&] {
    camring::ReaderOptions options;
    options.start = static_cast<camring::ReadStart>(start);
    options.connect = label != nullptr;
    if (label != nullptr) options.label = label;
    *reader = new camring_reader{camring::RingReader(name, options)};
    return 0;
  });
}

int camring_reader_next(camring_reader* reader, camring_frame* frame, int64_t timeout_ns, int newest) {
  if (frame->struct_bytes != sizeof *frame) return usage("camring_reader_next: set frame.struct_bytes");
  return guarded([&] {
    camring::FrameView view;
    const std::chrono::nanoseconds timeout(std::max<int64_t>(0, timeout_ns));
    const camring::ReadStatus status =
        newest != 0 ? reader->reader.newest(view, timeout) : reader->reader.next(view, timeout);
    if (status == camring::ReadStatus::frame) {
      *frame = {sizeof *frame,
                view.info.flags,
                view.info.number,
                view.info.capture_ns,
                view.info.publish_ns,
                view.info.source_number,
                view.info.source_capture_ns,
                view.payload.data(),
                view.payload.size(),
                view.metadata.data(),
                view.metadata.size(),
                view.missed,
                view.position};
    }
    return static_cast<int>(status);
  });
}

int camring_reader_valid(const camring_reader* reader, const camring_frame* frame) {
  camring::FrameView view;
  view.info.number = frame->number;
  view.position = frame->position;
  return reader->reader.still_valid(view) ? 1 : 0;
}

int camring_reader_format(const camring_reader* reader, camring_format* format) {
  if (format->struct_bytes != sizeof *format) return usage("camring_reader_format: set format.struct_bytes");
  if (!reader->reader.attached()) {
    g_error = "the ring is not there yet";
    return -static_cast<int>(camring::ExitCode::no_input);
  }
  to_c(reader->reader.format(), *format);
  return 0;
}

int camring_reader_writer_state(const camring_reader* reader) {
  return static_cast<int>(reader->reader.writer_state());
}

int64_t camring_reader_wall_offset(const camring_reader* reader) { return reader->reader.wall_offset_ns(); }

void camring_reader_request_keyframe(camring_reader* reader) { reader->reader.request_keyframe(); }

void camring_reader_close(camring_reader* reader) { delete reader; }

int camring_raw_format(uint32_t fourcc, uint32_t width, uint32_t height, camring_format* format) {
  if (format->struct_bytes != sizeof *format) return usage("camring_raw_format: set format.struct_bytes");
  try {
    to_c(camring::raw_format(static_cast<camring::PixelFormat>(fourcc), {width, height}), *format);
    return 0;
  } catch (const std::invalid_argument& error) {
    return usage(error.what());
  }
}

int camring_writer_open(const char* name, const camring_format* format, uint32_t frames,
                        camring_writer** writer) {
  if (name == nullptr || writer == nullptr || format == nullptr || format->struct_bytes != sizeof *format) {
    return usage(
        "camring_writer_open: a name, a format with its struct_bytes and a place for the writer are needed");
  }
  return guarded([&] {
    camring::RingSpec spec;
    spec.name = name;
    spec.format = from_c(*format);
    spec.frames = frames;
    spec.writer = "libcamring " CAMRING_VERSION;
    *writer = new camring_writer{camring::RingWriter(std::move(spec)), {}};
    return 0;
  });
}

uint8_t* camring_writer_claim(camring_writer* writer, uint64_t bytes) {
  writer->claim = writer->writer.claim(bytes);
  return writer->claim ? writer->claim.data().data() : nullptr;
}

int camring_writer_commit(camring_writer* writer, uint64_t bytes, const camring_frame* info) {
  if (!writer->claim || bytes > writer->claim.data().size()) {
    return usage("camring_writer_commit: claim so many bytes first");
  }
  return guarded([&] {
    writer->writer.commit(std::move(writer->claim), bytes, from_c(*info));
    return 0;
  });
}

int camring_writer_publish(camring_writer* writer, const uint8_t* payload, uint64_t bytes,
                           const camring_frame* info) {
  return guarded([&] {
    writer->writer.publish({payload, bytes}, from_c(*info));
    return 0;
  });
}

int camring_writer_reconfigure(camring_writer* writer, const camring_format* format) {
  if (format->struct_bytes != sizeof *format)
    return usage("camring_writer_reconfigure: set format.struct_bytes");
  return guarded([&] {
    writer->claim = {};
    writer->writer.reconfigure(from_c(*format));
    return 0;
  });
}

void camring_writer_beat(camring_writer* writer) {
  writer->writer.beat_loop();
  writer->writer.beat_capture();
}

uint64_t camring_writer_consumers(const camring_writer* writer) { return writer->writer.consumer_count(); }

int camring_writer_keyframe_requested(camring_writer* writer) {
  return writer->writer.take_keyframe_request() ? 1 : 0;
}

void camring_writer_close(camring_writer* writer) { delete writer; }

}  // extern "C"
