#include "cache/proof.h"

#include <algorithm>

namespace glancefs::cache {
namespace {

constexpr std::size_t kBuffer = 1024UL * 1024;

}  // namespace

void Proof::begin(const BlockFile& object) {
  losses_ = object.losses();
  position_ = 0;
  hasher_ = expected_ ? Hasher::create(expected_->algorithm) : std::nullopt;
  begun_ = true;
}

bool Proof::advance(BlockFile& object, std::uint64_t bytes) {
  if (!begun_ || losses_ != object.losses()) begin(object);
  buffer_.resize(kBuffer);
  const std::uint64_t end = std::min(object.size(), position_ + bytes);
  while (position_ < end) {
    std::uint64_t length = std::min<std::uint64_t>(buffer_.size(), end - position_);
    if (const auto hole = object.missing(position_, length)) {
      if (hole->offset <= position_) return false;
      length = hole->offset - position_;
    }
    const auto part = std::span(buffer_).first(length);
    bool damaged = false;
    if (object.read(position_, part, damaged) != length) return false;
    if (hasher_) hasher_->update(part);
    position_ += length;
  }
  return position_ < object.size();
}

Seal Proof::finish(BlockFile& object, const std::stop_token& stop) {
  while (!stop.stop_requested() && advance(object, kBuffer)) continue;
  buffer_ = {};
  if (position_ < object.size() || losses_ != object.losses()) return Seal::kIncomplete;
  begun_ = false;  // the hasher has ended
  if (!hasher_ || hasher_->finish() == *expected_) return Seal::kSealed;
  return Seal::kMismatch;
}

}  // namespace glancefs::cache
