#include "fs/doctor/directory_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// Below this an image of a common size would not fit.
constexpr std::uint64_t kLittleRoom = 1024 * kMiB;

std::string type_name(const std::string& path) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 10> kTypes{
      {{0xef53, "ext4"},  // and its ancestors
       {0x58465342, "xfs"},
       {0x9123683e, "btrfs"},
       {0x01021994, "tmpfs"},
       {0x794c7630, "overlay"},
       {0x6969, "nfs"},
       {0x2fc12fc1, "zfs"},
       {0x65735546, "fuse"},
       {0xff534d42, "cifs"},
       {0xf2f52010, "f2fs"}}};
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return "unknown";
  const auto magic = static_cast<std::uint64_t>(status.f_type) & 0xffffffffU;
  for (const auto& [number, name] : kTypes) {
    if (number == magic) return name;
  }
  return fmt::format("type {:x}", magic);
}

// Nobody of a name that could be asked for is in it.
std::string why_not_writable(const std::string& directory) {
  const Fd file(::open(directory.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  if (file) return {};
  // Not every file system has files without a name.
  if (errno == EOPNOTSUPP || errno == EISDIR) {
    if (::access(directory.c_str(), W_OK | X_OK) == 0) return {};
  }
  return std::generic_category().message(errno);
}

// Others must not be able to put their bytes under our names.
std::string why_not_private(const std::string& directory) {
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) return std::generic_category().message(errno);
  if (S_ISLNK(status.st_mode)) return "it is a symbolic link";
  if (!S_ISDIR(status.st_mode)) return "it is not a directory";
  if (status.st_uid != ::geteuid()) return "it belongs to somebody else";
  if ((status.st_mode & 0022U) != 0) return "others can write it";
  return {};
}

std::string amount(std::uint64_t bytes) {
  if (bytes < 10240 * kMiB) return fmt::format("{} MiB", bytes / kMiB);
  return fmt::format("{} GiB", bytes / (1024 * kMiB));
}

std::string room(const DirectoryFacts& facts) {
  return fmt::format("{} of {} free on {}", amount(facts.free), amount(facts.size),
                     facts.filesystem);
}

std::string name_of(const DirectoryFacts& facts) {
  return facts.existing == facts.path ? facts.path : facts.path + " (to be made)";
}

// "6.18.1-amd64" → 6, 18
std::pair<int, int> version_of(const std::string& release) {
  std::pair<int, int> version{0, 0};
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, version.first);
  if (error == std::errc{} && dot != end) std::from_chars(dot + 1, end, version.second);
  return version;
}

}  // namespace

DirectoryFacts look_at_directory(const std::string& path) {
  DirectoryFacts facts{.path = path, .existing = path, .error = {}, .filesystem = {}};
  struct stat status {};
  while (::lstat(facts.existing.c_str(), &status) != 0 && errno == ENOENT &&
         facts.existing != "/") {
    facts.existing = std::filesystem::path(facts.existing).parent_path().string();
  }
  if (facts.existing == path) facts.error = why_not_private(path);
  if (facts.error.empty()) facts.error = why_not_writable(facts.existing);
  facts.filesystem = type_name(facts.existing);
  struct statvfs space {};
  if (::statvfs(facts.existing.c_str(), &space) == 0) {
    facts.size = std::uint64_t{space.f_blocks} * space.f_frsize;
    facts.free = std::uint64_t{space.f_bavail} * space.f_frsize;
  }
  return facts;
}

Finding check_cache_directory(const DirectoryFacts& facts, const Amount& min_free) {
  if (!facts.error.empty()) {
    return failed(fmt::format("{}: {}", facts.existing, facts.error),
                  "cache-dir=DIR names another one");
  }
  const std::uint64_t kept_free = min_free.of(facts.size);
  const std::string detail =
      fmt::format("{}: {}; extended attributes are not needed", name_of(facts), room(facts));
  if (facts.free <= kept_free) {
    return warning(detail, fmt::format("nothing will be kept while less than {} are free "
                                       "(cache-min-free)",
                                       amount(kept_free)));
  }
  if (facts.filesystem == "tmpfs") return warning(detail, "tmpfs is memory, gone after a reboot");
  if (facts.filesystem == "nfs" || facts.filesystem == "cifs" || facts.filesystem == "fuse") {
    return warning(detail, "a cache is faster on a local disk: cache-dir=DIR");
  }
  return ok(detail);
}

Finding check_state_directory(const DirectoryFacts& facts) {
  if (!facts.error.empty()) {
    return failed(fmt::format("{}: {}", facts.existing, facts.error),
                  "state-dir=DIR names another one; a mount needs it for what is written");
  }
  const std::string detail = fmt::format("{}: {}", name_of(facts), room(facts));
  if (facts.filesystem == "tmpfs") {
    return warning(detail, "what waits for its upload there is lost by a reboot: state-dir=DIR");
  }
  if (facts.free < kLittleRoom) {
    return warning(detail, "an image is written there as a whole before it is sent");
  }
  return ok(detail);
}

Finding check_passthrough(const DirectoryFacts& cache, uid_t uid, const std::string& release,
                          bool wanted) {
  const std::pair<int, int> first{6, 9};
  const std::string by_daemon = "complete images are read by the daemon: ";
  if (!wanted) return ok(by_daemon + "passthrough=no");
  if (version_of(release) < first) {
    return ok(by_daemon + "Linux " + release + ", 6.9 is the first that can do better");
  }
  if (uid != 0) return ok(by_daemon + "only root may hand files to the kernel");
  // The kernel stacks two file systems at most, and these are stacks already.
  if (cache.filesystem == "overlay" || cache.filesystem == "fuse") {
    return warning(by_daemon + "the cache is on " + cache.filesystem,
                   "cache-dir=DIR on a disk's own file system is several times as fast");
  }
  return ok("the kernel reads complete images by itself (Linux " + release + ")");
}

}  // namespace glancefs::fs
