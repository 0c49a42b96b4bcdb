#include "v4l2_device.h"

#include <fcntl.h>
#include <libv4l2.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace camring::camcap {
namespace {

constexpr std::uint32_t kBuffers = 4;  // one is filled, one waits, one is read; one for a late wake-up

std::string text_of(const std::uint8_t* bytes, std::size_t most) {
  const auto* text = reinterpret_cast<const char*>(bytes);
  return {text, ::strnlen(text, most)};
}

Error busy(const std::string& action, const std::string& device) {
  return {ExitCode::temporary, action, device, errno_text(EBUSY),
          "another program uses the camera: 'fuser -v " + device + "' names it"};
}

Error open_error(int error, const std::string& device) {
  if (error == EBUSY) return busy("open device", device);
  if (error == EACCES || error == EPERM) {
    return system_error(error, "open device", device,
                        "cameras belong to group video: 'sudo usermod -aG video $USER', then log in again");
  }
  const ExitCode code = error == ENODEV || error == ENXIO ? ExitCode::no_input : ExitCode::system;
  return system_error(error, "open device", device,
                      "'camcap --list-devices' shows the cameras of this machine", code);
}

Error not_a_camera(const std::string& device, const std::string& reason) {
  return {ExitCode::data, "open device", device, reason,
          "'camcap --list-devices' shows what can be captured"};
}

Error no_buffers(int error, const std::string& device) {
  return system_error(error, "get buffers", device,
                      error == ENOMEM ? "memory that the camera can fill is short: try a smaller --size or "
                                        "--format MJPEG, or give the kernel more with cma=64M"
                                      : "the driver can't share its buffers; 'dmesg' may say more");
}

// Why the node can't be captured from, for people who took the second node of a camera or an encoder's.
std::string lack(std::uint32_t caps) {
  if ((caps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE)) != 0) return "it is a codec, not a camera";
  if ((caps & V4L2_CAP_META_CAPTURE) != 0) return "it gives metadata, not pictures";
  if ((caps & (V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE)) != 0) return "it is a video output";
  return "it does not capture pictures";
}

std::optional<std::int64_t> monotonic_time(const v4l2_buffer& buffer) {
  if ((buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) return std::nullopt;
  return std::int64_t{buffer.timestamp.tv_sec} * 1'000'000'000 +
         std::int64_t{buffer.timestamp.tv_usec} * 1000;
}

// H.273's numbers from V4L2's, which derives three of the four from the colour space unless a driver says
// more.
Colour colour_of(std::uint32_t space, std::uint32_t encoding, std::uint32_t quantization, bool rgb) {
  Colour colour;
  if (encoding == V4L2_YCBCR_ENC_DEFAULT) encoding = V4L2_MAP_YCBCR_ENC_DEFAULT(space);
  if (quantization == V4L2_QUANTIZATION_DEFAULT) {
    quantization = V4L2_MAP_QUANTIZATION_DEFAULT(rgb, space, encoding);
  }
  colour.range = quantization == V4L2_QUANTIZATION_FULL_RANGE ? 2 : 1;
  if (space == V4L2_COLORSPACE_REC709 || space == V4L2_COLORSPACE_SRGB) colour.primaries = 1;
  if (space == V4L2_COLORSPACE_SMPTE170M) colour.primaries = 6;
  if (rgb) {
    colour.matrix = 0;
  } else if (encoding == V4L2_YCBCR_ENC_601) {
    colour.matrix = 6;
  } else if (encoding == V4L2_YCBCR_ENC_709) {
    colour.matrix = 1;
  } else if (encoding == V4L2_YCBCR_ENC_BT2020) {
    colour.matrix = 9;
  }
  return colour;
}

constexpr std::array<Size, 8> kUsualSizes{
    {{160, 120}, {320, 240}, {640, 360}, {640, 480}, {800, 600}, {1280, 720}, {1920, 1080}, {3840, 2160}}};

bool inside(const v4l2_frmsize_stepwise& range, Size size) {
  const auto fits = [](std::uint32_t value, std::uint32_t low, std::uint32_t high, std::uint32_t step) {
    return value >= low && value <= high && (value - low) % std::max(step, 1u) == 0;
  };
  return fits(size.width, range.min_width, range.max_width, range.step_width) &&
         fits(size.height, range.min_height, range.max_height, range.step_height);
}

Rate rate_of(const v4l2_fract& interval) { return {interval.denominator, std::max(interval.numerator, 1u)}; }

// A buffer description for either API; `planes` must outlive it.
v4l2_buffer describe_buffer(bool multiplanar, std::uint32_t index,
                            std::array<v4l2_plane, VIDEO_MAX_PLANES>& planes) {
  v4l2_buffer buffer{};
  buffer.type = multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer.memory = V4L2_MEMORY_MMAP;
  buffer.index = index;
  if (multiplanar) {
    buffer.m.planes = planes.data();
    buffer.length = VIDEO_MAX_PLANES;
  }
  return buffer;
}

}  // namespace

