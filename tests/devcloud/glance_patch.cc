// PATCH /v2/images/{id}: a subset of RFC 6902, all or nothing, with Glance's traps.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>
#include <string_view>
#include <utility>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

constexpr std::size_t kPropertyQuota = 128;
constexpr std::array kReadOnly{"created_at",   "updated_at",    "status", "checksum", "size",
                               "virtual_size", "direct_url",    "self",   "file",     "schema",
                               "os_hash_algo", "os_hash_value", "id"};
constexpr std::array kReserved{"location", "deleted", "deleted_at"};
// Names of attributes of Glance's own image object: setting them sets the object, not the image.
constexpr std::array kSwallowed{"context", "delete", "get_data",   "set_data",
                                "member",  "repo",   "reactivate", "deactivate"};
constexpr std::array kCrashing{"extra_properties", "base", "__class__"};
constexpr std::array kBase{"name",     "owner",   "visibility", "disk_format", "container_format",
                           "min_disk", "min_ram", "protected",  "os_hidden",   "tags"};

template <typename List>
bool contains(const List& list, std::string_view key) {
  return std::find(list.begin(), list.end(), key) != list.end();
}

struct Change {
  std::string op;
  std::string key;
  Json value;
  bool draft4 = false;
};

void check_pointer(const std::string& pointer) {
  static const std::regex adjacent("/\\s*?/");
  static const std::regex escape("~[^01]");
  const auto refuse = [&](std::string_view why) {
    throw Problem(400, fmt::format("Pointer `{}` {}", pointer, why));
  };
  if (!pointer.starts_with("/")) refuse("does not start with \"/\".");
  if (std::regex_search(pointer.begin() + 1, pointer.end(), adjacent))
    refuse("contains adjacent \"/\".");
  if (pointer.size() > 1 && pointer.ends_with("/")) refuse("end with \"/\".");
  if (std::regex_search(pointer, escape) || pointer.ends_with("~"))
    refuse("contains \"~\" not part of a recognized escape sequence.");
}

// Leading slashes and blanks around a name vanish, as Glance's decoder has it.
std::vector<std::string> decode_pointer(const std::string& pointer) {
  check_pointer(pointer);
  std::vector<std::string> parts;
  const auto start = std::min(pointer.find_first_not_of('/'), pointer.size());
  for (std::string part : split(std::string_view(pointer).substr(start), '/')) {
    for (const auto& [from, to] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}})
      for (std::size_t at = 0; (at = part.find(from, at)) != std::string::npos; ++at)
        part.replace(at, 2, to);
    parts.emplace_back(trim(part));
  }
  return parts;
}

std::string operation(const Json& raw, bool draft4) {
  static constexpr std::array kOps{"add", "remove", "replace"};
  std::string op = text(raw, "op");
  if (draft4) {
    op.clear();
    for (const char* known : kOps)
      if (raw.contains(known)) op = known;
  }
  if (!contains(kOps, op))
    throw Problem(400, fmt::format("Invalid operation: `{}`. It must be one of the following: add, "
                                   "remove, replace.",
                                   op));
  return op;
}

Change parse_change(const Config& config, const Json& raw, bool draft4) {
  if (!raw.is_object()) throw Problem(400, "Operations must be JSON objects.");
  Change change;
  change.draft4 = draft4;
  change.op = operation(raw, draft4);
  const Json& pointer = member(raw, draft4 ? change.op : "path");
  if (!pointer.is_string()) throw Problem(400, "Unable to find 'path' in JSON Schema change");
  const auto parts = decode_pointer(pointer.get<std::string>());
  change.key = parts.front();
  const bool locations = change.key == "locations";
  const std::size_t depth = locations && change.op != "replace" ? 2 : 1;
  if (parts.size() != depth)
    throw Problem(
        400, fmt::format("Invalid JSON pointer for this resource: '/{}'", fmt::join(parts, "/")));
  if (change.op != "remove") {
    if (!raw.contains("value"))
      throw Problem(400,
                    fmt::format("Operation \"{}\" requires a member named \"value\".", change.op));
    change.value = raw["value"];
  }
  if (contains(kReadOnly, change.key))
    throw Problem(403, fmt::format("Attribute '{}' is read-only.", change.key));
  if (contains(kReserved, change.key) || change.key.starts_with("os_glance"))
    throw Problem(403, fmt::format("Attribute '{}' is reserved.", change.key));
  if (change.op != "remove" && !locations) check_attribute(config, change.key, change.value);
  return change;
}

