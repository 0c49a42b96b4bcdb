#include "ring/ring_list.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "ring/control_client.h"
#include "ring/ring_name.h"
#include "ring/ring_view.h"
#include "ring/writer_lock.h"

namespace camring {
namespace {

constexpr int kAskMs = 200;

template <std::size_t N>
std::string text_of(const std::array<char, N>& chars) {
  std::string text(chars.data(), ::strnlen(chars.data(), N));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

// How many frames a second the ones held were captured at, over the last two seconds at most.
double measure_rate(const RingView& view, std::uint64_t oldest, std::uint64_t head) {
  FrameView newest, other;
  if (head - oldest < 2 || view.read(head - 1, newest) != RingView::Read::frame) return 0;
  std::uint64_t first = head - 1;
  std::int64_t span = 0;
  for (std::uint64_t number = head - 1; number-- > oldest;) {
    if (view.read(number, other) != RingView::Read::frame) break;
    const std::int64_t age = newest.info.capture_ns - other.info.capture_ns;
    if (age > 2'000'000'000 || age < 0) break;
    first = number;
    span = age;
  }
  return span > 0 ? static_cast<double>(head - 1 - first) * 1e9 / static_cast<double>(span) : 0;
}

void read_into(RingStatus& status, const RingView& view, const RingPaths& paths, bool ask) {
  const layout::Header& header = view.header();
  const std::int64_t now = monotonic_ns();
  status.format = view.format();
  status.state = writer_state_of(view, paths.lock);
  status.epoch = view.epoch();
  status.head = view.head();
  const std::uint64_t oldest = view.oldest();
  status.held = status.head - oldest;
  status.arena_bytes = view.arena_bytes();
  status.file_bytes = view.file_bytes();
  status.depth = view.depth();
  status.writer_pid = static_cast<pid_t>(header.writer_pid);
  status.writer = text_of(header.writer);
  status.source = text_of(header.source);
  status.created_wall_ns = header.created_wall_ns;
  status.measured_fps = measure_rate(view, oldest, status.head);
  FrameView first, last;
  if (status.held > 0 && view.read(status.head - 1, last) == RingView::Read::frame) {
    status.age_ns = now - last.info.capture_ns;
    status.publish_age_ns = now - last.info.publish_ns;
    if (view.read(oldest, first) == RingView::Read::frame) {
      status.used_bytes = std::min(status.arena_bytes, last.position + last.payload.size() - first.position);
    }
  }
  if (!ask || status.state == WriterState::dead) return;
  if (auto answer = ask_writer(paths.sock, kAskMs)) {
    status.consumers = std::move(answer->consumers);
    status.correction = std::move(answer->correction);
  }
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

RingStatus status_of(const std::string& name, bool ask) {
  RingStatus status;
  status.name = name;
  const RingPaths paths(name);
  try {
    if (const auto view = RingView::open(paths.ring)) {
      read_into(status, *view, paths, ask);
    } else if (test_writer_lock(paths.lock) == LockTest::held) {
      status.state = WriterState::starting;
    } else {
      status.state = WriterState::dead;
      status.problem = "files left behind by a writer that died before its ring was there";
    }
  } catch (const Error& error) {
    status.problem = error.what();
    status.state = test_writer_lock(paths.lock) == LockTest::held ? WriterState::live : WriterState::dead;
  }
  return status;
}

}  // namespace

std::vector<RingStatus> list_rings(bool ask) {
  const std::string path = ring_directory();
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory)
    throw system_error(errno, "list rings", path, "set CAMRING_DIR to the directory of your rings");
  std::set<std::string> names;
  while (const dirent* entry =
             ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    std::string name = entry->d_name;
    if (!name.starts_with(kRingPrefix)) continue;
    name.erase(0, kRingPrefix.size());
    for (const std::string ending : {".lock", ".sock", ".tmp"}) {
      if (name.ends_with(ending)) name.erase(name.size() - ending.size());
    }
    if (is_ring_name(name)) names.insert(name);
  }
  std::vector<RingStatus> list;
  for (const std::string& name : names) list.push_back(status_of(name, ask));
  return list;
}

RingStatus ring_status(const std::string& name, bool ask) {
  check_ring_name(name);
  const RingPaths paths(name);
  if (!exists(paths.ring) && !exists(paths.lock)) {
    throw Error(ExitCode::no_input, "look at ring", name, "no such ring",
                "'shmstat' lists those that are there");
  }
  return status_of(name, ask);
}

bool remove_dead_ring(const std::string& name) {
  check_ring_name(name);
  const RingPaths paths(name);
  if (!exists(paths.ring) && !exists(paths.lock) && !exists(paths.sock) && !exists(paths.temp)) {
    throw Error(ExitCode::no_input, "remove ring", name, "no such ring",
                "'shmstat' lists those that are there");
  }
  try {
    WriterLock lock(name, paths, {});
    for (const std::string* path : {&paths.sock, &paths.temp, &paths.ring}) {
      if (::unlink(path->c_str()) != 0 && errno != ENOENT) {
        throw system_error(errno, "remove ring", *path, "remove it as the user who made it");
      }
    }
    lock.remove_file();
    return true;
  } catch (const Error& error) {
    if (error.code() == ExitCode::temporary) return false;
    throw;
  }
}

}  // namespace camring
