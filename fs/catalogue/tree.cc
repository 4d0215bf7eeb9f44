#include "fs/catalogue/tree.h"

#include <algorithm>
#include <unordered_set>

#include "fs/catalogue/names.h"

namespace glancefs::fs {

namespace {

// No listing takes as long: 100,000 images are listed within a minute.
constexpr std::chrono::hours kLongestListing{1};

// The file name that an image would like to have.
std::string key_of(const client::Image& image) {
  return !image.name || image.name->empty() ? image.id : escape_name(*image.name);
}

bool is_short_alias(std::string_view name) {
  const auto id = alias_id(name);
  return id && !client::is_uuid(*id);
}

// Whether it may make a difference to who of several has their common name.
bool other_rank(const Node& before, const Node& now) {
  return before.ours != now.ours || (before.upload != nullptr) != (now.upload != nullptr) ||
         before.behind != now.behind || before.image->created != now.image->created ||
         before.image->owner != now.image->owner;
}

// Whether stat(2) may show a difference.
bool other_attributes(const Node& before, const Node& now) {
  const client::Image& a = *before.image;
  const client::Image& b = *now.image;
  return before.ours != now.ours || before.upload != now.upload || a.status != b.status ||
         a.size != b.size || a.is_protected != b.is_protected || a.created != b.created ||
         a.updated != b.updated;
}

// Whether a listing that was begun then knows better than the item.
bool is_older(const TreeItem& item, std::chrono::steady_clock::time_point begun) {
  return item.touched < begun && !item.node.upload;
}

std::optional<Node> node_of(const TreeItem* item) {
  return item != nullptr ? std::optional(item->node) : std::nullopt;
}

// Whether hidden images are kept there: nobody remembers its listing.
bool is_unlisted(const Directories& places, NodeId directory) {
  return places.known_as(directory) != directory && places.resolve(kRootNode) != directory;
}

// By the numbers that they have in the mount.
void tell_of_directories(const Directories& places, TreeChanges& changes) {
  for (NodeId& directory : changes.directories) directory = places.known_as(directory);
  for (NameChange& name : changes.names) name.directory = places.known_as(name.directory);
  const auto unique = [](auto& list) {
    std::ranges::sort(list);
    list.erase(std::unique(list.begin(), list.end()), list.end());
  };
  unique(changes.directories);
  unique(changes.names);
}

}  // namespace

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

const TreeItem* Tree::item(NodeId id) const {
  const auto found = items_.find(id);
  return found == items_.end() ? nullptr : &found->second;
}

void Tree::watch(std::shared_ptr<Watcher> watcher) {
  Lock lock(mutex_);
  watcher_.swap(watcher);
}

template <typename Change>
void Tree::change(Change&& change) {
  std::shared_ptr<Watcher> watcher;
  TreeChanges changes;
  {
    Lock lock(mutex_);
    watcher = watcher_;
    ChangeRecorder recorder(directories_, watcher != nullptr);
    change(recorder);
    changes = recorder.finish();
  }
  if (!watcher || changes.empty()) return;
  tell_of_directories(places_, changes);
  watcher->changed(std::move(changes));
}

void Tree::replace(const std::vector<client::ImagePtr>& images, Time begun) {
  change([&](ChangeRecorder& changes) REQUIRES(mutex_) {
    const std::uint64_t sweep = ++sweeps_;
    for (const client::ImagePtr& image : images) {
      TreeItem* item = places_.admits(*image) ? listed(image, begun, changes) : nullptr;
      if (item != nullptr) item->sweep = sweep;
    }
    const auto is_gone = [&](const TreeItem& known) {
      return known.sweep != sweep && is_older(known, begun) &&
             !places_.is_offered(*known.node.image);
    };
    std::vector<NodeId> gone;
    for (const auto& [id, known] : items_) {
      if (is_gone(known)) gone.push_back(id);
    }
    for (const NodeId id : gone) remove(id, changes);
    std::erase_if(taken_out_,
                  [&](const auto& entry) { return entry.second < begun - kLongestListing; });
  });
}

void Tree::merge(const std::vector<client::ImagePtr>& images, Time begun) {
  change([&](ChangeRecorder& changes) REQUIRES(mutex_) {
    for (const client::ImagePtr& image : images) {
      if (places_.admits(*image)) {
        listed(image, begun, changes);
        continue;
      }
      const NodeId id = number(image->id);
      const TreeItem* known = item(id);
      if (known != nullptr && is_older(*known, begun)) remove(id, changes);
    }
  });
}

void Tree::offer(const std::vector<client::ImagePtr>& images, Time begun) {
  change([&](ChangeRecorder& changes) REQUIRES(mutex_) {
    const auto is_known_better = [&](NodeId id) REQUIRES(mutex_) {
      const TreeItem* known = item(id);
      return known != nullptr ? known->touched >= begun : is_taken_out_since(id, begun);
    };
    std::unordered_set<std::string_view> now;
    for (const client::ImagePtr& image : images) {
      Node node;
      node.id = number(image->id);
      node.image = image;
      node.confirmed = begun;
      if (is_known_better(node.id)) continue;
      now.insert(image->id);
      places_.set_offered(image->id, true);
      set(std::move(node), changes);
    }
    for (const std::string& id : places_.offers()) {
      if (now.contains(id) || is_known_better(number(id))) continue;
      places_.set_offered(id, false);
      remove(number(id), changes);
    }
  });
}

void Tree::answered(client::ImagePtr image, bool pending) {
  {
    Lock lock(mutex_);
    places_.set_offered(image->id, pending);
  }
  put(std::move(image));
}

void Tree::put(client::ImagePtr image, std::shared_ptr<Upload> upload) {
  change([&](ChangeRecorder& changes) REQUIRES(mutex_) {
    const Time now = std::chrono::steady_clock::now();
    Node node;
    node.id = number(image->id);
    if (!upload && !places_.admits(*image)) return take_out(node.id, changes);
    node.image = std::move(image);
    node.upload = std::move(upload);
    node.confirmed = now;
    set(std::move(node), changes).touched = now;
  });
}

void Tree::set_behind(std::string_view id, bool behind) {
  change([&](ChangeRecorder& changes) REQUIRES(mutex_) {
    const auto found = items_.find(number(id));
    if (found == items_.end() || !found->second.node.upload) return;
    TreeItem& item = found->second;
    if (item.node.behind == behind || item.group == nullptr) return;
    rank_changes(item, changes);
    item.node.behind = behind;
  });
}

void Tree::erase(std::string_view id) {
  change([&](ChangeRecorder& changes) REQUIRES(mutex_) {
    places_.set_offered(std::string(id), false);
    take_out(number(id), changes);
  });
}

client::ImagePtr Tree::shared(client::ImagePtr image) const {
  Lock lock(mutex_);
  const TreeItem* known = item(number(image->id));
  if (known != nullptr && *known->node.image == *image) return known->node.image;
  return image;
}

TreeItem* Tree::listed(const client::ImagePtr& image, Time begun, ChangeRecorder& changes) {
  const NodeId id = number(image->id);
  const auto known = items_.find(id);
  if (known != items_.end() && !is_older(known->second, begun)) return &known->second;
  if (is_taken_out_since(id, begun)) return nullptr;
  places_.set_offered(image->id, false);  // it would not be listed
  Node node;
  node.id = id;
  node.image = image;
  node.confirmed = begun;
  return &set(std::move(node), changes);
}

bool Tree::is_taken_out_since(NodeId id, Time begun) const {
  const auto found = taken_out_.find(id);
  return found != taken_out_.end() && found->second >= begun;
}

TreeItem& Tree::set(Node node, ChangeRecorder& changes) {
  node.ours = places_.is_ours(*node.image);
  const NodeId directory = places_.place(*node.image, node.upload != nullptr);
  TreeItem& item = items_[node.id];
  node.behind = item.node.behind && node.upload != nullptr;
  const bool is_new = item.node.id == 0;
  if (is_new) {
    changes.exists_changed(node.image->id);
    mark_changed(kByIdNode);
  } else if (item.node.image == node.image && item.node.upload == node.upload &&
             item.directory == directory) {
    item.node.confirmed = node.confirmed;
    return item;
  } else {
    if (other_attributes(item.node, node)) changes.attributes_changed(node.id);
    sums_.remove(item.node);
  }
  sums_.add(node);
  std::string key = key_of(*node.image);
  if (item.directory == directory && (item.group == nullptr || *item.group->key == key)) {
    if (item.group != nullptr && other_rank(item.node, node)) rank_changes(item, changes);
    item.node = std::move(node);
    return item;
  }
  // The new place first: a directory that its only image does not leave is not to go in between.
  const NodeId former = item.directory;
  places_.enter(directory, *node.image);
  leave(item, directory, changes);
  item.node = std::move(node);
  join(item, directory, std::move(key), changes);
  places_.leave(former);
  return item;
}

void Tree::rank_changes(TreeItem& item, ChangeRecorder& changes) {
  const bool listed = !is_unlisted(places_, item.directory);
  if (listed) changes.leaves_or_changes(item);
  NameIndex::rank_changed(item);
  if (listed) mark_changed(item.directory);
}

void Tree::remove(NodeId id, ChangeRecorder& changes) {
  const auto found = items_.find(id);
  if (found == items_.end()) return;
  TreeItem& item = found->second;
  leave(item, 0, changes);
  places_.leave(item.directory);
  changes.exists_changed(item.node.image->id);
  changes.attributes_changed(id);
  mark_changed(kByIdNode);
  sums_.remove(item.node);
  items_.erase(found);
}

void Tree::take_out(NodeId id, ChangeRecorder& changes) {
  taken_out_[id] = std::chrono::steady_clock::now();
  remove(id, changes);
}

void Tree::join(TreeItem& item, NodeId directory, std::string key, ChangeRecorder& changes) {
  item.directory = directory;
  if (directory == 0) return;
  const bool listed = !is_unlisted(places_, directory);
  // The digits that were another's alone are so no more.
  const std::string alias = alias_name(key, item.node.image->id);
  if (!meant_by(listed ? directory : unlisted(directory), alias).empty()) {
    changes.way_ends(directory, alias);
  }
  if (listed) changes.joins(directory, key, item);
  directories_[directory].add(item, std::move(key));
  if (listed) mark_changed(directory);
}

void Tree::leave(TreeItem& item, NodeId next, ChangeRecorder& changes) {
  if (item.group == nullptr) return;
  const bool listed = !is_unlisted(places_, item.directory);
  if (listed) changes.leaves_or_changes(item);
  changes.ways_end(item, item.directory != next);
  directories_[item.directory].remove(item);
  if (listed) mark_changed(item.directory);
}

// A clock that stands still or goes back must not give a time twice: the kernel takes a listing for
// the present one while the time is the same.
void Tree::mark_changed(NodeId directory) {
  const FileTime now = std::chrono::system_clock::now();
  last_change_ = std::max(now, last_change_ + std::chrono::nanoseconds(1));
  changed_[directory] = last_change_;
}

std::optional<Node> Tree::find(NodeId directory, std::string_view name) const {
  Lock lock(mutex_);
  if (directory == kByIdNode) {
    return node_of(client::is_uuid(name) ? item(number(name)) : nullptr);
  }
  // A name that only an id can have leads to a hidden image, too.
  if (is_short_alias(name)) return node_of(by_alias(directory, name));
  std::optional<Node> listed = find_in(directory, name);
  if (listed || (!client::is_uuid(name) && !alias_id(name))) return listed;
  return find_in(unlisted(directory), name);
}

std::optional<Node> Tree::find_in(NodeId directory, std::string_view name) const {
  const auto index = directories_.find(directory);
  if (index == directories_.end()) return std::nullopt;
  if (const TreeItem* plain = index->second.plain(name)) {
    Node node = plain->node;
    node.contested = NameIndex::is_contested(*plain->group);
    return node;
  }
  return node_of(by_its_id(directory, name));
}

// A UUID and "NAME~UUID" always lead to the image, whether or not it is listed so.
const TreeItem* Tree::by_its_id(NodeId directory, std::string_view name) const {
  const bool plain = client::is_uuid(name);
  const auto id = plain ? std::string(name) : alias_id(name);
  if (!id || !client::is_uuid(*id)) return nullptr;
  const TreeItem* found = item(number(*id));
  if (found == nullptr || found->directory != directory || found->node.image->id != *id) {
    return nullptr;
  }
  return plain || long_alias_name(*found->group->key, *id) == name ? found : nullptr;
}

std::vector<const TreeItem*> Tree::meant_by(NodeId directory, std::string_view alias) const {
  std::vector<const TreeItem*> found;
  for (const NodeId place : {directory, unlisted(directory)}) {
    const auto index = directories_.find(place);
    if (index != directories_.end()) index->second.add_by_alias(alias, found);
  }
  return found;
}

// "NAME~<eight digits>" leads to the image, whether or not it is listed so. Strangers choose their
// images' ids: digits that are not unique lead nowhere, but to the one that is listed so.
const TreeItem* Tree::by_alias(NodeId directory, std::string_view alias) const {
  const std::vector<const TreeItem*> found = meant_by(directory, alias);
  if (found.empty()) return nullptr;
  const TreeItem* first = found.front();
  if (found.size() == 1) return first;
  const bool alone = first->directory == directory && found[1]->directory != directory;
  return alone && directories_[directory].name_of(*first) == alias ? first : nullptr;
}

std::optional<Node> Tree::node(NodeId id) const {
  Lock lock(mutex_);
  return node_of(item(id));
}

std::optional<Node> Tree::by_id(std::string_view id) const {
  Lock lock(mutex_);
  return node_of(item(number(id)));
}

std::vector<DirectoryEntry> Tree::list(NodeId directory) const {
  Lock lock(mutex_);
  std::vector<DirectoryEntry> entries;
  if (directory == kByIdNode) {
    entries.reserve(items_.size());
    for (const auto& [id, item] : items_) {
      entries.push_back({.name = item.node.image->id, .node = id, .image = true});
    }
    return entries;
  }
  const auto found = directories_.find(directory);
  if (found == directories_.end()) return entries;
  NameIndex& index = found->second;
  entries.reserve(index.size());
  index.for_each([&](const TreeItem& item) {
    entries.push_back({.name = index.name_of(item), .node = item.node.id, .image = true});
  });
  return entries;
}

std::optional<FileTime> Tree::changed(NodeId directory) const {
  Lock lock(mutex_);
  const auto found = changed_.find(directory);
  return found == changed_.end() ? std::nullopt : std::optional(found->second);
}

Tree::Totals Tree::totals() const {
  Lock lock(mutex_);
  return sums_.totals();
}

std::string Tree::common_hash_algorithm() const {
  Lock lock(mutex_);
  return sums_.common_hash_algorithm();
}

std::vector<client::ImagePtr> Tree::touched_since(Time since) const {
  Lock lock(mutex_);
  std::vector<client::ImagePtr> found;
  for (const auto& [id, item] : items_) {
    const bool listed = !item.node.upload && !places_.is_offered(*item.node.image);
    if (listed && item.touched >= since) found.push_back(item.node.image);
  }
  return found;
}

}  // namespace glancefs::fs
