// The spools as they are on disk now, so that a daemon's death can be played: whatever its end in
// order wrote is undone.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/temporary_directory.h"

namespace glancefs::model {

class SpoolCopy {
 public:
  explicit SpoolCopy(std::string directory) : directory_(std::move(directory)) {
    copy(directory_, copy_.path());
  }
  /// REQUIRES that nobody holds the spools.
  void restore() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
      std::filesystem::remove_all(entry);
    copy(copy_.path(), directory_);
  }

 private:
  static void copy(const std::string& from, const std::string& to) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(from)) {
      const std::filesystem::path target = to / std::filesystem::relative(entry.path(), from);
      if (entry.is_directory()) {
        std::filesystem::create_directory(target);
      } else {
        copy_file(entry.path(), target);
      }
      std::filesystem::permissions(target, entry.status().permissions());
    }
  }

  // With its holes, which tell what nobody wrote.
  static void copy_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    constexpr std::size_t kBlock = 4096;
    std::ostringstream text;
    text << std::ifstream(from, std::ios::binary).rdbuf();
    const std::string bytes = text.str();
    std::ofstream file(to, std::ios::binary);
    for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
      const std::string block = bytes.substr(at, kBlock);
      if (block.find_first_not_of('\0') == std::string::npos) continue;
      file.seekp(static_cast<std::streamoff>(at));
      file << block;
    }
    file.close();
    std::filesystem::resize_file(to, bytes.size());
    // The journal knows by it what was sent.
    std::filesystem::last_write_time(to, std::filesystem::last_write_time(from));
  }

  const std::string directory_;
  test::TemporaryDirectory copy_;
};

}  // namespace glancefs::model
