// What must hold for the names of every directory, whatever the images in it are called.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>

#include "fs/catalogue/names.h"
#include "fs/catalogue/tree.h"

namespace glancefs::test {

/// What is wrong with the names of `directory`; "": nothing.
inline std::string flaw_of(const fs::Tree& tree, fs::NodeId directory) {
  std::set<std::string> names;
  for (const fs::DirectoryEntry& entry : tree.list(directory)) {
    const std::string& name = entry.name;
    const auto flaw = [&](const char* what) { return fmt::format("{:?} {}", name, what); };
    if (name.empty() || name.size() > fs::kNameMax) return flaw("has no length of a file name");
    if (name == "." || name == ".." || name == ".glancefs") return flaw("is reserved");
    if (name.find('/') != std::string::npos) return flaw("holds a slash");
    if (name.find('\0') != std::string::npos) return flaw("holds a NUL");
    if (!names.insert(name).second) return flaw("is there twice");
    const auto found = tree.find(directory, name);
    if (!found || found->id != entry.node) return flaw("leads elsewhere");
    const client::Image& image = *found->image;
    const bool nameless = !image.name || image.name->empty();
    const bool shown_by_id = fs::alias_id(name) || name == image.id;
    if (!shown_by_id && (nameless || fs::unescape_name(name) != *image.name)) {
      return flaw("is not what the image is called");
    }
    const auto by_id = tree.find(directory, image.id);
    if (!by_id || by_id->id != entry.node) return flaw("is not found by its id");
  }
  return {};
}

}  // namespace glancefs::test
