// A yes or no that may change while others look at it.
#pragma once

#include <atomic>
#include <memory>

namespace glancefs::fs {

/// All copies are one and the same flag: who is configured with it hears of changes. Thread-safe.
class SharedFlag {
 public:
  // Converts from and to bool, so that it is used like one.
  // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions)
  SharedFlag(bool value) : value_(std::make_shared<std::atomic<bool>>(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions)
  operator bool() const noexcept { return value_->load(); }

  /// For all copies; const as what they point to is not theirs.
  void set(bool value) const noexcept { value_->store(value); }

 private:
  std::shared_ptr<std::atomic<bool>> value_;
};

}  // namespace glancefs::fs
