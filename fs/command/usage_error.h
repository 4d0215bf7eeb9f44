// A command of `glancefs` that was called wrongly.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace glancefs::fs {

/// what() is printed, then the hint, and the program ends with CommandExit::kUsage.
class UsageError : public std::invalid_argument {
 public:
  explicit UsageError(const std::string& what, std::string hint = {})
      : std::invalid_argument(what),
        hint_(std::move(hint)) {}
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string hint_;
};

}  // namespace glancefs::fs
