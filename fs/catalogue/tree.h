// The catalogue as a tree: nodes, directories, and which name each image has in which directory.
// Memory only: whatever asks the cloud is in fs/catalogue/catalogue.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/change_recorder.h"
#include "fs/catalogue/directories.h"
#include "fs/catalogue/name_index.h"
#include "fs/catalogue/node.h"
#include "fs/catalogue/tree_sums.h"
#include "fs/catalogue/watcher.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

using TreeConfig = DirectoriesConfig;

/// Thread-safe. No method waits. Each question about one image takes about the same time however
/// many there are.
class Tree {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Tree(TreeConfig config) : places_(std::move(config)) {}

  const Directories& directories() const noexcept { return places_; }

  /// Who hears of changes from now on; null: nobody. The one before may still be told of a change
  /// that was being made, so it is shared.
  void watch(std::shared_ptr<Watcher> watcher);

  /// Makes the tree hold exactly `images`, a complete listing begun at `begun`. Images that were
  /// changed here after that, and those being written, stay as they are.
  void replace(const std::vector<client::ImagePtr>& images, Time begun);
  /// Adds or updates images that a listing begun at `begun` showed, under the same condition.
  void merge(const std::vector<client::ImagePtr>& images, Time begun);
  /// Makes the tree hold exactly `images` as offers, as a listing begun at `begun` showed, under
  /// the same condition. Other listings show none of them, and leave them as they are.
  void offer(const std::vector<client::ImagePtr>& images, Time begun);
  /// Our project's answer: accepted, or `pending` again.
  void answered(client::ImagePtr image, bool pending);
  /// Adds or updates one image as Glance or the writer just described it. `upload`: see Node.
  void put(client::ImagePtr image, std::shared_ptr<Upload> upload = nullptr);
  /// Whether the file `id`, if it is there and being written, leaves its name to an image that has
  /// the same. Until its upload is over.
  void set_behind(std::string_view id, bool behind);
  /// Forgets one image; a listing begun before does not bring it back.
  void erase(std::string_view id);
  /// `image` for replace() and merge(): the one the tree has, when it is equal, so that a listing
  /// held in memory costs no second copy of what has not changed.
  client::ImagePtr shared(client::ImagePtr image) const;

  /// The image called `name` in `directory`; nullopt when there is none.
  std::optional<Node> find(NodeId directory, std::string_view name) const;
  /// The image of this number; nullopt: gone.
  std::optional<Node> node(NodeId id) const;
  std::optional<Node> by_id(std::string_view id) const;
  /// All names of a directory of images.
  std::vector<DirectoryEntry> list(NodeId directory) const;
  /// When the names of a directory last changed, to the nanosecond and never twice the same;
  /// nullopt: no image was ever in it.
  std::optional<FileTime> changed(NodeId directory) const;

  using Totals = TreeSums::Totals;
  Totals totals() const;
  /// The hash algorithm most images have; "sha512" when none has one.
  std::string common_hash_algorithm() const;
  /// Images at Glance that were changed here, or asked for one by one, at or after `since`; without
  /// offers.
  std::vector<client::ImagePtr> touched_since(Time since) const;

 private:
  NodeId number(std::string_view id) const REQUIRES(mutex_);
  const TreeItem* item(NodeId id) const REQUIRES(mutex_);
  std::optional<Node> find_in(NodeId directory, std::string_view name) const REQUIRES(mutex_);
  const TreeItem* by_its_id(NodeId directory, std::string_view name) const REQUIRES(mutex_);
  /// All who may be meant by "NAME~<eight digits>", the listed ones first.
  std::vector<const TreeItem*> meant_by(NodeId directory, std::string_view alias) const
      REQUIRES(mutex_);
  const TreeItem* by_alias(NodeId directory, std::string_view alias) const REQUIRES(mutex_);
  /// As a listing begun at `begun` showed it, unless the tree knows better; null: it is gone since.
  TreeItem* listed(const client::ImagePtr& image, Time begun, ChangeRecorder& changes)
      REQUIRES(mutex_);
  TreeItem& set(Node node, ChangeRecorder& changes) REQUIRES(mutex_);
  /// REQUIRES it is in a group, and has the rank it had.
  void rank_changes(TreeItem& item, ChangeRecorder& changes) REQUIRES(mutex_);
  void remove(NodeId id, ChangeRecorder& changes) REQUIRES(mutex_);
  /// The same for good: it was not a listing that left it out.
  void take_out(NodeId id, ChangeRecorder& changes) REQUIRES(mutex_);
  /// Whether it was taken out after a listing was begun at `begun`.
  bool is_taken_out_since(NodeId id, Time begun) const REQUIRES(mutex_);
  void join(TreeItem& item, NodeId directory, std::string key, ChangeRecorder& changes)
      REQUIRES(mutex_);
  /// `next`: the directory it will be in.
  void leave(TreeItem& item, NodeId next, ChangeRecorder& changes) REQUIRES(mutex_);
  void mark_changed(NodeId directory) REQUIRES(mutex_);
  /// Makes a change and tells the watcher of it.
  template <typename Change>
  void change(Change&& change) EXCLUDES(mutex_);

  // Locks by itself.
  Directories places_;

  mutable Mutex mutex_;
  std::shared_ptr<Watcher> watcher_ GUARDED_BY(mutex_);
  std::unordered_map<NodeId, TreeItem> items_ GUARDED_BY(mutex_);
  /// Who has a plain name is found out when somebody asks, hence mutable.
  mutable ChangeRecorder::Indexes directories_ GUARDED_BY(mutex_);
  std::unordered_map<NodeId, FileTime> changed_ GUARDED_BY(mutex_);
  /// When images were taken out.
  std::unordered_map<NodeId, Time> taken_out_ GUARDED_BY(mutex_);
  FileTime last_change_ GUARDED_BY(mutex_);
  std::uint64_t sweeps_ GUARDED_BY(mutex_) = 0;
  mutable TreeSums sums_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
