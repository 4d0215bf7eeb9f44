// The directories of other projects: each comes with its first image and goes with its last.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/node_number.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

/// The visibilities that only the owner's project sees, and whom it invites.
inline constexpr std::array kRestricted{client::Visibility::kPrivate, client::Visibility::kShared};

bool is_restricted(client::Visibility visibility) noexcept;

/// Thread-safe. Projects are known by the names of their directories (fs/catalogue/project_name.h),
/// of which their numbers are made.
class Projects {
 public:
  /// Where images of `visibility` are kept. REQUIRES is_restricted(visibility).
  static NodeId part(std::string_view name, client::Visibility visibility);

  /// An image has appeared in `part` of project `name`, or among its unlisted ones; or left it.
  void enter(NodeId part, const std::string& name);
  void leave(NodeId part);

  /// The number of a project's directory; 0: it has none.
  NodeId find(std::string_view name) const;
  std::vector<DirectoryEntry> list() const;
  std::size_t count() const;

  /// What a number stands for.
  struct Place {
    std::string project;
    NodeId directory = 0;  ///< the project's
    /// Of the images in it; absent: it is the project's directory itself.
    std::optional<client::Visibility> visibility = {};
  };
  /// nullopt: nothing.
  std::optional<Place> at(NodeId node) const;
  /// The directory whose unlisted images are kept in `node`; `node` itself: there is none.
  NodeId listed(NodeId node) const;

 private:
  struct Project {
    NodeId node = 0;
    std::array<NodeId, kRestricted.size()> parts{};
    std::size_t images = 0;
  };
  using ByName = std::map<std::string, Project, std::less<>>;

  mutable Mutex mutex_;
  ByName projects_ GUARDED_BY(mutex_);
  std::unordered_map<NodeId, ByName::iterator> by_node_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
