#include "fs/catalogue/tree_sums.h"

#include <string_view>
#include <utility>

namespace glancefs::fs {

void TreeSums::add(const Node& node) {
  const client::Image& image = *node.image;
  ++totals_.images;
  if (node.ours) {
    ++totals_.own_images;
    totals_.own_bytes += image.size.value_or(0);
  }
  if (!image.hash_algorithm.empty()) ++algorithms_[image.hash_algorithm];
}

void TreeSums::remove(const Node& node) {
  const client::Image& image = *node.image;
  --totals_.images;
  if (node.ours) {
    --totals_.own_images;
    totals_.own_bytes -= image.size.value_or(0);
  }
  const auto votes = algorithms_.find(image.hash_algorithm);
  if (votes != algorithms_.end() && --votes->second == 0) algorithms_.erase(votes);
}

std::string TreeSums::common_hash_algorithm() const {
  std::pair<std::uint64_t, std::string_view> best{0, "sha512"};
  for (const auto& [algorithm, votes] : algorithms_) {
    if (votes > best.first) best = {votes, algorithm};
  }
  return std::string(best.second);
}

}  // namespace glancefs::fs
