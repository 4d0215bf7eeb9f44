#include "fs/fuse/mount.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace glancefs::fs {
namespace {

constexpr const char* kDevice = "/dev/fuse";
constexpr const char* kFuseConf = "/etc/fuse.conf";
constexpr const char* kType = "fuse.glancefs";
constexpr unsigned long kAlways = MS_NOSUID | MS_NODEV;

constexpr std::array<std::pair<unsigned long, const char*>, 8> kWords{
    {{MS_NOSUID, "nosuid"},
     {MS_NODEV, "nodev"},
     {MS_RDONLY, "ro"},
     {MS_NOEXEC, "noexec"},
     {MS_SYNCHRONOUS, "sync"},
     {MS_DIRSYNC, "dirsync"},
     {MS_NOATIME, "noatime"},
     {MS_NODIRATIME, "nodiratime"}}};

// One value of a -o list, where commas separate and backslashes escape.
std::string escaped(std::string_view value) {
  std::string result;
  for (const char c : value) {
    if (c == ',' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

// What the kernel is told in the last argument of mount(2). It knows no escapes: words go as they
// are. Access for root alone is libfuse's doing, the kernel must let everybody through.
std::string kernel_options(const MountConfig& config, int device, mode_t type) {
  std::string list = fmt::format("fd={},rootmode={:o},user_id={},group_id={},default_permissions",
                                 device, type, ::getuid(), ::getgid());
  if (config.allow_other) list += ",allow_other";
  for (const std::string& option : config.options) {
    list += "," + (option == "allow_root" ? "allow_other" : option);
  }
  return list;
}

// Without asking the file system, which nobody may be serving.
std::optional<dev_t> device_number(const std::string& directory) {
  struct statx status {};
  if (::statx(AT_FDCWD, directory.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &status) != 0) {
    return std::nullopt;
  }
  return makedev(status.stx_dev_major, status.stx_dev_minor);
}

bool users_may_allow_other() {
  std::ifstream file(kFuseConf);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("user_allow_other")) return true;
  }
  return false;
}

}  // namespace

std::string libfuse_options(const MountConfig& config) {
  std::string list = "default_permissions,subtype=glancefs,fsname=" + escaped(config.source);
  for (const auto& [flag, word] : kWords) {
    if (((config.flags | kAlways) & flag) != 0) list += fmt::format(",{}", word);
  }
  if (config.allow_other) list += ",allow_other";
  if (config.auto_unmount) list += ",auto_unmount";
  for (const std::string& option : config.options) list += "," + escaped(option);
  return list;
}

unsigned max_read(const MountConfig& config) {
  constexpr std::string_view kWord = "max_read=";
  unsigned bytes = 0;
  for (const std::string& option : config.options) {
    if (!option.starts_with(kWord)) continue;
    std::from_chars(option.data() + kWord.size(), option.data() + option.size(), bytes);
  }
  return bytes;
}

void check_prerequisites(const MountConfig& config) {
  if (::access(kDevice, R_OK | W_OK) != 0) {
    throw_errno(errno, fmt::format("{} (load the fuse module, or give a container --device {} and "
                                   "--cap-add SYS_ADMIN)",
                                   kDevice, kDevice));
  }
  if (::geteuid() != 0 && config.allow_other && !users_may_allow_other()) {
    throw_errno(EPERM, fmt::format("allow_other needs the line user_allow_other in {}", kFuseConf));
  }
}

void allow_read_ahead(const std::string& directory) noexcept {
  const auto number = device_number(directory);
  if (!number) return;
  std::ofstream file(
      fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(*number), minor(*number)));
  file << kReadAhead / 1024;
}

FuseMount::FuseMount(const MountConfig& config)
    : directory_(config.directory),
      device_(checked_fd(::open(kDevice, O_RDWR | O_CLOEXEC), kDevice)) {
  struct stat status {};
  if (::stat(directory_.c_str(), &status) != 0) throw_errno(errno, directory_);
  const std::string options = kernel_options(config, device_.get(), status.st_mode & S_IFMT);
  if (::mount(config.source.c_str(), directory_.c_str(), kType, config.flags | kAlways,
              options.c_str()) != 0) {
    throw_errno(errno, fmt::format("mount(2) on {}", directory_));
  }
  number_ = device_number(directory_).value_or(0);
}

FuseMount::~FuseMount() {
  // Dead already: unmounted by others, and what is mounted there now is not ours. Its number may
  // have been given to the next mount, so that alone proves nothing.
  pollfd connection{.fd = device_.get(), .events = 0, .revents = 0};
  if (::poll(&connection, 1, 0) == 1 && (connection.revents & POLLERR) != 0) return;
  const bool ours = device_number(directory_) == number_;
  // The last descriptor: nothing waits for an answer of ours any more.
  device_.reset();
  if (ours && ::umount2(directory_.c_str(), MNT_DETACH) != 0) {
    log::warning("unmounting {}: {}", directory_, std::generic_category().message(errno));
  }
}

Fd FuseMount::connection() const {
  return checked_fd(::fcntl(device_.get(), F_DUPFD_CLOEXEC, 0), kDevice);
}

}  // namespace glancefs::fs
