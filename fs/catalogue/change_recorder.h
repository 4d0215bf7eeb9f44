// Finds out what a change of the tree means to those who remember names.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "fs/catalogue/name_index.h"
#include "fs/catalogue/watcher.h"

namespace glancefs::fs {

/// Compares the names that a change may alter before and after. For one change, which may be a
/// whole listing; used under the tree's lock.
class ChangeRecorder {
 public:
  using Indexes = std::unordered_map<NodeId, NameIndex>;

  /// Records nothing unless `watched`.
  ChangeRecorder(Indexes& indexes, bool watched) : indexes_(indexes), watched_(watched) {}

  /// `item` is about to leave its group, or to change its rank there.
  void leaves_or_changes(const TreeItem& item);
  /// An item with `id` is about to join the images of `directory` that would like the name `key`.
  void joins(NodeId directory, const std::string& key, const TreeItem& item);
  /// The ways that are not listed lead no more to `item`, which has this name still;
  /// `directory_too`: it leaves the directory as well.
  void ways_end(const TreeItem& item, bool directory_too);
  /// As ways_end(), of the alias with eight digits alone.
  void way_ends(NodeId directory, std::string alias);
  /// The image has come into being or is gone.
  void exists_changed(const std::string& id);
  void attributes_changed(NodeId node);

  /// What has changed, after all of it has been done.
  TreeChanges finish();

 private:
  using Names = std::map<std::string, NodeId, std::less<>>;
  Names names_now(NodeId directory, const std::string& key);
  void remember(NodeId directory, const std::string& key);
  void compare(NodeId directory, const Names& before, const Names& now);
  void add_name(NodeId directory, std::string name);
  bool recording() const noexcept { return watched_ && !everything_; }
  void bound();

  Indexes& indexes_;
  const bool watched_;
  bool everything_ = false;
  std::map<std::pair<NodeId, std::string>, Names> before_;
  std::set<NodeId> directories_;
  std::set<NameChange> names_;
  std::set<NodeId> nodes_;
};

}  // namespace glancefs::fs
