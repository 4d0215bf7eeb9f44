#include "tests/model/fields.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include "tests/devcloud/config.h"
#include "tests/model/file_names.h"

namespace glancefs::model {
namespace {

using Words = std::set<std::string>;

const Words kDecidedByGlance{
    "id",           "status",     "owner",      "size",          "virtual_size",
    "checksum",     "created_at", "updated_at", "os_hash_value", "stores",
    "os_hash_algo", "self",       "file",       "schema",        "direct_url",
    "location",     "locations",  "deleted",    "deleted_at"};
const Words kSwallowed{"context",  "delete", "get_data",   "set_data",
                       "member",   "repo",   "reactivate", "deactivate",
                       "image_id", "base",   "__class__",  "extra_properties"};
const Words kFormats{"disk_format", "container_format"};
const Words kNumbers{"min_disk", "min_ram"};
const Words kSwitches{"protected", "os_hidden"};

bool is_decided(const std::string& key) {
  return kDecidedByGlance.contains(key) || key.starts_with("os_glance");
}

std::string text_of_tags(const std::set<std::string>& tags) {
  if (tags == Words{""}) return ",";
  std::string text;
  for (const std::string& tag : tags) {
    if (&tag != &*tags.begin()) text += ',';
    for (const char c : tag) {
      if (c == ',' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

std::optional<Words> tags_of_text(const std::string& text) {
  if (text.empty()) return Words{};
  std::vector<std::string> tags(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      tags.emplace_back();
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      tags.back() += text[++i];
    } else {
      tags.back() += text[i];
    }
  }
  for (const std::string& tag : tags) {
    if (length(tag) > 255) return std::nullopt;
  }
  return Words(tags.begin(), tags.end());
}

std::optional<bool> switch_of_text(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (text == "true" || text == "yes" || text == "1") return true;
  if (text == "false" || text == "no" || text == "0") return false;
  return std::nullopt;
}

std::optional<std::int64_t> number_of_text(const std::string& text) {
  const bool digits = !text.empty() && text.size() < 19 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoll(text) > 2147483647) return std::nullopt;
  return std::stoll(text);
}

// What may be done with a key at all.
int refused(const Image& image, const std::string& key) {
  if (is_decided(key)) return EPERM;
  if (kFormats.contains(key) && image.status != "queued") return EPERM;
  if (kSwallowed.contains(key)) return EINVAL;
  if (key.empty() || key.front() == ' ' || key.back() == ' ') return EINVAL;
  return 0;
}

// EINVAL: no value for this field.
int assign(Image& image, const std::string& key, const std::string& text) {
  if (key == "name") {
    if (length(text) > 255) return EINVAL;
    image.name = text;
  } else if (key == "visibility") {
    if (!Words{"public", "private", "shared", "community"}.contains(text)) return EINVAL;
    image.visibility = text;
  } else if (kFormats.contains(key)) {
    if (text.empty() || length(text) > 255) return EINVAL;
    (key == "disk_format" ? image.disk_format : image.container_format) = text;
  } else if (kNumbers.contains(key)) {
    const auto number = number_of_text(text);
    if (!number) return EINVAL;
    (key == "min_disk" ? image.min_disk : image.min_ram) = *number;
  } else if (kSwitches.contains(key)) {
    const auto on = switch_of_text(text);
    if (!on) return EINVAL;
    (key == "protected" ? image.is_protected : image.hidden) = *on;
  } else if (key == "tags") {
    const auto tags = tags_of_text(text);
    if (!tags) return EINVAL;
    image.tags = *tags;
  } else {
    image.properties[key] = text;
  }
  return 0;
}

}  // namespace

Texts all_fields(const Image& image) {
  Texts texts(image.properties.begin(), image.properties.end());
  const auto add = [&](const std::string& key, const std::optional<std::string>& text) {
    texts.erase(key);
    if (text) texts[key] = *text;
  };
  const auto add_size = [&](const std::string& key, const std::optional<std::uint64_t>& size) {
    add(key, size ? std::optional(std::to_string(*size)) : std::nullopt);
  };
  add("id", image.id);
  add("name", image.name);
  add("status", image.status);
  add("visibility", image.visibility);
  add("owner", image.owner);
  add("disk_format", image.disk_format);
  add("container_format", image.container_format);
  add_size("size", image.size);
  add_size("virtual_size", image.virtual_size);
  add("checksum", image.checksum);
  if (image.os_hash_value) add("os_hash_algo", "sha512");
  add("os_hash_value", image.os_hash_value);
  add("min_disk", std::to_string(image.min_disk));
  add("min_ram", std::to_string(image.min_ram));
  add("protected", image.is_protected ? "true" : "false");
  add("os_hidden", image.hidden ? "true" : "false");
  if (!image.tags.empty()) add("tags", text_of_tags(image.tags));
  add("created_at", devcloud::iso_time(image.created_at));
  add("updated_at", devcloud::iso_time(image.updated_at));
  std::string stores;
  for (const std::string& store : image.stores) stores += (stores.empty() ? "" : ",") + store;
  if (!stores.empty()) add("stores", stores);
  return texts;
}

Texts settable_fields(const Image& image) {
  Texts texts;
  for (const auto& [key, text] : all_fields(image)) {
    const bool initial = kNumbers.contains(key) ? text == "0" : text == "false";
    const bool base = kNumbers.contains(key) || kSwitches.contains(key);
    if (base && initial) continue;
    if (is_decided(key) || key == "name" || key == "visibility" || refused(image, key) != 0)
      continue;
    texts[key] = text;
  }
  return texts;
}

int set_field(Image& image, const std::string& key, const std::string& text) {
  const Texts before = all_fields(image);
  const auto old = before.find(key);
  if (old != before.end() && old->second == text) return -1;
  if (const int error = refused(image, key)) return error;
  if (text.size() > 65535) return E2BIG;
  if (!is_plain_text(key) || !is_plain_text(text)) return EILSEQ;
  Image after = image;
  if (const int error = assign(after, key, text)) return error;
  if (all_fields(after) == before) return -1;
  image = after;
  return 0;
}

int remove_field(Image& image, const std::string& key) {
  if (!all_fields(image).contains(key)) return ENODATA;
  if (const int error = refused(image, key)) return error;
  if (kNumbers.contains(key)) return assign(image, key, "0");
  if (kSwitches.contains(key)) return assign(image, key, "false");
  if (key == "tags") return assign(image, key, "");
  if (key == "name" || key == "visibility" || kFormats.contains(key)) return EPERM;
  image.properties.erase(key);
  return 0;
}

std::uint64_t readable_size(const Image& image) {
  const bool has_data = image.status == "active" || image.status == "deactivated";
  return has_data ? image.size.value_or(0) : 0;
}

bool is_known_format(const std::string& key, const std::string& word) {
  const devcloud::Config site;
  const auto& words = key == "disk_format" ? site.disk_formats : site.container_formats;
  return !kFormats.contains(key) || std::ranges::find(words, word) != words.end();
}

}  // namespace glancefs::model
