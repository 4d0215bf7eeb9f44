#include "fs/fuse/listings.h"

#include <algorithm>
#include <utility>

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kDots = 2;                    // offsets of "." and ".."
constexpr std::uint64_t kLowBits = (1ULL << 62) - 1;  // offsets are signed

std::uint64_t offset_of(NodeId node) noexcept { return (node & kLowBits) + kDots; }

}  // namespace

Listing::Listing(std::vector<DirectoryEntry> entries, std::optional<FileTime> changed)
    : changed_(changed) {
  records_.reserve(entries.size());
  for (DirectoryEntry& entry : entries) {
    const std::uint64_t offset = offset_of(entry.node);
    records_.push_back({.entry = std::move(entry), .offset = offset});
  }
  std::ranges::sort(records_, {}, [](const Record& record) {
    return std::pair(record.offset, record.entry.node);
  });
  // Nodes that are alike but for the highest bits: somebody has made them so.
  std::uint64_t last = kDots;
  for (Record& record : records_) last = record.offset = std::max(record.offset, last + 1);
}

Listing::Place Listing::after(std::uint64_t offset) const noexcept {
  return std::ranges::upper_bound(records_, offset, {}, &Record::offset);
}

std::shared_ptr<const Listing> Listings::take(const Filesystem& files, NodeId directory) {
  // Before the listing: should it change between the two, the listing counts as older than it is.
  const std::optional<FileTime> changed = files.listing_changed(directory);
  if (!changed) return std::make_shared<const Listing>(files.list(directory), changed);
  {
    Lock lock(mutex_);
    auto listing = shared_[directory].lock();
    if (listing && listing->changed() == changed) return listing;
  }
  auto listing = std::make_shared<const Listing>(files.list(directory), changed);
  Lock lock(mutex_);
  shared_[directory] = listing;
  return listing;
}

void Listings::given(NodeId directory, bool from_start, bool names_only) {
  Lock lock(mutex_);
  bool& known = names_only_[directory];
  known = names_only || (known && !from_start);
  if (names_only) some_names_only_ = true;
}

void Listings::names_forgotten() noexcept {
  Lock lock(mutex_);
  for (auto& [directory, names_only] : names_only_) names_only = true;
  some_names_only_ = !names_only_.empty();
}

bool Listings::asks_one_by_one(NodeId directory) noexcept {
  if (!some_names_only_) return false;
  Lock lock(mutex_);
  const auto found = names_only_.find(directory);
  const bool result = found != names_only_.end() && found->second;
  if (result) names_only_.erase(found);
  some_names_only_ = std::ranges::any_of(names_only_, [](const auto& kept) { return kept.second; });
  return result;
}

}  // namespace glancefs::fs
