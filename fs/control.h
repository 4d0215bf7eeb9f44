// The directory .glancefs: what the mount says of itself.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/filesystem.h"

namespace glancefs::fs {

/// Text files made when they are read. Thread-safe, provided their makers are.
class Control {
 public:
  static constexpr std::string_view kDirectory = ".glancefs";
  static constexpr std::string_view kById = "by-id";

  /// Adds a file; before anybody else uses this.
  void add(std::string name, std::function<std::string()> make);

  /// 0: no such name.
  NodeId find(std::string_view name) const;
  bool is_file(NodeId node) const;
  std::vector<DirectoryEntry> list() const;
  /// REQUIRES is_file(node).
  std::string text(NodeId node) const;

 private:
  struct File {
    std::string name;
    std::function<std::string()> make;
  };
  std::vector<File> files_;
};

}  // namespace glancefs::fs
