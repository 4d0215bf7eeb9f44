#include "fs/doctor/archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

constexpr const char* kDirectory = "glancefs-report";

// For the files on their way into the archive; goes with all that is in it.
class Workplace {
 public:
  Workplace() {
    path_ = (std::filesystem::temp_directory_path() / "glancefs-report-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw_errno(errno, path_);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

void write_file(const std::string& path, std::string_view text) {
  const Fd file = checked_fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), path);
  while (!text.empty()) {
    const ssize_t done = ::write(file.get(), text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_errno(errno, path);
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

// tar(1) with its output to `out`. Throws system_error.
void run_tar(const std::string& workplace, const Fd& out) {
  std::array<std::string, 5> words{"tar", "-C", workplace, "-czf", "-"};
  std::string what = kDirectory;
  std::array<char*, 7> arguments{words[0].data(), words[1].data(), words[2].data(), words[3].data(),
                                 words[4].data(), what.data(),     nullptr};
  // tar calls gzip by its name. Nothing else of our environment concerns it.
  std::string path = "PATH=/usr/local/bin:/usr/bin:/bin";
  std::array<char*, 2> environment{path.data(), nullptr};
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, "tar", &actions, nullptr, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno(error, "tar");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw_errno(errno, "tar");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw_errno(EIO, "tar has failed");
}

}  // namespace

void write_archive(const std::string& path, const ReportFiles& files) {
  const Fd out = checked_fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), path);
  try {
    const Workplace workplace;
    const std::filesystem::path top = std::filesystem::path(workplace.path()) / kDirectory;
    std::filesystem::create_directory(top);
    for (const auto& [name, text] : files) {
      const std::filesystem::path file = top / name;
      std::filesystem::create_directories(file.parent_path());
      write_file(file.string(), text);
    }
    run_tar(workplace.path(), out);
    if (::fsync(out.get()) != 0) throw_errno(errno, path);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

}  // namespace glancefs::fs
