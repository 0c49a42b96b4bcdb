// A V4L2 capture device: what it is, what it offers, its mapped buffers. Always the camera's own formats:
// libv4l2's emulation, which would turn MJPEG into RGB unasked, is switched off.
// Source: Linux Media Infrastructure userspace API, "Video for Linux API".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/units.h"
#include "frame/format.h"

namespace camring::camcap {

struct V4l2Identity {
  std::string device;  ///< the path it was opened by
  std::string card, driver, bus;
};

/// One thing that a camera can do.
struct V4l2Mode {
  std::uint32_t fourcc = 0;
  Size size;  ///< 0x0 where the driver does not say
  Rate rate;  ///< num 0 where the driver does not say
  friend bool operator==(const V4l2Mode&, const V4l2Mode&) = default;
};

/// What the driver settled for.
struct V4l2Settings {
  std::uint32_t fourcc = 0;
  Size size;
  Rate rate;
  std::uint32_t stride_bytes = 0;  ///< of the first plane; 0: compressed
  Colour colour;
};

/// A filled buffer; its memory is the driver's until it is given back.
struct V4l2Buffer {
  std::uint32_t index = 0;
  std::uint32_t sequence = 0;
  std::optional<std::int64_t> monotonic_ns;  ///< when the driver took it; unset: it uses another clock
  bool damaged = false;                      ///< V4L2_BUF_FLAG_ERROR
  std::size_t plane_count = 0;
  std::array<std::span<const std::uint8_t>, kMaxPlanes>
      planes;  ///< memory planes: one, or one per colour plane
};

enum class V4l2Dequeue {
  frame,
  none,   ///< nothing is there yet
  fault,  ///< the stream broke (EIO): stop and start it
  gone,   ///< the device was unplugged
};

/// One opened device. Of one thread.
class V4l2Device {
 public:
  /// @throws Error: no_input (no such device), no_permission, temporary (in use), data (not a camera).
  explicit V4l2Device(const std::string& path);
  V4l2Device(const V4l2Device&) = delete;
  V4l2Device& operator=(const V4l2Device&) = delete;
  ~V4l2Device();

  [[nodiscard]] const V4l2Identity& identity() const noexcept { return identity_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }  ///< poll it for POLLIN

  /// Formats, sizes and rates. Of ranges the ends and the usual sizes between them are given, and `wanted`
  /// where it lies inside.
  [[nodiscard]] std::vector<V4l2Mode> modes(std::optional<Size> wanted = {}) const;

  /// Asks for a mode. @throws Error: temporary (in use), system.
  V4l2Settings set(const V4l2Mode& mode);

  /// Maps buffers and starts the stream. @throws Error: temporary (in use), system (the USB bus is full …).
  void start();
  void stop() noexcept;  ///< and gives the buffers back to the kernel; any V4l2Buffer is void

  [[nodiscard]] V4l2Dequeue dequeue(V4l2Buffer& buffer) noexcept;
  /// False when the driver does not take it back: the stream broke.
  [[nodiscard]] bool requeue(const V4l2Buffer& buffer) noexcept;

 private:
  struct Mapping {
    void* address = nullptr;
    std::size_t bytes = 0;
  };
  using BufferMaps = std::array<Mapping, kMaxPlanes>;

  [[nodiscard]] int control(unsigned long request, void* argument) const noexcept;
  void identify();
  void add_sizes(std::vector<V4l2Mode>& modes, std::uint32_t fourcc, std::optional<Size> wanted) const;
  void add_rates(std::vector<V4l2Mode>& modes, std::uint32_t fourcc, Size size) const;
  [[nodiscard]] Rate set_rate(Rate wanted);
  void map_buffer(std::uint32_t index);
  [[nodiscard]] bool queue(std::uint32_t index) noexcept;

  V4l2Identity identity_;
  int fd_ = -1;
  bool multiplanar_ = false;
  bool streaming_ = false;
  std::size_t memory_planes_ = 1;
  std::vector<BufferMaps> buffers_;
};

/// Paths of the machine's /dev/video* nodes, by number.
[[nodiscard]] std::vector<std::string> video_nodes();
/// "MJPG", "YUYV", …
[[nodiscard]] std::string fourcc_text(std::uint32_t fourcc);

}  // namespace camring::camcap
