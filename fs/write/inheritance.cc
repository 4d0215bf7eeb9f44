#include "fs/write/inheritance.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "fs/attributes/xattrs.h"

namespace glancefs::fs {
namespace {

// img_signature*: Glance compares an upload with them. owner_specified.*: openstacksdk takes a file
// with these sums for one that is there already.
constexpr std::array<std::string_view, 8> kOfTheBytes{"img_signature",
                                                      "img_signature_certificate_uuid",
                                                      "img_signature_hash_method",
                                                      "img_signature_key_type",
                                                      "owner_specified.openstack.md5",
                                                      "owner_specified.openstack.sha256",
                                                      "owner_specified.shade.md5",
                                                      "owner_specified.shade.sha256"};

bool tells_of_bytes(std::string_view key) {
  return std::ranges::find(kOfTheBytes, key) != kOfTheBytes.end();
}

}  // namespace

void inherit(client::Image& heir, const client::Image& old,
             const std::vector<std::pair<std::string, std::string>>& own) {
  const auto is_own = [&](std::string_view key) {
    return std::ranges::any_of(own, [&](const auto& field) { return field.first == key; });
  };
  for (const auto& [key, text] : old.properties) {
    if (kind_of(key) != KeyKind::kCustom || tells_of_bytes(key) || is_own(key)) continue;
    apply_change(heir, {.key = key, .value = text});
  }
  if (!is_own("tags")) heir.tags = old.tags;
  if (!is_own("min_disk")) heir.min_disk = old.min_disk;
  if (!is_own("min_ram")) heir.min_ram = old.min_ram;
}

}  // namespace glancefs::fs
