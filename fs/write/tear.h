// A write that failed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "base/fd.h"

namespace glancefs::fs {

/// Whether a file lacks bytes that a program believes to have written, which closing it must not
/// send. Not thread-safe.
class Tear {
 public:
  /// `size` bytes at `offset` are missing. Of several the first counts.
  void happened(const std::system_error& error, std::uint64_t offset, std::uint64_t size) {
    if (!missing_) missing_ = Missing{error.code().value(), error.what(), offset, size};
  }
  /// These were written: the same bytes after all mend it.
  void written(std::uint64_t offset, std::uint64_t size) {
    if (!missing_) return;
    if (offset <= missing_->offset && offset + size >= missing_->offset + missing_->size) mend();
  }
  void mend() noexcept { missing_.reset(); }

  explicit operator bool() const noexcept { return missing_.has_value(); }
  /// Throws system_error with the errno of the write that failed, if one has.
  void check() const {
    if (missing_) throw_errno(missing_->error, "not sent, a write has failed: " + missing_->why);
  }

 private:
  struct Missing {
    int error;
    std::string why;
    std::uint64_t offset, size;
  };
  std::optional<Missing> missing_;
};

}  // namespace glancefs::fs
