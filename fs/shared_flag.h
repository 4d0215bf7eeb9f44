// A yes or no that may change while others look at it.
#pragma once

#include <atomic>
#include <memory>

namespace glancefs::fs {

/// All copies are one and the same flag: who is configured with it hears of changes. Thread-safe.
class SharedFlag {
 public:
  // Converts from and to bool, so that it is used like one.
  SharedFlag(bool value)
      : value_(std::make_shared<std::atomic<bool>>(value)) {}  // NOLINT(*explicit*)
  operator bool() const noexcept { return value_->load(); }    // NOLINT(*explicit*)

  /// For all copies; const as what they point to is not theirs.
  void set(bool value) const noexcept { value_->store(value); }

 private:
  std::shared_ptr<std::atomic<bool>> value_;
};

}  // namespace glancefs::fs
