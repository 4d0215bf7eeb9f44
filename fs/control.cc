#include "fs/control.h"

#include "fs/catalogue/tree.h"

namespace glancefs::fs {

void Control::add(std::string name, std::function<std::string()> make) {
  files_.push_back({.name = std::move(name), .make = std::move(make)});
}

NodeId Control::find(std::string_view name) const {
  if (name == kById) return kByIdNode;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].name == name) return kFirstControlFile + i;
  }
  return 0;
}

bool Control::is_file(NodeId node) const {
  return node >= kFirstControlFile && node < kFirstControlFile + files_.size();
}

std::vector<DirectoryEntry> Control::list() const {
  std::vector<DirectoryEntry> entries{{.name = std::string(kById), .node = kByIdNode}};
  for (std::size_t i = 0; i < files_.size(); ++i) {
    entries.push_back({.name = files_[i].name, .node = kFirstControlFile + i});
  }
  return entries;
}

std::string Control::text(NodeId node) const { return files_.at(node - kFirstControlFile).make(); }

}  // namespace glancefs::fs
