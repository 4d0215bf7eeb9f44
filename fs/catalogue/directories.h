// Which directories there are, and which image is in which. What the images in them are called is
// the tree's (fs/catalogue/tree.h).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/node_number.h"
#include "fs/catalogue/projects.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// The directory for a visibility, and back (nullopt: not one of the four).
NodeId directory_of(client::Visibility visibility);
std::optional<client::Visibility> visibility_of_directory(NodeId directory);

struct DirectoriesConfig {
  std::string project_id;     ///< empty: everything is ours
  bool is_admin = false;      ///< lists then hold other projects' images, which are left out
  bool show_hidden = false;   ///< list os_hidden images, too
  bool all_projects = false;  ///< show those of other projects under "projects"; needs is_admin
  /// The only ones there are directories for; empty: all.
  std::vector<client::Visibility> visibilities = {};
  /// The directory that is the root of the mount: empty, a visibility, or "projects/NAME".
  std::string root = {};
};

/// Thread-safe. No method waits. The directories of projects come with their first image and go
/// with their last, which the tree tells; all others are always there.
class Directories {
 public:
  explicit Directories(DirectoriesConfig config);

  bool is_ours(const client::Image& image) const;
  /// Whether the mount knows of `image` at all. A mount of a part of the catalogue does not know
  /// the rest.
  bool admits(const client::Image& image) const;
  /// The directory `image` belongs to, also when it is hidden; 0: none.
  NodeId home(const client::Image& image) const;
  /// The directory that lists `image`, unlisted(home()) when none does because it is hidden; 0: it
  /// belongs to none. What is being written is where its program put it, hidden or not.
  NodeId place(const client::Image& image, bool being_written) const;

  /// An image has appeared in the directory that place() told, or left it.
  void enter(NodeId directory, const client::Image& image);
  void leave(NodeId directory);

  /// Whether other projects' offers have a directory. Administrators are not told of any.
  bool has_offers() const;
  /// Whether another project offers the image and ours has not answered.
  void set_offered(const std::string& id, bool offered);
  bool is_offered(const client::Image& image) const;
  /// The ids of all of those.
  std::vector<std::string> offers() const;

  /// The directory that `node` stands for: the root of the mount may be any.
  NodeId resolve(NodeId node) const noexcept { return node == kRootNode ? root_ : node; }

  /// The number under which the mount shows `directory` or, when that is where hidden images are
  /// kept, the one they belong to.
  NodeId known_as(NodeId directory) const;

  // From here on directories are resolved ones.

  /// The directory called `name` in `parent`; 0: there is none.
  NodeId find(NodeId parent, std::string_view name) const;
  /// The directories in `directory`, and how many they are.
  std::vector<DirectoryEntry> list(NodeId directory) const;
  std::size_t count(NodeId directory) const;
  bool contains(NodeId node) const;
  /// Whether it may go while the mount lasts.
  static constexpr bool comes_and_goes(NodeId directory) noexcept {
    return directory >= kFirstImageNode && unlisted(directory) >= kFirstImageNode;
  }
  NodeId parent(NodeId directory) const;
  /// Of the images in it; nullopt: it holds none.
  std::optional<client::Visibility> visibility(NodeId directory) const;

  /// Throws EPERM unless new images can be made in `directory`.
  void check_new(NodeId directory) const;
  /// Throws EPERM if `image` would have to change its owner to get into `directory`.
  void check_move(const client::Image& image, NodeId directory) const;

  /// Limits a listing to what admits() lets in, as far as Glance can.
  void limit(client::ListQuery& query) const;

 private:
  bool shows(client::Visibility visibility) const;
  bool shows_projects() const;
  bool is_foreign(const client::Image& image) const;

  // Constant after construction.
  const DirectoriesConfig config_;
  const std::optional<std::string> root_project_;  ///< its directory's name
  NodeId root_ = kRootNode;

  Projects projects_;

  mutable Mutex mutex_;
  std::unordered_set<std::string> offers_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