bool is_attribute(const std::string& key) {
  return contains(kBase, key) || contains(kSwallowed, key) || contains(kCrashing, key) ||
         key == "image_id";
}

void check_base_change(const Image& image, const Change& change, const Caller& caller) {
  const bool format = change.key == "disk_format" || change.key == "container_format";
  if (format && image.status != "queued")
    throw Problem(403,
                  fmt::format("Attribute {} can be only replaced for a queued image.", change.key));
  if (caller.admin) return;
  if (change.key == "visibility" && change.value == "public")
    throw Problem(403, "You are not authorized to complete publicize_image action.");
  if (change.key != "owner") return;
  if (change.op == "replace") throw Problem(403, "", "Owner can't be updated by non admin.");
  if (!change.value.is_string() || change.value.get<std::string>() != image.owner.value_or(""))
    throw Problem(403, "You are not permitted to modify 'owner' on this image.");
}

void set_value(Image& image, const Change& change, const Caller& caller) {
  const bool exists = is_attribute(change.key) || image.properties.contains(change.key);
  if (change.op == "replace" && !exists)
    throw Problem(409, "", fmt::format("Property {} does not exist.", change.key));
  if (change.op == "add" && exists && change.draft4)
    throw Problem(409, "", fmt::format("Property {} already present.", change.key));
  if (contains(kCrashing, change.key)) throw Problem(500, "");
  if (change.key == "image_id")
    throw Problem(404, fmt::format("No image found with ID {}", change.value.dump()));
  if (contains(kSwallowed, change.key)) return;
  if (contains(kBase, change.key)) {
    check_base_change(image, change, caller);
    set_attribute(image, change.key, change.value);
  } else if (change.value.is_string()) {
    image.properties[change.key] = change.value.get<std::string>();
  }
}

void apply(Image& image, const Change& change, const Caller& caller) {
  if (change.key == "locations")
    throw Problem(403, "",
                  change.op == "replace" && change.value.empty()
                      ? "Cannot set locations to empty list."
                      : "It's not allowed to change locations if locations are invisible.");
  if (change.op != "remove") {
    set_value(image, change, caller);
    return;
  }
  if (is_attribute(change.key))
    throw Problem(403, "", fmt::format("Property {} may not be removed.", change.key));
  if (image.properties.erase(change.key) == 0)
    throw Problem(409, "", fmt::format("Property {} does not exist.", change.key));
}

void check_quotas(const Image& before, const Image& after) {
  const auto over = [](std::size_t old_count, std::size_t count, std::string_view what) {
    if (count > kPropertyQuota && count > old_count)
      throw Problem(413,
                    fmt::format("The limit has been exceeded on the number of allowed image {}. "
                                "Attempted: {}, Maximum: {}",
                                what, count, kPropertyQuota));
  };
  over(before.properties.size(), after.properties.size(), "properties");
  over(before.tags.size(), after.tags.size(), "tags");
}

}  // namespace

Response Glance::patch(Call& call) {
  static constexpr std::string_view kDraft4 = "application/openstack-images-v2.0-json-patch";
  static constexpr std::string_view kDraft10 = "application/openstack-images-v2.1-json-patch";
  std::string type = call.request.header_or("Content-Type", "");
  type = std::string(trim(type.substr(0, type.find(';'))));
  if (type != kDraft4 && type != kDraft10) {
    Problem problem(
        415, fmt::format("The request media type {} is not supported by this server.\n", type));
    problem.headers.emplace_back("Accept-Patch", fmt::format("{}, {}", kDraft4, kDraft10));
    throw problem;
  }
  const Json body = json_body(call.exchange);
  if (!body.is_array())
    throw Problem(400, "Request body must be a JSON array of operation objects.");
  std::vector<Change> changes;
  for (const Json& raw : body) changes.push_back(parse_change(config_, raw, type == kDraft4));

  const Lock lock(catalogue_.mutex);
  Image& image = find(call, call.path[1], changes.empty() ? Access::kSee : Access::kModify);
  Image changed = image;
  for (const Change& change : changes) apply(changed, change, call.caller);
  check_quotas(image, changed);
  if (!changes.empty()) {
    touch(changed);
    image = std::move(changed);
  }
  return json_response(record(image));
}

}  // namespace glancefs::devcloud
