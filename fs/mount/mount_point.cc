#include "fs/mount/mount_point.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/fd.h"
#include "base/file_text.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kType = "fuse.glancefs";

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
std::string decode(std::string_view field) {
  std::string result;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const auto digits = field.substr(i + 1, 3);
    if (field[i] == '\\' && digits.size() == 3 && std::ranges::all_of(digits, is_octal)) {
      result += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');
      i += 3;
    } else {
      result += field[i];
    }
  }
  return result;
}

/// The number behind the first `mark` in `text`; 0: there is none.
unsigned number_after(std::string_view text, std::string_view mark) {
  unsigned number = 0;
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return number;
  text.remove_prefix(at + mark.size());
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

[[noreturn]] void unusable(const std::string& path, const std::string& why) {
  throw StartError(ExitCode::kMountFailed, fmt::format("{}: {}", path, why));
}

/// `path` without symbolic links. The mount point itself may be dead and is not touched: only what
/// leads to it is resolved when it cannot be.
std::string canonical(const std::string& path) {
  const auto resolve = [](const std::string& name) {
    std::array<char, PATH_MAX> buffer{};
    const char* resolved = ::realpath(name.c_str(), buffer.data());
    return std::string(resolved == nullptr ? "" : resolved);
  };
  std::string whole = resolve(path);
  if (!whole.empty()) return whole;
  const std::filesystem::path given(path);
  const std::string parent = resolve(given.parent_path().string());
  return parent.empty() ? path : absolute_path(given.filename().string(), parent);
}

bool is_set_uid_root(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0 &&
         (status.st_mode & S_ISUID) != 0;
}

bool is_empty(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_empty(path, error) || error;
}

int run_and_wait(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) {
    // posix_spawn does not change them; its type is older than const.
    arguments.push_back(const_cast<char*>(word.c_str()));  // NOLINT(*-const-cast)
  }
  arguments.push_back(nullptr);
  std::array<char*, 1> no_environment{nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, command.front().c_str(), nullptr, nullptr, arguments.data(),
                    no_environment.data()) != 0) {
    return -1;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    // ID PARENT DEVICE ROOT TARGET OPTIONS [TAG]... - TYPE SOURCE SUPER-OPTIONS
    std::istringstream fields(line);
    std::string word;
    std::string device;
    std::string target;
    std::string flags;
    fields >> word >> word >> device >> word >> target >> flags;
    while (fields >> word && word != "-") continue;
    std::string type;
    std::string source;
    std::string options;
    if (!(fields >> type >> source)) continue;
    fields >> options;
    mounts.push_back({.target = decode(target),
                      .type = type,
                      .source = decode(source),
                      .flags = flags,
                      .options = decode(options),
                      .minor = number_after(device, ":"),
                      .owner = number_after("," + options, ",user_id=")});
  }
  return mounts;
}

std::vector<MountEntry> glancefs_mounts(const std::string& mountinfo) {
  const std::vector<MountEntry> all = parse_mountinfo(file_text(mountinfo));
  std::vector<MountEntry> mounts;
  for (auto mount = all.begin(); mount != all.end(); ++mount) {
    const bool covered = std::any_of(mount + 1, all.end(), [&](const MountEntry& later) {
      return later.target == mount->target;
    });
    if (mount->type == kType && !covered) mounts.push_back(*mount);
  }
  return mounts;
}

bool is_dead(const std::string& path) {
  struct statx status {};
  // What the kernel remembers of the root would still be shown by stat(2), so it must ask.
  return ::statx(AT_FDCWD, path.c_str(), AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE,
                 &status) != 0 &&
         errno == ENOTCONN;
}

