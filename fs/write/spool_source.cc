#include "fs/write/spool_source.h"

#include <algorithm>
#include <vector>

namespace glancefs::fs {

SpoolSource::SpoolSource(Upload& upload, std::string algorithm, RateLimit& limit,
                         std::stop_token stop)
    : upload_(upload),
      algorithm_(std::move(algorithm)),
      limit_(limit),
      stop_(std::move(stop)),
      size_(upload.spool().size()),
      hasher_(cache::Hasher::create(algorithm_)) {}

std::size_t SpoolSource::read(std::span<std::byte> into) {
  if (position_ == 0) upload_.sending().begin();
  // The kernel may make the file longer meanwhile; what was promised is size_.
  into = into.first(std::min<std::uint64_t>({into.size(), size_ - position_, limit_.portion()}));
  limit_.spend(into.size(), stop_);
  const std::size_t done = upload_.spool().read(position_, into);
  if (hasher_) hasher_->update(into.first(done));
  position_ += done;
  upload_.sending().set_sent(position_);
  if (position_ == size_ && hasher_) {
    digest_ = hasher_->finish();
    hasher_.reset();
  }
  return done;
}

void SpoolSource::restart() {
  position_ = 0;
  hasher_ = cache::Hasher::create(algorithm_);
}

std::optional<cache::Digest> SpoolSource::digest(const std::string& algorithm) {
  if (digest_ && digest_->algorithm == algorithm) return digest_;
  auto hasher = cache::Hasher::create(algorithm);
  if (!hasher) return std::nullopt;
  std::vector<std::byte> buffer(256UL * 1024);
  std::uint64_t offset = 0;
  while (offset < size_) {
    const auto part =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size_ - offset));
    const std::size_t done = upload_.spool().read(offset, part);
    if (done == 0) break;
    hasher->update(part.first(done));
    offset += done;
  }
  digest_ = hasher->finish();
  return digest_;
}

}  // namespace glancefs::fs
