#include "fs/catalogue/project_name.h"

#include <fmt/format.h>

#include "client/images.h"
#include "fs/catalogue/names.h"
#include "fs/catalogue/node_number.h"

namespace glancefs::fs {

std::string project_file_name(std::string_view owner) {
  if (owner.empty()) return std::string(kNobody);
  if (owner == kNobody) return fmt::format("%{:02X}{}", owner.front(), owner.substr(1));
  if (client::is_uuid(owner)) return std::string(owner);
  std::string name = escape_name(owner);
  if (name.size() <= kNameMax) return name;
  return alias_name(name, fmt::format("{:016x}", node_of_text(owner)).substr(0, 8));
}

std::optional<std::string> owner_of_file_name(std::string_view name) {
  if (name == kNobody) return std::string();
  std::string owner = client::is_uuid(name) ? std::string(name) : unescape_name(name);
  if (project_file_name(owner) != name) return std::nullopt;
  return owner;
}

}  // namespace glancefs::fs
