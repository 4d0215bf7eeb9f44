// The catalogue as a tree: nodes, directories, and which name each image has in which directory.
// Memory only: whatever asks the cloud is in fs/catalogue.h.
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
#include "fs/filesystem.h"

namespace glancefs::fs {

class Upload;

/// The directories. Numbers of images begin above them.
enum : NodeId {
  kPublicNode = 2,
  kPrivateNode = 3,
  kSharedNode = 4,
  kCommunityNode = 5,
  kControlNode = 6,  ///< .glancefs, found by name but not listed
  kByIdNode = 7,
  kFirstControlFile = 8,
  kFirstImageNode = 1024,
};

/// The directory for a visibility, and back (nullopt: not one of the four).
NodeId directory_of(client::Visibility visibility);
std::optional<client::Visibility> visibility_of_directory(NodeId directory);

/// The number of an image: the first 64 bits of the SHA-256 of its UUID, so that nobody can choose
/// a UUID that meets another image's number.
NodeId node_of_image(std::string_view id);

/// An image in the tree, as it was when asked.
struct Node {
  NodeId id = 0;
  client::ImagePtr image;
  /// Set while the image is being written here and not yet (or not wholly) at Glance.
  std::shared_ptr<Upload> upload;
  /// When Glance last confirmed the record.
  std::chrono::steady_clock::time_point confirmed;
  bool ours = false;  ///< belongs to our project
};

struct TreeConfig {
  std::string project_id;    ///< empty: everything is ours
  bool is_admin = false;     ///< lists then hold other projects' images, which are left out
  bool show_hidden = false;  ///< list os_hidden images, too
};

/// Thread-safe. No method waits.
class Tree {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Tree(TreeConfig config) : config_(std::move(config)) {}

  /// Makes the tree hold exactly `images`, a complete listing begun at `begun`. Images that were
  /// changed here after that, and those being written, stay as they are.
  void replace(const std::vector<client::ImagePtr>& images, Time begun);
  /// Adds or updates images that a listing begun at `begun` showed, under the same condition.
  void merge(const std::vector<client::ImagePtr>& images, Time begun);
  /// Adds or updates one image as Glance or the writer just described it. `upload`: see Node.
  void put(client::ImagePtr image, std::shared_ptr<Upload> upload = nullptr);
  /// Forgets one image.
  void erase(std::string_view id);

  /// The image called `name` in `directory`; nullopt when there is none.
  std::optional<Node> find(NodeId directory, std::string_view name) const;
  /// The image of this number; nullopt: gone.
  std::optional<Node> node(NodeId id) const;
  std::optional<Node> by_id(std::string_view id) const;
  /// All names of a directory of images.
  std::vector<DirectoryEntry> list(NodeId directory) const;

  /// Ours: how many, and the bytes of those whose size is known. All: how many.
  struct Totals {
    std::uint64_t images = 0, own_images = 0, own_bytes = 0;
  };
  Totals totals() const;
  /// The hash algorithm most active images have; "sha512" when none has one.
  std::string common_hash_algorithm() const;
  /// The newest `updated` of all images; nullopt when there are none.
  std::optional<std::chrono::sys_seconds> newest_update() const;

 private:
  struct Item {
    Node node;
    NodeId directory = 0;  ///< 0: in none
    std::string key;       ///< the file name it would like to have
    Time touched;          ///< when it was last changed here
    std::uint64_t sweep = 0;
  };
  /// All images of a directory that would like the same name.
  using Group = std::vector<NodeId>;
  using Groups = std::unordered_map<std::string, Group>;

  NodeId place(const client::Image& image, bool being_written) const;
  bool is_ours(const client::Image& image) const;
  NodeId number(std::string_view id) const REQUIRES(mutex_);
  void set(client::ImagePtr image, std::shared_ptr<Upload> upload, Time now) REQUIRES(mutex_);
  void remove(NodeId id) REQUIRES(mutex_);
  void unlink(const Item& item) REQUIRES(mutex_);
  const Item* item(NodeId id) const REQUIRES(mutex_);
  /// Who of `group` has the plain name; 0: nobody.
  NodeId winner(const Group& group) const REQUIRES(mutex_);
  std::string name_in(const Group& group, const Item& item) const REQUIRES(mutex_);
  std::optional<Node> find_alias(const Groups& groups, std::string_view name) const
      REQUIRES(mutex_);

  // Constant after construction.
  const TreeConfig config_;

  mutable Mutex mutex_;
  std::unordered_map<NodeId, Item> items_ GUARDED_BY(mutex_);
  std::unordered_map<NodeId, Groups> directories_ GUARDED_BY(mutex_);
  std::uint64_t sweeps_ GUARDED_BY(mutex_) = 0;
};

}  // namespace glancefs::fs
