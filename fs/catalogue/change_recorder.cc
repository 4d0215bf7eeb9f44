#include "fs/catalogue/change_recorder.h"

#include "fs/catalogue/names.h"
#include "fs/catalogue/tree.h"

namespace glancefs::fs {
namespace {

// Telling the kernel one name takes it a microsecond or two; from here on it is cheaper to have it
// ask again for those that are used.
constexpr std::size_t kMostChanges = 10'000;

}  // namespace

ChangeRecorder::Names ChangeRecorder::names_now(NodeId directory, const std::string& key) {
  Names names;
  const auto index = indexes_.find(directory);
  if (index == indexes_.end()) return names;
  const NameGroup* group = index->second.group(key);
  if (group == nullptr) return names;
  for (const TreeItem* item = group->first; item != nullptr; item = item->next) {
    names.emplace(index->second.name_of(*item), item->node.id);
  }
  return names;
}

void ChangeRecorder::remember(NodeId directory, const std::string& key) {
  if (!recording() || before_.contains({directory, key})) return;
  Names names = names_now(directory, key);
  before_.emplace(std::pair(directory, key), std::move(names));
  bound();
}

void ChangeRecorder::joins(NodeId directory, const std::string& key, const TreeItem& item) {
  if (!watched_) return;
  directories_.insert(directory);
  remember(directory, key);
  const auto index = indexes_.find(directory);
  if (index == indexes_.end()) return;
  const TreeItem* other = index->second.only_namesake(item);
  if (other != nullptr) remember(directory, *other->group->key);
}

void ChangeRecorder::leaves_or_changes(const TreeItem& item) {
  if (item.group != nullptr) joins(item.directory, *item.group->key, item);
}

void ChangeRecorder::ways_end(const TreeItem& item, bool directory_too) {
  if (!recording() || item.group == nullptr) return;
  const std::string& id = item.node.image->id;
  const std::string& key = *item.group->key;
  add_name(item.directory, alias_name(key, id));
  add_name(item.directory, long_alias_name(key, id));
  if (directory_too) add_name(item.directory, id);
}

void ChangeRecorder::way_ends(NodeId directory, std::string alias) {
  add_name(directory, std::move(alias));
}

void ChangeRecorder::exists_changed(const std::string& id) {
  if (!watched_) return;
  directories_.insert(kByIdNode);
  add_name(kByIdNode, id);
}

void ChangeRecorder::attributes_changed(NodeId node) {
  if (!recording()) return;
  nodes_.insert(node);
  bound();
}

void ChangeRecorder::add_name(NodeId directory, std::string name) {
  if (!recording()) return;
  names_.insert({.directory = directory, .name = std::move(name)});
  bound();
}

void ChangeRecorder::bound() {
  if (before_.size() + names_.size() + nodes_.size() <= kMostChanges) return;
  everything_ = true;
  before_.clear();
  names_.clear();
  nodes_.clear();
}

void ChangeRecorder::compare(NodeId directory, const Names& before, const Names& now) {
  bool listing = false;
  for (const auto& [name, node] : before) {
    const auto found = now.find(name);
    if (found != now.end() && found->second == node) continue;
    names_.insert({.directory = directory, .name = name});
    listing = true;
  }
  for (const auto& [name, node] : now) {
    if (before.contains(name)) continue;
    names_.insert({.directory = directory, .name = name});
    listing = true;
  }
  if (listing) directories_.insert(directory);
}

TreeChanges ChangeRecorder::finish() {
  TreeChanges changes{.everything = everything_, .directories = {}, .names = {}, .nodes = {}};
  if (!everything_) {
    // Directories of images stand in here as soon as one of their names may change; what counts is
    // whether one did.
    std::erase_if(directories_, [](NodeId directory) { return directory != kByIdNode; });
    for (const auto& [group, names] : before_) {
      compare(group.first, names, names_now(group.first, group.second));
    }
  }
  changes.directories.assign(directories_.begin(), directories_.end());
  changes.names.assign(names_.begin(), names_.end());
  changes.nodes.assign(nodes_.begin(), nodes_.end());
  return changes;
}

}  // namespace glancefs::fs
