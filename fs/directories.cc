#include "fs/directories.h"

#include <array>

namespace glancefs::fs {
namespace {

using client::Visibility;

constexpr std::array kVisibilities{Visibility::kPublic, Visibility::kPrivate, Visibility::kShared,
                                   Visibility::kCommunity};

bool is_restricted(Visibility visibility) {
  return visibility == Visibility::kPrivate || visibility == Visibility::kShared;
}

}  // namespace

NodeId directory_of(Visibility visibility) {
  switch (visibility) {
    case Visibility::kPublic:
      return kPublicNode;
    case Visibility::kPrivate:
      return kPrivateNode;
    case Visibility::kShared:
      return kSharedNode;
    case Visibility::kCommunity:
      return kCommunityNode;
  }
  return kPrivateNode;
}

std::optional<Visibility> visibility_of_directory(NodeId directory) {
  for (const Visibility visibility : kVisibilities) {
    if (directory == directory_of(visibility)) return visibility;
  }
  return std::nullopt;
}

bool Directories::is_ours(const client::Image& image) const {
  return config_.project_id.empty() || image.owner == config_.project_id;
}

// An administrator's listing holds every project's images; those that only their own projects
// should see are left out, for they would look like ours.
NodeId Directories::place(const client::Image& image) const {
  if (image.hidden && !config_.show_hidden) return 0;
  if (is_restricted(image.visibility) && config_.is_admin && !is_ours(image)) return 0;
  return directory_of(image.visibility);
}

NodeId Directories::find(NodeId parent, std::string_view name) const {
  for (const DirectoryEntry& entry : list(parent)) {
    if (entry.name == name) return entry.node;
  }
  return 0;
}

std::vector<DirectoryEntry> Directories::list(NodeId directory) const {
  std::vector<DirectoryEntry> entries;
  if (directory != kRootNode) return entries;
  for (const Visibility visibility : kVisibilities) {
    entries.push_back(
        {.name = std::string(to_string(visibility)), .node = directory_of(visibility)});
  }
  return entries;
}

}  // namespace glancefs::fs
