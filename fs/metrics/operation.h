// The kernel's requests by name, so that counting them takes no search.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace glancefs::fs {

/// All operations that are served.
inline constexpr auto kOperations = std::to_array<std::string_view>(
    {"create", "fallocate", "flush",  "fsync",      "getattr",     "getxattr", "link",
     "lookup", "listxattr", "lseek",  "mkdir",      "mknod",       "open",     "opendir",
     "read",   "readdir",   "rename", "releasedir", "release",     "rmdir",    "setattr",
     "statfs", "setxattr",  "write",  "symlink",    "removexattr", "unlink"});

/// One of them. Made of a literal; another word than those above does not compile.
class OperationName {
 public:
  consteval OperationName(const char* name)  // NOLINT(*-explicit-*): stands for the literal
      : name_(name),
        index_(index_of(name)) {}

  constexpr std::string_view name() const noexcept { return name_; }
  /// Its place in kOperations.
  constexpr std::size_t index() const noexcept { return index_; }

 private:
  static consteval std::size_t index_of(std::string_view name) {
    std::size_t index = 0;
    while (kOperations.at(index) != name) ++index;
    return index;
  }

  std::string_view name_;
  std::size_t index_;
};

}  // namespace glancefs::fs
