#include "fs/catalogue/directories.h"

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"
#include "fs/catalogue/project_name.h"

namespace glancefs::fs {
namespace {

using client::Visibility;

constexpr std::array kVisibilities{Visibility::kPublic, Visibility::kPrivate, Visibility::kShared,
                                   Visibility::kCommunity};
constexpr std::string_view kProjects = "projects";
constexpr std::string_view kOffers = ".pending";

// "projects/NAME": NAME.
std::optional<std::string> project_in(std::string_view root) {
  if (!root.starts_with(kProjects) || root.size() <= kProjects.size()) return std::nullopt;
  return std::string(root.substr(kProjects.size() + 1));
}

DirectoryEntry entry_of(Visibility visibility, NodeId node) {
  return {.name = std::string(to_string(visibility)), .node = node};
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

Directories::Directories(DirectoriesConfig config)
    : config_(std::move(config)),
      root_project_(project_in(config_.root)) {
  if (root_project_) {
    projects_.enter(Projects::part(*root_project_, kRestricted.front()), *root_project_);  // stays
    root_ = projects_.find(*root_project_);
  } else if (const auto visibility = client::visibility_of(config_.root)) {
    root_ = directory_of(*visibility);
  }
}

bool Directories::is_ours(const client::Image& image) const {
  return (config_.project_id.empty() && !shows_projects()) || image.owner == config_.project_id;
}

bool Directories::shows_projects() const { return config_.all_projects || root_project_; }

bool Directories::shows(Visibility visibility) const {
  if (root_project_) return is_restricted(visibility);
  if (root_ != kRootNode) return directory_of(visibility) == root_;
  return config_.visibilities.empty() ||
         std::ranges::find(config_.visibilities, visibility) != config_.visibilities.end();
}

// An administrator's listing holds every project's images. Those that only their own projects
// should see would look like ours among ours.
bool Directories::is_foreign(const client::Image& image) const {
  return is_restricted(image.visibility) && config_.is_admin && !is_ours(image);
}

bool Directories::admits(const client::Image& image) const {
  const bool whole = root_ == kRootNode && config_.visibilities.empty();
  return whole || home(image) != 0;
}

NodeId Directories::home(const client::Image& image) const {
  if (!shows(image.visibility)) return 0;
  if (!is_foreign(image)) {
    if (root_project_) return 0;
    return is_offered(image) ? NodeId{kOffersNode} : directory_of(image.visibility);
  }
  if (!shows_projects()) return 0;
  const std::string project = project_file_name(image.owner);
  if (root_project_ && project != *root_project_) return 0;
  return Projects::part(project, image.visibility);
}

NodeId Directories::place(const client::Image& image, bool being_written) const {
  const NodeId directory = home(image);
  const bool listed = !image.hidden || config_.show_hidden || being_written;
  return listed || directory == 0 ? directory : unlisted(directory);
}

void Directories::enter(NodeId directory, const client::Image& image) {
  if (comes_and_goes(directory)) projects_.enter(directory, project_file_name(image.owner));
}

void Directories::leave(NodeId directory) {
  if (comes_and_goes(directory)) projects_.leave(directory);
}

bool Directories::has_offers() const {
  return !config_.is_admin && !config_.project_id.empty() && shows(Visibility::kShared);
}

void Directories::set_offered(const std::string& id, bool offered) {
  const Lock lock(mutex_);
  if (offered) {
    offers_.insert(id);
  } else {
    offers_.erase(id);
  }
}

bool Directories::is_offered(const client::Image& image) const {
  if (image.visibility != Visibility::kShared || is_ours(image)) return false;
  const Lock lock(mutex_);
  return offers_.contains(image.id);
}

std::vector<std::string> Directories::offers() const {
  const Lock lock(mutex_);
  return {offers_.begin(), offers_.end()};
}

NodeId Directories::known_as(NodeId directory) const {
  if (unlisted(directory) < kFirstImageNode) {
    directory = unlisted(directory);
  } else if (comes_and_goes(directory)) {
    directory = projects_.listed(directory);
  }
  return directory == root_ ? kRootNode : directory;
}

NodeId Directories::find(NodeId parent, std::string_view name) const {
  if (parent == kSharedNode) return name == kOffers && has_offers() ? NodeId{kOffersNode} : 0;
  if (parent == kProjectsNode) return projects_.find(name);
  for (const DirectoryEntry& entry : list(parent)) {
    if (entry.name == name) return entry.node;
  }
  return 0;
}

std::vector<DirectoryEntry> Directories::list(NodeId directory) const {
  std::vector<DirectoryEntry> entries;
  if (directory == kRootNode) {
    for (const Visibility visibility : kVisibilities) {
      if (shows(visibility)) entries.push_back(entry_of(visibility, directory_of(visibility)));
    }
    if (shows_projects() &&
        std::ranges::any_of(kRestricted, [&](Visibility each) { return shows(each); })) {
      entries.push_back({.name = std::string(kProjects), .node = kProjectsNode});
    }
    return entries;
  }
  if (directory == kProjectsNode) return projects_.list();
  if (!comes_and_goes(directory)) return entries;
  const auto project = projects_.at(directory);
  if (!project || project->visibility) return entries;
  for (const Visibility visibility : kRestricted) {
    if (!shows(visibility)) continue;
    entries.push_back(entry_of(visibility, Projects::part(project->project, visibility)));
  }
  return entries;
}

std::size_t Directories::count(NodeId directory) const {
  return directory == kProjectsNode ? projects_.count() : list(directory).size();
}

bool Directories::contains(NodeId node) const {
  return !comes_and_goes(node) || projects_.at(node);
}

NodeId Directories::parent(NodeId directory) const {
  NodeId above = kRootNode;
  if (directory == kByIdNode) {
    above = kControlNode;
  } else if (directory == kOffersNode) {
    above = kSharedNode;
  } else if (comes_and_goes(directory)) {
    const auto place = projects_.at(directory);
    if (place) above = place->visibility ? place->directory : NodeId{kProjectsNode};
  }
  return above == root_ || directory == root_ ? kRootNode : above;
}

std::optional<Visibility> Directories::visibility(NodeId directory) const {
  if (!comes_and_goes(directory)) return visibility_of_directory(directory);
  const auto place = projects_.at(directory);
  return place ? place->visibility : std::nullopt;
}

void Directories::check_new(NodeId directory) const {
  if (directory == kOffersNode) throw_errno(EPERM, "only other projects put images here");
  if (directory != kProjectsNode && !comes_and_goes(directory)) return;
  throw_errno(EPERM, "new images belong to the project of the login, not to another one");
}

void Directories::check_move(const client::Image& image, NodeId directory) const {
  const auto to = visibility(directory);
  // Where the cloud decides, its answer says why.
  if (!to || !is_restricted(*to) || !config_.is_admin) return;
  std::string project = project_file_name(config_.project_id);
  if (comes_and_goes(directory)) {
    const auto place = projects_.at(directory);
    if (!place) throw_errno(ENOENT, "the directory is gone");
    project = place->project;
  } else if (is_ours(image)) {
    return;
  }
  const std::string owner = project_file_name(image.owner);
  if (owner == project) return;
  throw_errno(EPERM, "the image belongs to project " + log::printable(owner) +
                         ", and moving it does not make it another one's");
}

void Directories::limit(client::ListQuery& query) const {
  std::optional<Visibility> only;
  bool several = false, restricted = true;
  for (const Visibility visibility : kVisibilities) {
    if (!shows(visibility)) continue;
    several = only.has_value();
    only = visibility;
    restricted = restricted && is_restricted(visibility);
  }
  if (!several) query.visibility = only;
  if (!restricted || !config_.is_admin) return;
  if (root_project_) {
    query.owner = owner_of_file_name(*root_project_).value_or("");
  } else if (!shows_projects()) {
    query.owner = config_.project_id;
  }
}

}  // namespace glancefs::fs
