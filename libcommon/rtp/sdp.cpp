#include "rtp/sdp.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <vector>

#include "av/bitstream.h"
#include "rtp/packetizer.h"

namespace camring::rtp {
namespace {

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// RFC 6184, section 8.1.
std::string h264_parameters(std::span<const std::uint8_t> extradata) {
  std::string sets, profile;
  while (!extradata.empty()) {
    const av::NalUnit unit = av::next_nal(extradata);
    if (!av::is_parameter_set(Codec::h264, unit)) continue;
    sets += (sets.empty() ? "" : ",") + base64(unit);
    if (av::is_sps(Codec::h264, unit) && unit.size() >= 4 && profile.empty()) {
      std::array<char, 8> text{};
      std::snprintf(text.data(), text.size(), "%02X%02X%02X", unit[1], unit[2], unit[3]);
      profile = text.data();
    }
  }
  std::string line = "packetization-mode=1";
  if (!profile.empty()) line += ";profile-level-id=" + profile + ";sprop-parameter-sets=" + sets;
  return line;
}

// RFC 7798, section 7.1.
std::string hevc_parameters(std::span<const std::uint8_t> extradata) {
  std::array<std::string, 3> sets;
  while (!extradata.empty()) {
    const av::NalUnit unit = av::next_nal(extradata);
    const int type = av::nal_type(Codec::hevc, unit);
    if (type < 32 || type > 34) continue;
    std::string& list = sets[static_cast<std::size_t>(type - 32)];
    list += (list.empty() ? "" : ",") + base64(unit);
  }
  if (sets[1].empty()) return {};
  return "sprop-vps=" + sets[0] + ";sprop-sps=" + sets[1] + ";sprop-pps=" + sets[2];
}

}  // namespace

std::string make_sdp(const FrameFormat& format, std::span<const std::uint8_t> extradata,
                     const SdpOptions& options) {
  const std::string family = options.address.find(':') == std::string::npos ? "IP4 " : "IP6 ";
  const std::string type = std::to_string(payload_type(format.codec));
  std::string sdp = "v=0\r\n";
  sdp += "o=- " + std::to_string(options.id) + " " + std::to_string(options.version) + " IN " + family +
         options.address + "\r\n";
  sdp += "s=" + options.name + "\r\n";
  if (options.multicast.empty()) {
    sdp += std::string("c=IN ") + (family == "IP4 " ? "IP4 0.0.0.0" : "IP6 ::") + "\r\n";
  } else {
    const bool v4 = options.multicast.find(':') == std::string::npos;
    sdp += std::string("c=IN ") + (v4 ? "IP4 " : "IP6 ") + options.multicast +
           (v4 ? "/" + std::to_string(options.ttl) : "") + "\r\n";
  }
  sdp += "t=0 0\r\na=tool:camring\r\na=range:npt=now-\r\na=control:*\r\n";
  sdp += "m=video " + std::to_string(options.port) + (options.crypto.empty() ? " RTP/AVP " : " RTP/SAVP ") +
         type + "\r\n";
  const char* name = format.codec == Codec::h264 ? "H264" : format.codec == Codec::hevc ? "H265" : "JPEG";
  sdp += "a=rtpmap:" + type + " " + name + "/90000\r\n";
  std::string parameters;
  if (format.codec == Codec::h264) parameters = h264_parameters(extradata);
  if (format.codec == Codec::hevc) parameters = hevc_parameters(extradata);
  if (!parameters.empty()) sdp += "a=fmtp:" + type + " " + parameters + "\r\n";
  if (format.size.width != 0) {
    // As GStreamer writes them; with JPEG over 2040 pixels a receiver has nothing else before the first
    // frame.
    sdp += "a=framesize:" + type + " " + std::to_string(format.size.width) + "-" +
           std::to_string(format.size.height) + "\r\n";
    if (format.codec == Codec::mjpeg) {
      sdp += "a=x-dimensions:" + std::to_string(format.size.width) + "," +
             std::to_string(format.size.height) + "\r\n";
    }
  }
  if (format.rate.num != 0 && format.rate.den != 0) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f",
                  static_cast<double>(format.rate.num) / static_cast<double>(format.rate.den));
    sdp += std::string("a=framerate:") + text.data() + "\r\n";
  }
  if (!options.crypto.empty()) sdp += "a=crypto:" + options.crypto + "\r\n";
  sdp += "a=control:trackID=0\r\n";
  return sdp;
}

}  // namespace camring::rtp
