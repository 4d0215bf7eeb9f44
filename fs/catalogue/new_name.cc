#include "fs/catalogue/new_name.h"

#include <algorithm>
#include <array>

#include "base/fd.h"
#include "fs/catalogue/names.h"

namespace glancefs::fs {
namespace {

// An alias or a UUID of an image in any directory.
bool leads_to_an_image(const Tree& tree, std::string_view name) {
  constexpr std::array kDirectories{kPublicNode, kPrivateNode, kSharedNode, kCommunityNode};
  return tree.by_id(name) || std::ranges::any_of(kDirectories, [&](NodeId directory) {
           return tree.find(directory, name).has_value();
         });
}

}  // namespace

std::string new_image_name(const Tree& tree, std::string_view file_name) {
  std::string name = unescape_name(file_name);
  if (const int error = check_new_name(name)) throw_errno(error, "Glance takes no such name");
  if (file_name.size() > kNameMax) throw_errno(ENAMETOOLONG, "a file's name has 255 bytes at most");
  if (escape_name(name) == file_name) return name;
  if (leads_to_an_image(tree, file_name)) throw_errno(EEXIST, "this name stands for another image");
  throw_errno(EINVAL, "names of this form stand for images that exist");
}

}  // namespace glancefs::fs