bool allows_user_allow_other(std::string_view fuse_conf) {
  std::istringstream lines{std::string(fuse_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    std::string more;
    if (words >> word && word == "user_allow_other" && !(words >> more)) return true;
  }
  return false;
}

MountPoint::MountPoint(Person person, MountSystem system)
    : person_(std::move(person)),
      system_(std::move(system)) {}

std::string MountPoint::fusermount() const {
  const auto found = std::ranges::find_if(system_.fusermounts, is_set_uid_root);
  return found == system_.fusermounts.end() ? std::string() : *found;
}

void MountPoint::check_fuse(const Options& options) const {
  const Fd device(::open(system_.fuse_device.c_str(), O_RDWR | O_CLOEXEC));
  if (!device && (errno == ENOENT || errno == ENXIO || errno == ENODEV)) {
    throw StartError(ExitCode::kSystem, fmt::format("{} is missing", system_.fuse_device),
                     "load the fuse module, or in a container add --device /dev/fuse "
                     "--cap-add SYS_ADMIN");
  }
  if (!device) {
    throw StartError(
        ExitCode::kSystem,
        fmt::format("{} cannot be opened: {}", system_.fuse_device,
                    std::generic_category().message(errno)),
        errno == EPERM ? "in a container add --device /dev/fuse --cap-add SYS_ADMIN" : "");
  }
  if (person_.uid == 0) return;
  if (fusermount().empty()) {
    throw StartError(ExitCode::kSystem, "fusermount3 not found or not set-uid root",
                     "apt install fuse3");
  }
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
    throw StartError(ExitCode::kSystem, "fusermount3 cannot gain privileges here",
                     "no_new_privs is set, as NoNewPrivileges= of a systemd unit does");
  }
  const bool shared =
      options.allow_other ||
      std::ranges::find(options.fuse_options, "allow_root") != options.fuse_options.end();
  if (shared && !allows_user_allow_other(file_text(system_.fuse_conf))) {
    throw StartError(
        ExitCode::kUsage,
        fmt::format("allow_other needs the line user_allow_other in {}", system_.fuse_conf));
  }
}

std::optional<MountEntry> MountPoint::top_mount(const std::string& path) const {
  std::optional<MountEntry> top;
  for (MountEntry& mount : parse_mountinfo(file_text(system_.mountinfo))) {
    if (mount.target == path) top = std::move(mount);
  }
  return top;
}

void MountPoint::unmount(const std::string& path, int flags) const {
  if (person_.uid == 0) {
    if (::umount2(path.c_str(), flags | UMOUNT_NOFOLLOW) == 0) return;
    if (errno == EINVAL) unusable(path, "not mounted");
    unusable(path, fmt::format("cannot be unmounted: {}", std::generic_category().message(errno)));
  }
  const std::string program = fusermount();
  if (program.empty()) unusable(path, "cannot be unmounted: there is no fusermount3");
  std::vector<std::string> command{program, "-u", "--", path};
  if ((flags & MNT_DETACH) != 0) command.insert(command.begin() + 2, "-z");
  if (run_and_wait(command) != 0) unusable(path, "fusermount3 could not unmount it");
}

bool MountPoint::clear_stale(const std::string& path) const {
  const std::string target = canonical(path);
  if (!is_dead(target)) return false;
  const auto top = top_mount(target);
  if (!top || top->type != kType) return false;
  unmount(target, MNT_DETACH);
  return true;
}

MountPoint::Checked MountPoint::check_directory(const std::string& path,
                                                const std::string& source) const {
  Checked checked{canonical(path), {}};
  // More than one may be stacked there; a mount that keeps coming back is not ours to fight.
  for (int tries = 0; tries < 8 && clear_stale(checked.path); ++tries) {
    checked.notes.push_back(path + ": stale mount of a glancefs that died; replaced");
  }
  struct stat status {};
  if (::stat(checked.path.c_str(), &status) != 0) {
    unusable(path, errno == ENOENT ? "no such directory" : std::generic_category().message(errno));
  }
  if (!S_ISDIR(status.st_mode)) unusable(path, "not a directory");
  const auto top = top_mount(checked.path);
  if (top && top->type == kType && (source.empty() || top->source == source)) {
    unusable(path, "already a mount of " + top->source);
  }
  if (person_.uid != 0 && ::faccessat(AT_FDCWD, checked.path.c_str(), W_OK, AT_EACCESS) != 0) {
    unusable(path, fmt::format("not writable by {} (needed to mount as a user)", person_.name));
  }
  if (!is_empty(checked.path)) {
    checked.notes.push_back(path + ": not empty; what is in it is hidden while mounted");
  }
  return checked;
}

void enter_mount_namespace(const std::string& file) {
  const Fd handle = checked_fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC), file);
  if (::setns(handle.get(), CLONE_NEWNS) != 0) throw_errno(errno, "entering the namespace " + file);
}

}  // namespace glancefs::fs
