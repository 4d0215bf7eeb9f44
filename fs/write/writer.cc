#include "fs/write/writer.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace glancefs::fs {
namespace {

// From Linux 6.15's <linux/pidfd.h>; Debian's are older. The numbers are fixed by the ABI.
struct ProcessInfo {  // pidfd_info, its first published size
  std::uint64_t mask, cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
constexpr std::uint64_t kExitWanted = 1U << 3;                    // PIDFD_INFO_EXIT
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, ProcessInfo);  // PIDFD_GET_INFO
constexpr unsigned long kSignaled = 0x400;  // PF_SIGNALED of the kernel, in /proc/PID/stat

// The flags of a process that runs, dies, or is dead and not yet waited for; 0: it is gone.
unsigned long kernel_flags(pid_t pid) {
  const Fd file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return 0;
  std::array<char, 1024> bytes{};
  const ssize_t size = ::read(file.get(), bytes.data(), bytes.size() - 1);
  if (size <= 0) return 0;
  // After the name, which is in parentheses and may hold anything: the state, five numbers, flags.
  const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
  std::size_t at = text.rfind(')');
  for (int field = 0; field < 7 && at != std::string_view::npos; ++field)
    at = text.find(' ', at + 1);
  return at == std::string_view::npos ? 0 : std::strtoul(bytes.data() + at, nullptr, 10);
}

// "pos:\t0\nflags:\t0100001\nmnt_id:\t29\nino:\t17\n": flags are octal.
std::uint64_t fdinfo_field(std::string_view text, std::string_view name, int base) noexcept {
  const std::size_t at = text.find(name);
  std::uint64_t value = 0;
  if (at == std::string_view::npos) return value;
  std::from_chars(text.data() + at + name.size(), text.data() + text.size(), value, base);
  return value;
}

}  // namespace

Writer::Writer(pid_t pid) noexcept
    : pid_(pid),
      process_(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1) {}

bool writes_on(pid_t process, std::uint64_t inode) noexcept {
  std::error_code error;
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fdinfo", process), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const Fd file(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 512> bytes{};
    const ssize_t size = file ? ::read(file.get(), bytes.data(), bytes.size()) : 0;
    if (size <= 0) continue;
    const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
    constexpr int kOctal = 8;
    const auto flags = static_cast<int>(fdinfo_field(text, "flags:\t", kOctal));
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (writes && fdinfo_field(text, "ino:\t", 10) == inode) return true;
  }
  return false;
}

bool Writer::killed() const noexcept {
  if (!process_) return false;
  ProcessInfo info{};
  info.mask = kExitWanted;
  if (::ioctl(process_.get(), kGetInfo, &info) == 0 && (info.mask & kExitWanted) != 0) {
    return WIFSIGNALED(info.exit_code);
  }
  // The number is still its own as long as it can be found.
  const unsigned long flags = kernel_flags(pid_);
  const bool there = ::syscall(SYS_pidfd_send_signal, process_.get(), 0, nullptr, 0) == 0;
  return there && (flags & kSignaled) != 0;
}

}  // namespace glancefs::fs
