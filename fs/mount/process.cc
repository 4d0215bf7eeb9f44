#include "fs/mount/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/fd.h"
#include "fs/mount/option_table.h"

namespace glancefs::fs {

void harden_process() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) throw_errno(errno, "PR_SET_DUMPABLE");
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) throw_errno(errno, "RLIMIT_CORE");
}

void share_heaps() noexcept {
#ifdef M_ARENA_MAX
  constexpr int kHeaps = 2;
  constexpr int kOwnPages = 2 << 20;
  ::mallopt(M_ARENA_MAX, kHeaps);
  ::mallopt(M_MMAP_THRESHOLD, kOwnPages);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kOwnPages);
#endif
}

void fill_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one: those below are open by now.
    if (::open("/dev/null", O_RDWR) != fd) throw_errno(errno, "/dev/null");
  }
}

Environment current_environment() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) {
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return result;
}

Environment effective_environment(Environment environment, const Options& options) {
  for (const auto& [name, value] : options.environment) environment[name] = value;
  return environment;
}

void settle_environment(const Options& options) {
  for (const Option& option : option_table()) {
    if (option.kind != OptionKind::kSecret) continue;
    const std::string name = environment_name(option);
    if (char* value = std::getenv(name.c_str())) {
      ::explicit_bzero(value, std::strlen(value));
      ::unsetenv(name.c_str());
    }
  }
  for (const auto& [name, value] : options.environment) {
    if (name.starts_with("OS_") || name.starts_with("GLANCEFS_")) continue;  // read already
    if (::setenv(name.c_str(), value.c_str(), 1) != 0) throw_errno(errno, "env." + name);
  }
}

}  // namespace glancefs::fs
