// FFmpeg's lifetimes, errors and versions in one place: an owner type for each of its structures, one way
// from its error numbers to ours, and the few seams between FFmpeg 5.1 and 7.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libavutil/mem.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#include "base/error.h"

namespace camring::av {

/// A stateless deleter around one of FFmpeg's free functions that take a pointer to the pointer.
template <auto Free>
struct FreeByAddress {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(&object);
  }
};
template <auto Free>
struct FreeByValue {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

/// A custom AVIOContext's buffer belongs to the context but is not freed with it.
struct FreeIo {
  void operator()(AVIOContext* io) const noexcept {
    if (io == nullptr) return;
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
};

using InputPtr = std::unique_ptr<AVFormatContext, FreeByAddress<&avformat_close_input>>;
/// For muxers; closes nothing: end the file (av_write_trailer, avio_closep) before it goes.
using OutputPtr = std::unique_ptr<AVFormatContext, FreeByValue<&avformat_free_context>>;
using IoPtr = std::unique_ptr<AVIOContext, FreeIo>;
using CodecPtr = std::unique_ptr<AVCodecContext, FreeByAddress<&avcodec_free_context>>;
using CodecParametersPtr = std::unique_ptr<AVCodecParameters, FreeByAddress<&avcodec_parameters_free>>;
using ParserPtr = std::unique_ptr<AVCodecParserContext, FreeByValue<&av_parser_close>>;
using BsfPtr = std::unique_ptr<AVBSFContext, FreeByAddress<&av_bsf_free>>;
using PacketPtr = std::unique_ptr<AVPacket, FreeByAddress<&av_packet_free>>;
using FramePtr = std::unique_ptr<AVFrame, FreeByAddress<&av_frame_free>>;
using SwsPtr = std::unique_ptr<SwsContext, FreeByValue<&sws_freeContext>>;

static_assert(sizeof(PacketPtr) == sizeof(void*));

/// Options for one call of FFmpeg. Such calls take what they know and leave the rest behind.
class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }
  void set(const char* key, const std::string& value) { av_dict_set(&entries_, key, value.c_str(), 0); }
  void set(const char* key, std::int64_t value) { av_dict_set_int(&entries_, key, value, 0); }
  [[nodiscard]] AVDictionary** address() noexcept { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

/// @throws std::bad_alloc
[[nodiscard]] inline PacketPtr make_packet() {
  PacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}
/// @throws std::bad_alloc
[[nodiscard]] inline FramePtr make_frame() {
  FramePtr frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

/// FFmpeg's words for one of its error numbers, without a shared buffer. Any thread.
[[nodiscard]] inline std::string error_text(int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  return av_strerror(error, text.data(), text.size()) == 0 ? text.data() : "error " + std::to_string(error);
}

/// Passes a result of FFmpeg through. @throws Error when it is negative: no_permission for EACCES and EPERM,
/// no_input for ENOENT, std::bad_alloc for ENOMEM, all else `fallback`.
inline int av_call(int result, const std::string& action, const std::string& object,
                   ExitCode fallback = ExitCode::data, const std::string& advice = {}) {
  if (result >= 0) return result;
  if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
  ExitCode code = fallback;
  if (result == AVERROR(ENOENT)) code = ExitCode::no_input;
  if (result == AVERROR(EACCES) || result == AVERROR(EPERM)) code = ExitCode::no_permission;
  throw Error(code, action, object, error_text(result), advice);
}

// What differs between FFmpeg 5.1 and 7, from here on.

/// The type of the buffer that a custom AVIO write function gets.
#if LIBAVFORMAT_VERSION_MAJOR >= 61
using AvioWriteByte = const std::uint8_t;
#else
using AvioWriteByte = std::uint8_t;
#endif

[[nodiscard]] inline bool is_keyframe(const AVFrame& frame) noexcept {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
  return (frame.flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame.key_frame != 0;
#endif
}

/// How long the frame lasts in its time base; 0 where unknown.
[[nodiscard]] inline std::int64_t duration_of(const AVFrame& frame) noexcept {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  return frame.duration;
#else
  return frame.pkt_duration;
#endif
}

}  // namespace camring::av