std::string fourcc_text(std::uint32_t fourcc) {
  std::string text;
  for (unsigned shift = 0; shift < 32; shift += 8) text += static_cast<char>(fourcc >> shift & 0x7f);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::vector<std::string> video_nodes() {
  std::vector<std::pair<int, std::string>> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("video") || name.size() < 6 || name.size() > 9) continue;
    if (name.find_first_not_of("0123456789", 5) != std::string::npos) continue;
    found.emplace_back(std::stoi(name.substr(5)), entry.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

V4l2Device::V4l2Device(const std::string& path) {
  identity_.device = path;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw open_error(errno, path);
  if (!S_ISCHR(status.st_mode)) throw not_a_camera(path, "it is no device");
  fd_ = ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) throw open_error(errno, path);
  try {
    identify();
  } catch (...) {
    ::close(fd_);
    throw;
  }
  // From here on the descriptor is libv4l2's (its plugins serve some cameras), without conversion.
  if (::v4l2_fd_open(fd_, V4L2_DISABLE_CONVERSION) < 0) {
    const int error = errno;
    ::close(fd_);
    throw open_error(error, path);
  }
}

V4l2Device::~V4l2Device() {
  stop();
  ::v4l2_close(fd_);
}

int V4l2Device::control(unsigned long request, void* argument) const noexcept {
  int result = 0;
  do {
    result = ::v4l2_ioctl(fd_, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

void V4l2Device::identify() {
  v4l2_capability caps{};
  if (::ioctl(fd_, VIDIOC_QUERYCAP, &caps) < 0) {
    if (errno == ENODEV) throw open_error(errno, identity_.device);
    throw not_a_camera(identity_.device, "it is no V4L2 device");
  }
  identity_.card = text_of(caps.card, sizeof caps.card);
  identity_.driver = text_of(caps.driver, sizeof caps.driver);
  identity_.bus = text_of(caps.bus_info, sizeof caps.bus_info);
  const std::uint32_t node =
      (caps.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? caps.device_caps : caps.capabilities;
  multiplanar_ = (node & V4L2_CAP_VIDEO_CAPTURE) == 0 && (node & V4L2_CAP_VIDEO_CAPTURE_MPLANE) != 0;
  if ((node & V4L2_CAP_VIDEO_CAPTURE) == 0 && !multiplanar_) throw not_a_camera(identity_.device, lack(node));
  if ((node & V4L2_CAP_STREAMING) == 0) throw not_a_camera(identity_.device, "its driver can't stream");
}

std::vector<V4l2Mode> V4l2Device::modes(std::optional<Size> wanted) const {
  std::vector<V4l2Mode> modes;
  for (std::uint32_t i = 0;; ++i) {
    v4l2_fmtdesc format{};
    format.type = multiplanar_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    format.index = i;
    if (control(VIDIOC_ENUM_FMT, &format) < 0) return modes;
    if ((format.flags & V4L2_FMT_FLAG_EMULATED) == 0) add_sizes(modes, format.pixelformat, wanted);
  }
}

void V4l2Device::add_sizes(std::vector<V4l2Mode>& modes, std::uint32_t fourcc,
                           std::optional<Size> wanted) const {
  v4l2_frmsizeenum sizes{};
  sizes.pixel_format = fourcc;
  if (control(VIDIOC_ENUM_FRAMESIZES, &sizes) < 0) {
    modes.push_back({fourcc, {}, {}});
    return;
  }
  if (sizes.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
    do {
      add_rates(modes, fourcc, {sizes.discrete.width, sizes.discrete.height});
      ++sizes.index;
    } while (control(VIDIOC_ENUM_FRAMESIZES, &sizes) == 0);
    return;
  }
  const v4l2_frmsize_stepwise& range = sizes.stepwise;
  std::vector<Size> some{{range.min_width, range.min_height}, {range.max_width, range.max_height}};
  some.insert(some.end(), kUsualSizes.begin(), kUsualSizes.end());
  if (wanted) some.push_back(*wanted);
  const auto order = [](Size a, Size b) {
    return std::pair(a.width, a.height) < std::pair(b.width, b.height);
  };
  std::sort(some.begin(), some.end(), order);
  some.erase(std::unique(some.begin(), some.end()), some.end());
  for (const Size size : some) {
    if (inside(range, size)) add_rates(modes, fourcc, size);
  }
}

void V4l2Device::add_rates(std::vector<V4l2Mode>& modes, std::uint32_t fourcc, Size size) const {
  v4l2_frmivalenum rates{};
  rates.pixel_format = fourcc;
  rates.width = size.width;
  rates.height = size.height;
  if (control(VIDIOC_ENUM_FRAMEINTERVALS, &rates) < 0) {
    modes.push_back({fourcc, size, {}});
    return;
  }
  if (rates.type == V4L2_FRMIVAL_TYPE_DISCRETE) {
    do {
      modes.push_back({fourcc, size, rate_of(rates.discrete)});
      ++rates.index;
    } while (control(VIDIOC_ENUM_FRAMEINTERVALS, &rates) == 0);
    return;
  }
  modes.push_back({fourcc, size, rate_of(rates.stepwise.min)});  // the shortest interval is the highest rate
  if (rate_of(rates.stepwise.max) != modes.back().rate) {
    modes.push_back({fourcc, size, rate_of(rates.stepwise.max)});
  }
}

V4l2Settings V4l2Device::set(const V4l2Mode& mode) {
  v4l2_format format{};
  format.type = multiplanar_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (control(VIDIOC_G_FMT, &format) < 0) throw system_error(errno, "read format", identity_.device);
  v4l2_pix_format& single = format.fmt.pix;
  v4l2_pix_format_mplane& multi = format.fmt.pix_mp;
  const Size current = multiplanar_ ? Size{multi.width, multi.height} : Size{single.width, single.height};
  const Size size = mode.size.width != 0 ? mode.size : current;
  format.fmt = {};
  if (multiplanar_) {
    multi.width = size.width;
    multi.height = size.height;
    multi.pixelformat = mode.fourcc;
    multi.field = V4L2_FIELD_NONE;
  } else {
    single.width = size.width;
    single.height = size.height;
    single.pixelformat = mode.fourcc;
    single.field = V4L2_FIELD_NONE;
  }
  if (control(VIDIOC_S_FMT, &format) < 0) {
    if (errno == EBUSY) throw busy("set format", identity_.device);
    throw system_error(errno, "set format", identity_.device,
                       "'camcap --list-formats " + identity_.device + "' shows what it offers");
  }
  const bool rgb = mode.fourcc == V4L2_PIX_FMT_RGB24 || mode.fourcc == V4L2_PIX_FMT_BGR24;
  V4l2Settings settings;
  if (multiplanar_) {
    memory_planes_ = std::clamp<std::size_t>(multi.num_planes, 1, kMaxPlanes);
    settings = {multi.pixelformat,
                {multi.width, multi.height},
                {},
                multi.plane_fmt[0].bytesperline,
                colour_of(multi.colorspace, multi.ycbcr_enc, multi.quantization, rgb)};
  } else {
    settings = {single.pixelformat,
                {single.width, single.height},
                {},
                single.bytesperline,
                colour_of(single.colorspace, single.ycbcr_enc, single.quantization, rgb)};
  }
  settings.rate = set_rate(mode.rate);
  return settings;
}

Rate V4l2Device::set_rate(Rate wanted) {
  v4l2_streamparm parameters{};
  parameters.type = multiplanar_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (control(VIDIOC_G_PARM, &parameters) < 0) return wanted;
  v4l2_captureparm& capture = parameters.parm.capture;
  if (wanted.num != 0 && (capture.capability & V4L2_CAP_TIMEPERFRAME) != 0) {
    capture.timeperframe = {wanted.den, wanted.num};
    (void)control(VIDIOC_S_PARM, &parameters);  // a refusal shows in the rate that is read back
    (void)control(VIDIOC_G_PARM, &parameters);
  }
  return capture.timeperframe.denominator == 0 ? wanted : rate_of(capture.timeperframe);
}

void V4l2Device::start() {
  v4l2_requestbuffers request{};
  request.type = multiplanar_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request.memory = V4L2_MEMORY_MMAP;
  request.count = kBuffers;
  if (control(VIDIOC_REQBUFS, &request) < 0) {
    if (errno == EBUSY) throw busy("get buffers", identity_.device);
    throw no_buffers(errno, identity_.device);
  }
  if (request.count == 0) throw no_buffers(ENOMEM, identity_.device);
  for (std::uint32_t i = 0; i < request.count; ++i) map_buffer(i);
  for (std::uint32_t i = 0; i < request.count; ++i) {
    if (!queue(i)) throw system_error(errno, "queue buffer", identity_.device);
  }
  std::uint32_t type = request.type;
  if (control(VIDIOC_STREAMON, &type) < 0) {
    const int error = errno;
    stop();
    if (error == EBUSY) throw busy("start streaming", identity_.device);
    throw system_error(
        error, "start streaming", identity_.device,
        error == ENOSPC ? "the USB bus is full: try --format MJPEG, a lower --fps or another hub" : "");
  }
  streaming_ = true;
}

void V4l2Device::map_buffer(std::uint32_t index) {
  std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};
  v4l2_buffer buffer = describe_buffer(multiplanar_, index, planes);
  if (control(VIDIOC_QUERYBUF, &buffer) < 0) throw system_error(errno, "map buffer", identity_.device);
  buffers_.emplace_back();
  for (std::size_t i = 0; i < (multiplanar_ ? memory_planes_ : 1); ++i) {
    const std::size_t bytes = multiplanar_ ? planes.at(i).length : buffer.length;
    const auto offset = static_cast<std::int64_t>(multiplanar_ ? planes.at(i).m.mem_offset : buffer.m.offset);
    void* address = ::v4l2_mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, offset);
    if (address == MAP_FAILED) throw system_error(errno, "map buffer", identity_.device);
    buffers_.back().at(i) = {address, bytes};
  }
}

void V4l2Device::stop() noexcept {
  std::uint32_t type = multiplanar_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (streaming_) (void)control(VIDIOC_STREAMOFF, &type);
  streaming_ = false;
  for (BufferMaps& maps : buffers_) {
    for (Mapping& map : maps) {
      if (map.address != nullptr) ::v4l2_munmap(map.address, map.bytes);
    }
  }
  if (buffers_.empty()) return;
  buffers_.clear();
  v4l2_requestbuffers none{};
  none.type = type;
  none.memory = V4L2_MEMORY_MMAP;
  (void)control(VIDIOC_REQBUFS, &none);
}

V4l2Dequeue V4l2Device::dequeue(V4l2Buffer& out) noexcept {
  std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};
  v4l2_buffer buffer = describe_buffer(multiplanar_, 0, planes);
  if (control(VIDIOC_DQBUF, &buffer) < 0) {
    if (errno == EAGAIN) return V4l2Dequeue::none;
    return errno == ENODEV || errno == ENXIO || errno == EBADF ? V4l2Dequeue::gone : V4l2Dequeue::fault;
  }
  if (buffer.index >= buffers_.size()) return V4l2Dequeue::fault;
  out.index = buffer.index;
  out.sequence = buffer.sequence;
  out.monotonic_ns = monotonic_time(buffer);
  out.damaged = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
  out.plane_count = multiplanar_ ? memory_planes_ : 1;
  for (std::size_t i = 0; i < out.plane_count; ++i) {
    const Mapping& map = buffers_[buffer.index][i];
    const std::size_t begin = multiplanar_ ? std::min<std::size_t>(planes[i].data_offset, map.bytes) : 0;
    const std::size_t used = multiplanar_ ? planes[i].bytesused : buffer.bytesused;
    const std::size_t end = std::clamp(used, begin, map.bytes);
    out.planes[i] = {static_cast<const std::uint8_t*>(map.address) + begin, end - begin};
  }
  return V4l2Dequeue::frame;
}

bool V4l2Device::queue(std::uint32_t index) noexcept {
  std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};
  v4l2_buffer buffer = describe_buffer(multiplanar_, index, planes);
  if (multiplanar_) buffer.length = static_cast<std::uint32_t>(memory_planes_);
  return control(VIDIOC_QBUF, &buffer) == 0;
}

bool V4l2Device::requeue(const V4l2Buffer& buffer) noexcept { return queue(buffer.index); }

}  // namespace camring::camcap
