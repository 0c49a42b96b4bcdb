// The writing side of a ring: one process, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ring/control.h"
#include "ring/ring_types.h"

namespace camring {

/// A span of the arena to fill in place; give it back to RingWriter::commit, or drop it: nothing was visible.
/// It lives until the next claim of its writer. Move only, so that a frame can't be sent twice.
class Claim {
 public:
  Claim() = default;
  Claim(Claim&& other) noexcept
      : data_(std::exchange(other.data_, {})), position_(other.position_), room_(other.room_) {}
  Claim& operator=(Claim&& other) noexcept {
    data_ = std::exchange(other.data_, {});
    position_ = other.position_;
    room_ = other.room_;
    return *this;
  }
  [[nodiscard]] std::span<std::uint8_t> data() const noexcept { return data_; }
  [[nodiscard]] explicit operator bool() const noexcept { return !data_.empty(); }

 private:
  friend class RingWriter;
  std::span<std::uint8_t> data_;
  std::uint64_t position_ = 0;
  std::uint64_t room_ = 0;  // bytes from the start of data_ that are this claim's, metadata included
};

/// Owns a ring: its name's lock, its current generation, its control channel.
/// claim, commit, publish, reconfigure, close: one thread at a time. beat_*, set_signal, consumers and
/// take_keyframe_request: any thread. The destructor closes.
class RingWriter {
 public:
  /// Takes the name and makes the first generation; nobody ever sees a half-made ring. Frame numbers go on
  /// from a dead writer's ring of the same name.
  /// @throws Error: usage (bad name), temporary (another writer holds the name; says its pid), system (the
  ///   directory is full; says what is needed), no_permission.
  explicit RingWriter(RingSpec spec);
  RingWriter(RingWriter&&) noexcept;
  RingWriter& operator=(RingWriter&&) noexcept;
  ~RingWriter();

  /// A span of `bytes` (plus room for `metadata_bytes`) to fill in place. Costs no copy and no system call.
  /// Empty when it can't fit into this generation: see grow().
  [[nodiscard]] Claim claim(std::size_t bytes, std::size_t metadata_bytes = 0);

  /// Publishes the first `bytes` of a claim and wakes readers. Returns the frame's number. Metadata that the
  /// claim left no room for is left out.
  std::uint64_t commit(Claim&& claim, std::size_t bytes, const CommitInfo& info);

  /// claim + copy + commit; makes a larger generation first when the frame does not fit. Copies large frames
  /// past the caches, faster than memcpy (stream_copy).
  /// @throws Error: internal (an empty frame), and as grow().
  std::uint64_t publish(std::span<const std::uint8_t> payload, const CommitInfo& info);

  /// A new generation whose arena has room for several frames of `bytes`. Readers follow by themselves.
  /// @throws Error (system) when the directory is full; the old generation then stays usable.
  void grow(std::size_t bytes);

  /// A new generation with another format (size, codec, parameter sets …). The old one is marked superseded.
  /// @throws Error as the constructor does; the old generation then stays usable.
  void reconfigure(const FrameFormat& format);

  /// Tells readers whether the source gives a signal. Publishing a frame that is no placeholder says yes.
  void set_signal(bool present) noexcept;
  void beat_loop() noexcept;     ///< the main loop ran; at least twice a second, else readers call it stalled
  void beat_capture() noexcept;  ///< the capture thread ran

  /// Marks the ring ended, wakes readers and removes its files. Idempotent.
  void close() noexcept;

  [[nodiscard]] const FrameFormat& format() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] std::uint64_t next_number() const noexcept;

  /// Consumers that are connected to the control channel now.
  [[nodiscard]] std::vector<Consumer> consumers() const;
  [[nodiscard]] std::size_t consumer_count() const noexcept;
  /// True once for each batch of keyframe requests since the last call.
  [[nodiscard]] bool take_keyframe_request() noexcept;
  /// What a tool like syncmon advised: by how much frames are to be delayed to meet another ring's. Nothing
  /// delays them here. Empty when there is none that still holds.
  [[nodiscard]] std::optional<Correction> correction() const;
  /// Readable when a consumer came, went or asked for a keyframe; reset by reading its 8 bytes. -1 without
  /// control.
  [[nodiscard]] int event_fd() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace camring
