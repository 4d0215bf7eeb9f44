// The local bytes of one image: what the cache keeps, and in memory what it cannot keep.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "cache/store.h"
#include "client/images.h"

namespace glancefs::fs {

/// Under which key the cache keeps `image`: promised by `endpoint`, proven by Glance's hash, or by
/// its MD5 where there is no other.
cache::Key cache_key(const std::string& endpoint, const client::Image& image);

/// An entry of the cache with an entry of a small store in memory beside it, so that a full, broken
/// or absent cache never is the reason why a read fails. Thread-safe, as its parts are.
class Blocks {
 public:
  /// `kept` may be null: there is no cache. `spare` may not.
  Blocks(cache::EntryPtr kept, cache::EntryPtr spare)
      : kept_(std::move(kept)),
        spare_(std::move(spare)) {}

  std::uint64_t size() const noexcept { return spare_->key().size; }
  /// As the methods of cache::Entry of these names.
  std::optional<cache::Extent> missing(std::uint64_t offset, std::uint64_t length) const;
  std::size_t read(std::uint64_t offset, std::span<std::byte> into);
  /// True: it will still be there later. False: in memory for a while only.
  bool write(std::uint64_t offset, std::span<const std::byte> bytes);
  std::uint64_t present() const noexcept { return kept_ ? kept_->present() : 0; }
  bool complete() const noexcept { return kept_ && kept_->complete(); }
  bool sealed() const noexcept { return kept_ && kept_->sealed(); }
  void prepare_seal(const std::stop_token& stop) {
    if (kept_) kept_->prepare_seal(stop);
  }
  std::shared_ptr<const Fd> file() const { return kept_ ? kept_->file() : nullptr; }
  /// REQUIRES complete().
  cache::Seal seal(std::stop_token stop, const std::function<void()>& proven) {
    return kept_->seal(std::move(stop), proven);
  }

 private:
  const cache::EntryPtr kept_, spare_;
};

}  // namespace glancefs::fs
