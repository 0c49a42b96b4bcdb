#include "ring/writer_lock.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace camring {
namespace {

std::optional<gid_t> video_group() {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(16384);
  if (::getgrnam_r("video", &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return entry.gr_gid;
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t bytes = ::pread(fd, text.data(), text.size() - 1, 0);
  const std::string pid =
      bytes > 0 ? std::string(text.data(), std::strcspn(text.data(), "\n")) : std::string();
  return pid.empty() ? "another process writes it" : "process " + pid + " writes it";
}

bool same_file(int fd, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

// Opens what is there, creates only what is absent: fs.protected_regular makes O_CREAT on another user's file
// in a sticky directory fail with EACCES even for root.
UniqueFd open_or_create(const std::string& path, const FileAccess& access) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (fd || errno != ENOENT) return fd;
    fd.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, access.mode));
    if (fd || errno != EEXIST) return fd;
  }
  errno = EBUSY;
  return {};
}

}  // namespace

void apply_access(int fd, const FileAccess& access, const std::string& path) {
  if (access.group) {
    if (::fchown(fd, static_cast<uid_t>(-1), *access.group) != 0) {
      throw system_error(errno, "give ring to group " + std::to_string(*access.group), path,
                         "choose a group that you are a member of");
    }
  } else if (const auto video = video_group()) {
    [[maybe_unused]] const int ignored = ::fchown(fd, static_cast<uid_t>(-1), *video);
  }
  if (::fchmod(fd, access.mode) != 0) throw system_error(errno, "set mode of ring", path);
}

WriterLock::WriterLock(const std::string& ring_name, const RingPaths& paths, const FileAccess& access)
    : path_(paths.lock) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    fd_ = open_or_create(path_, access);
    if (!fd_) {
      throw system_error(errno, "take ring", ring_name + " (" + path_ + ")",
                         errno == ENOENT
                             ? "set CAMRING_DIR to a directory on a tmpfs"
                             : "the name may belong to another user: choose another, or remove its files");
    }
    struct flock lock = whole_file(F_WRLCK);
    if (::fcntl(fd_.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) {
        throw Error(ExitCode::temporary, "take ring", ring_name, holder(fd_.get()),
                    "stop that process, or choose another name");
      }
      throw system_error(errno, "lock ring", ring_name);
    }
    // The one before may have removed the file between our open and our lock: then somebody else can hold the
    // new one.
    if (!same_file(fd_.get(), path_)) continue;
    // A dead writer's file may have another mode, or died before it got one; somebody else's stays as it is.
    struct stat status {};
    if (::fstat(fd_.get(), &status) == 0 && status.st_uid == ::geteuid()) {
      apply_access(fd_.get(), access, path_);
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_.get(), 0) != 0 ||
        ::pwrite(fd_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
      throw system_error(errno, "write lock file", path_, "free some memory in its directory");
    }
    return;
  }
  throw Error(ExitCode::temporary, "take ring", ring_name, "its lock file keeps changing", "try again");
}

void WriterLock::remove_file() noexcept {
  if (fd_ && same_file(fd_.get(), path_)) ::unlink(path_.c_str());
}

LockTest test_writer_lock(const std::string& lock_path) noexcept {
  const UniqueFd fd(::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno == ENOENT ? LockTest::free : LockTest::unknown;
  struct flock lock = whole_file(F_RDLCK);
  if (::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0) return LockTest::unknown;
  return lock.l_type == F_UNLCK ? LockTest::free : LockTest::held;
}

}  // namespace camring
