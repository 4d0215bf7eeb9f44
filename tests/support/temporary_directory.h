// A directory for one test, removed with all that is in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace glancefs::test {

/// Mode 0700, under $TMPDIR. By default it is in memory where there is such a place: what must be
/// durable is synced often, and a test need not wait for a disk.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const bool choose = std::getenv("TMPDIR") == nullptr && std::filesystem::exists("/dev/shm");
    const std::filesystem::path parent =
        choose ? "/dev/shm" : std::filesystem::temp_directory_path();
    path_ = (parent / "glancefs-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
    }
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const noexcept { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace glancefs::test
