// What can be asked of a mount over its socket, in JSON.
//
//   {"do":"status"}                      {"ok":true,"result":{"cloud":"demo",…}}
//   {"do":"pin","node":281474976710723}  {"ok":false,"errno":2,"error":"the image is gone"}
//
// A file is named by its inode number, which the asker has from stat(2): so he can ask only of what
// he can reach.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "fs/filesystem.h"

namespace glancefs::fs {

/// What the file system itself does not know of its mount.
struct MountFacts {
  std::string region;
  std::string cache_directory;
  std::chrono::sys_seconds since{};  ///< when it was mounted
  /// When the token ends; nullopt: never, or not known. Thread-safe.
  std::function<std::optional<std::chrono::system_clock::time_point>()> token_expires;
};

/// Thread-safe.
class Requests {
 public:
  /// `files` must outlive it.
  Requests(Filesystem& files, MountFacts facts) : files_(files), facts_(std::move(facts)) {}

  /// One line for one line; what makes no sense, and what fails, is answered, too. May wait for the
  /// cloud, and ends soon after `stop`.
  std::string answer(const std::string& request, const std::stop_token& stop) const;

 private:
  Filesystem& files_;
  const MountFacts facts_;
};

}  // namespace glancefs::fs
