// How far a command is, for a person at a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace glancefs::fs {

/// One line that is written over, on `err`, if standard error is a terminal; otherwise nothing.
class Progress {
 public:
  explicit Progress(std::ostream& err);
  /// Takes the line away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `what` is done to `done` of `total` bytes; a few times a second at most.
  void show(const std::string& what, std::uint64_t done, std::uint64_t total);

 private:
  std::ostream& err_;
  const bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

/// "  41% [=======>            ] private/a.img  3.1 of 7.5 GiB", at most `width` columns.
std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::size_t width);

}  // namespace glancefs::fs
