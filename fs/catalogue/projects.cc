#include "fs/catalogue/projects.h"

namespace glancefs::fs {
namespace {

using client::Visibility;

// No name has a slash in it, so that none can look like another one's part.
NodeId number(std::string_view name, std::string_view part) {
  return node_of_text("projects/" + std::string(name) + "/" + std::string(part));
}

}  // namespace

bool is_restricted(Visibility visibility) noexcept {
  return visibility == Visibility::kPrivate || visibility == Visibility::kShared;
}

NodeId Projects::part(std::string_view name, Visibility visibility) {
  return number(name, to_string(visibility));
}

void Projects::enter(NodeId part, const std::string& name) {
  const Lock lock(mutex_);
  const auto known = by_node_.find(part);
  if (known != by_node_.end()) {
    ++known->second->second.images;
    return;
  }
  Project project{.node = number(name, ""), .images = 1};
  for (std::size_t i = 0; i < kRestricted.size(); ++i) {
    project.parts.at(i) = Projects::part(name, kRestricted.at(i));
  }
  const auto at = projects_.insert_or_assign(name, project).first;
  by_node_[project.node] = at;
  for (const NodeId each : project.parts) by_node_[each] = by_node_[unlisted(each)] = at;
}

void Projects::leave(NodeId part) {
  const Lock lock(mutex_);
  const auto known = by_node_.find(part);
  if (known == by_node_.end()) return;
  const auto at = known->second;
  if (--at->second.images > 0) return;
  by_node_.erase(at->second.node);
  for (const NodeId each : at->second.parts) {
    by_node_.erase(each);
    by_node_.erase(unlisted(each));
  }
  projects_.erase(at);
}

NodeId Projects::find(std::string_view name) const {
  const Lock lock(mutex_);
  const auto found = projects_.find(name);
  return found == projects_.end() ? 0 : found->second.node;
}

std::vector<DirectoryEntry> Projects::list() const {
  const Lock lock(mutex_);
  std::vector<DirectoryEntry> entries;
  entries.reserve(projects_.size());
  for (const auto& [name, project] : projects_) {
    entries.push_back({.name = name, .node = project.node});
  }
  return entries;
}

std::size_t Projects::count() const {
  const Lock lock(mutex_);
  return projects_.size();
}

std::optional<Projects::Place> Projects::at(NodeId node) const {
  const Lock lock(mutex_);
  const auto found = by_node_.find(node);
  if (found == by_node_.end()) return std::nullopt;
  const auto& [name, project] = *found->second;
  Place place{.project = name, .directory = project.node};
  for (std::size_t i = 0; i < kRestricted.size(); ++i) {
    if (project.parts.at(i) == node) place.visibility = kRestricted.at(i);
  }
  return place;
}

NodeId Projects::listed(NodeId node) const {
  const Lock lock(mutex_);
  const auto found = by_node_.find(node);
  if (found == by_node_.end()) return node;
  for (const NodeId part : found->second->second.parts) {
    if (unlisted(part) == node) return part;
  }
  return node;
}

}  // namespace glancefs::fs
