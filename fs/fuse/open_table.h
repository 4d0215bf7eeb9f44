// What open() and opendir() made, for as long as the kernel may name it.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"

namespace glancefs::fs {

/// Owns the Ts that the kernel holds as a number, fuse_file_info::fh. That number is the address,
/// so using one needs no lookup and no lock: the kernel sends the release only after it has got the
/// answers to all other requests with that fh. The table is for those whose release never comes,
/// since the session ended first. Thread-safe.
template <typename T>
class OpenTable {
 public:
  std::uint64_t keep(std::unique_ptr<T> opened) {
    const auto fh = reinterpret_cast<std::uintptr_t>(opened.get());
    Lock lock(mutex_);
    opened_.emplace(fh, std::move(opened));
    return fh;
  }

  /// REQUIRES `fh` to be kept.
  static T& at(std::uint64_t fh) noexcept {
    return *reinterpret_cast<T*>(fh);  // NOLINT(performance-no-int-to-ptr): made from it above
  }

  /// Null when `fh` is not kept.
  std::unique_ptr<T> take(std::uint64_t fh) noexcept {
    Lock lock(mutex_);
    const auto found = opened_.find(fh);
    if (found == opened_.end()) return nullptr;
    std::unique_ptr<T> opened = std::move(found->second);
    opened_.erase(found);
    return opened;
  }

  /// All that is left.
  std::unordered_map<std::uint64_t, std::unique_ptr<T>> drain() noexcept {
    Lock lock(mutex_);
    return std::exchange(opened_, {});
  }

 private:
  Mutex mutex_;
  std::unordered_map<std::uint64_t, std::unique_ptr<T>> opened_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
