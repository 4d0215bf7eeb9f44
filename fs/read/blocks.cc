#include "fs/read/blocks.h"

namespace glancefs::fs {

cache::Key cache_key(const std::string& endpoint, const client::Image& image) {
  cache::Key key{
      .source = endpoint + "/" + image.id, .size = image.size.value_or(0), .content = {}};
  if (!image.hash.empty()) {
    key.content = cache::Digest{.algorithm = image.hash_algorithm, .hex = image.hash};
  } else if (!image.checksum.empty()) {
    key.content = cache::Digest{.algorithm = "md5", .hex = image.checksum};
  }
  return key;
}

std::optional<cache::Extent> Blocks::missing(std::uint64_t offset, std::uint64_t length) const {
  if (!kept_) return spare_->missing(offset, length);
  const std::uint64_t end = offset + length;
  while (offset < end) {
    const auto hole = kept_->missing(offset, end - offset);
    if (!hole) return std::nullopt;
    const auto in_both = spare_->missing(hole->offset, hole->length);
    if (in_both) return in_both;
    offset = hole->offset + hole->length;
  }
  return std::nullopt;
}

std::size_t Blocks::read(std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const std::size_t from_kept = kept_ ? kept_->read(offset + done, into.subspan(done)) : 0;
    done += from_kept;
    if (done == into.size()) break;
    const std::size_t from_spare = spare_->read(offset + done, into.subspan(done));
    done += from_spare;
    if (from_kept + from_spare == 0) break;
  }
  return done;
}

bool Blocks::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (kept_ && kept_->write(offset, bytes)) return true;
  spare_->write(offset, bytes);
  return false;
}

}  // namespace glancefs::fs
