#include "fs/tree.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <tuple>

#include "cache/digest.h"
#include "fs/names.h"

namespace glancefs::fs {

NodeId directory_of(client::Visibility visibility) {
  switch (visibility) {
    case client::Visibility::kPublic:
      return kPublicNode;
    case client::Visibility::kPrivate:
      return kPrivateNode;
    case client::Visibility::kShared:
      return kSharedNode;
    case client::Visibility::kCommunity:
      return kCommunityNode;
  }
  return kPrivateNode;
}

std::optional<client::Visibility> visibility_of_directory(NodeId directory) {
  switch (directory) {
    case kPublicNode:
      return client::Visibility::kPublic;
    case kPrivateNode:
      return client::Visibility::kPrivate;
    case kSharedNode:
      return client::Visibility::kShared;
    case kCommunityNode:
      return client::Visibility::kCommunity;
    default:
      return std::nullopt;
  }
}

NodeId node_of_image(std::string_view id) {
  auto hasher = cache::Hasher::create("sha256");
  hasher.value().update(std::as_bytes(std::span(id)));
  const std::string hex = hasher->finish().hex;
  NodeId number = 0;
  std::from_chars(hex.data(), hex.data() + 16, number, 16);
  return number < kFirstImageNode ? number + kFirstImageNode : number;
}

bool Tree::is_ours(const client::Image& image) const {
  return config_.project_id.empty() || image.owner == config_.project_id;
}

// 0: in no directory. What is being written is where its program put it. An administrator's listing
// holds every project's images; those that only their own projects should see are left out, for
// they would look like ours.
NodeId Tree::place(const client::Image& image, bool being_written) const {
  if (image.hidden && !config_.show_hidden && !being_written) return 0;
  const bool restricted = image.visibility == client::Visibility::kPrivate ||
                          image.visibility == client::Visibility::kShared;
  if (restricted && config_.is_admin && !is_ours(image)) return 0;
  return directory_of(image.visibility);
}

// Two UUIDs with one number do not happen by chance or by effort; should it be, the later one gets
// the next free number rather than the other's bytes.
NodeId Tree::number(std::string_view id) const {
  NodeId candidate = node_of_image(id);
  for (auto found = items_.find(candidate);
       found != items_.end() && found->second.node.image->id != id;
       found = items_.find(candidate)) {
    ++candidate;
  }
  return candidate;
}

const Tree::Item* Tree::item(NodeId id) const {
  const auto found = items_.find(id);
  return found == items_.end() ? nullptr : &found->second;
}

void Tree::replace(const std::vector<client::ImagePtr>& images, Time begun) {
  Lock lock(mutex_);
  const std::uint64_t sweep = ++sweeps_;
  for (const client::ImagePtr& image : images) {
    const NodeId id = number(image->id);
    const Item* known = item(id);
    if (known == nullptr || (known->touched < begun && !known->node.upload)) {
      set(image, nullptr, begun);
    }
    items_[id].sweep = sweep;
  }
  std::vector<NodeId> gone;
  for (const auto& [id, known] : items_) {
    if (known.sweep != sweep && known.touched < begun && !known.node.upload) gone.push_back(id);
  }
  for (const NodeId id : gone) remove(id);
}

void Tree::merge(const std::vector<client::ImagePtr>& images, Time begun) {
  Lock lock(mutex_);
  for (const client::ImagePtr& image : images) {
    const Item* known = item(number(image->id));
    if (known == nullptr || (known->touched < begun && !known->node.upload)) {
      set(image, nullptr, begun);
    }
  }
}

void Tree::put(client::ImagePtr image, std::shared_ptr<Upload> upload) {
  Lock lock(mutex_);
  const Time now = std::chrono::steady_clock::now();
  const NodeId id = number(image->id);
  set(std::move(image), std::move(upload), now);
  items_[id].touched = now;
}

void Tree::erase(std::string_view id) {
  Lock lock(mutex_);
  remove(number(id));
}

void Tree::set(client::ImagePtr image, std::shared_ptr<Upload> upload, Time now) {
  const NodeId id = number(image->id);
  Item& item = items_[id];
  const bool is_new = item.node.id == 0;
  const NodeId directory = place(*image, upload != nullptr);
  const bool nameless = !image->name || image->name->empty();
  std::string key = nameless ? image->id : escape_name(*image->name);
  if (!is_new && (item.directory != directory || item.key != key)) unlink(item);
  if (directory != 0 && (is_new || item.directory != directory || item.key != key)) {
    directories_[directory][key].push_back(id);
  }
  item.directory = directory;
  item.key = std::move(key);
  item.node.id = id;
  item.node.ours = is_ours(*image);
  item.node.image = std::move(image);
  item.node.upload = std::move(upload);
  item.node.confirmed = now;
}

void Tree::remove(NodeId id) {
  const auto found = items_.find(id);
  if (found == items_.end()) return;
  unlink(found->second);
  items_.erase(found);
}

void Tree::unlink(const Item& item) {
  if (item.directory == 0) return;
  Groups& groups = directories_[item.directory];
  const auto group = groups.find(item.key);
  if (group == groups.end()) return;
  std::erase(group->second, item.node.id);
  if (group->second.empty()) groups.erase(group);
}

// Ours win over strangers', and the newest over the older. Where only strangers meet, nobody gets
// the plain name unless all are of one owner: a look-alike must not take over a trusted path.
NodeId Tree::winner(const Group& group) const {
  const Item* best = nullptr;
  bool several_owners = false;
  for (const NodeId id : group) {
    const Item& candidate = items_.at(id);
    if (best == nullptr) {
      best = &candidate;
      continue;
    }
    const auto rank = [](const Item& item) {
      return std::tuple(item.node.ours, item.node.upload != nullptr, item.node.image->created,
                        std::string_view(item.node.image->id));
    };
    if (candidate.node.image->owner != best->node.image->owner) several_owners = true;
    if (rank(candidate) > rank(*best)) best = &candidate;
  }
  if (best == nullptr || best->key.size() > kNameMax) return 0;
  return several_owners && !best->node.ours ? 0 : best->node.id;
}

std::string Tree::name_in(const Group& group, const Item& item) const {
  if (winner(group) == item.node.id) return item.key;
  const std::string& id = item.node.image->id;
  if (item.key == id) return id;
  const std::string alias = alias_name(item.key, id);
  bool unique = true;
  for (const NodeId other : group) {
    const Item& rival = items_.at(other);
    if (&rival != &item && rival.node.image->id.starts_with(id.substr(0, 8))) unique = false;
  }
  return unique ? alias : long_alias_name(item.key, id);
}

std::optional<Node> Tree::find(NodeId directory, std::string_view name) const {
  Lock lock(mutex_);
  if (directory == kByIdNode) {
    const Item* found = item(number(name));
    return found != nullptr ? std::optional(found->node) : std::nullopt;
  }
  const auto groups = directories_.find(directory);
  if (groups == directories_.end()) return std::nullopt;
  const auto group = groups->second.find(std::string(name));
  if (group != groups->second.end()) {
    const NodeId id = winner(group->second);
    if (id != 0) return items_.at(id).node;
  }
  if (client::is_uuid(name)) {
    const Item* found = item(number(name));
    if (found != nullptr && found->directory == directory) return found->node;
    return std::nullopt;
  }
  return find_alias(groups->second, name);
}

// "NAME~<digits>" always leads to the image, whether or not it is listed so.
std::optional<Node> Tree::find_alias(const Groups& groups, std::string_view name) const {
  const auto digits = alias_id(name);
  if (!digits) return std::nullopt;
  const Item* found = nullptr;
  for (const auto& [key, group] : groups) {
    // An alias shares the beginning of the key, unless the name was cut to make room.
    if (!name.starts_with(std::string_view(key).substr(0, std::min(key.size(), name.size() / 2)))) {
      continue;
    }
    for (const NodeId id : group) {
      const Item& candidate = items_.at(id);
      const std::string& image_id = candidate.node.image->id;
      if (!image_id.starts_with(*digits)) continue;
      if (name != alias_name(key, image_id) && name != long_alias_name(key, image_id)) continue;
      // Strangers choose their images' ids: eight digits that are not unique lead nowhere.
      if (found != nullptr) return std::nullopt;
      found = &candidate;
    }
  }
  return found != nullptr ? std::optional(found->node) : std::nullopt;
}

std::optional<Node> Tree::node(NodeId id) const {
  Lock lock(mutex_);
  const Item* found = item(id);
  return found != nullptr ? std::optional(found->node) : std::nullopt;
}

std::optional<Node> Tree::by_id(std::string_view id) const {
  Lock lock(mutex_);
  const Item* found = item(number(id));
  return found != nullptr ? std::optional(found->node) : std::nullopt;
}

std::vector<DirectoryEntry> Tree::list(NodeId directory) const {
  Lock lock(mutex_);
  std::vector<DirectoryEntry> entries;
  if (directory == kByIdNode) {
    entries.reserve(items_.size());
    for (const auto& [id, item] : items_) {
      entries.push_back({.name = item.node.image->id, .node = id});
    }
    return entries;
  }
  const auto groups = directories_.find(directory);
  if (groups == directories_.end()) return entries;
  entries.reserve(groups->second.size());
  for (const auto& [key, group] : groups->second) {
    for (const NodeId id : group) {
      entries.push_back({.name = name_in(group, items_.at(id)), .node = id});
    }
  }
  return entries;
}

Tree::Totals Tree::totals() const {
  Lock lock(mutex_);
  Totals totals;
  for (const auto& [id, item] : items_) {
    ++totals.images;
    if (!item.node.ours) continue;
    ++totals.own_images;
    totals.own_bytes += item.node.image->size.value_or(0);
  }
  return totals;
}

std::string Tree::common_hash_algorithm() const {
  Lock lock(mutex_);
  std::map<std::string_view, std::size_t> votes;
  std::string_view best = "sha512";
  for (const auto& [id, item] : items_) {
    const std::string& algorithm = item.node.image->hash_algorithm;
    if (!algorithm.empty() && ++votes[algorithm] > votes[best]) best = algorithm;
  }
  return std::string(best);
}

std::optional<std::chrono::sys_seconds> Tree::newest_update() const {
  Lock lock(mutex_);
  std::optional<std::chrono::sys_seconds> newest;
  for (const auto& [id, item] : items_) {
    if (!newest || item.node.image->updated > *newest) newest = item.node.image->updated;
  }
  return newest;
}

}  // namespace glancefs::fs
