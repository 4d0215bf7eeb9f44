#include "client/image_json.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/log.h"
#include "client/bounded_json.h"

namespace glancefs::client {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxSize = std::numeric_limits<std::int64_t>::max();

// A field has another type or range than the schema says: the record cannot be trusted.
struct Nonsense {
  std::string_view key;
};

std::optional<std::string> text(const json& record, std::string_view key) {
  const json& value = member(record, key);
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) throw Nonsense{key};
  return value.get<std::string>();
}

std::string text_or_empty(const json& record, std::string_view key) {
  return text(record, key).value_or(std::string());
}

std::optional<std::uint64_t> number(const json& record, std::string_view key) {
  const json& value = member(record, key);
  if (value.is_null()) return std::nullopt;
  // is_number_unsigned() holds for integers ≥ 0 up to 2^64-1, and for nothing else.
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMaxSize) throw Nonsense{key};
  return value.get<std::uint64_t>();
}

bool truth(const json& record, std::string_view key) {
  const json& value = member(record, key);
  if (value.is_null()) return false;
  if (!value.is_boolean()) throw Nonsense{key};
  return value.get<bool>();
}

std::chrono::sys_seconds time(const json& record, std::string_view key) {
  const auto value = text(record, key);
  if (!value) return {};
  const auto parsed = parse_time(*value);
  if (!parsed) throw Nonsense{key};
  return *parsed;
}

std::vector<std::string> tags(const json& record) {
  const json& value = member(record, "tags");
  std::vector<std::string> found;
  if (value.is_null()) return found;
  if (!value.is_array()) throw Nonsense{"tags"};
  for (const json& tag : value) {
    if (!tag.is_string()) throw Nonsense{"tags"};
    found.push_back(tag.get<std::string>());
  }
  std::ranges::sort(found);
  return found;
}

bool has_own_field(std::string_view key) {
  constexpr std::array<std::string_view, 22> kKeys{
      "checksum", "container_format", "created_at",   "disk_format",  "file",          "id",
      "min_disk", "min_ram",          "name",         "os_hash_algo", "os_hash_value", "os_hidden",
      "owner",    "protected",        "schema",       "self",         "size",          "status",
      "tags",     "updated_at",       "virtual_size", "visibility"};
  return std::ranges::binary_search(kKeys, key);
}

Properties properties(const json& record) {
  Properties found;
  for (const auto& [key, value] : record.items()) {
    if (has_own_field(key) || value.is_null()) continue;
    found.emplace_back(key, value.is_string() ? value.get<std::string>() : to_text(value));
  }
  std::ranges::sort(found);
  found.shrink_to_fit();  // a catalogue keeps a hundred thousand of these
  return found;
}

Image image_of(const json& record) {
  Image image;
  image.id = text_or_empty(record, "id");
  if (!is_uuid(image.id)) throw Nonsense{"id"};
  image.name = text(record, "name");
  image.status_word = text_or_empty(record, "status");
  image.status = status_of(image.status_word);
  const auto visibility = visibility_of(text_or_empty(record, "visibility"));
  if (!visibility) throw Nonsense{"visibility"};
  image.visibility = *visibility;
  image.owner = text_or_empty(record, "owner");
  image.disk_format = text(record, "disk_format");
  image.container_format = text(record, "container_format");
  image.size = number(record, "size");
  image.virtual_size = number(record, "virtual_size");
  image.checksum = text_or_empty(record, "checksum");
  image.hash_algorithm = text_or_empty(record, "os_hash_algo");
  image.hash = text_or_empty(record, "os_hash_value");
  image.min_disk = number(record, "min_disk").value_or(0);
  image.min_ram = number(record, "min_ram").value_or(0);
  image.is_protected = truth(record, "protected");
  image.hidden = truth(record, "os_hidden");
  image.tags = tags(record);
  image.created = time(record, "created_at");
  image.updated = time(record, "updated_at");
  image.properties = properties(record);
  return image;
}

std::optional<Image> sensible_image(const json& record) {
  if (!record.is_object()) return std::nullopt;
  try {
    return image_of(record);
  } catch (const Nonsense& nonsense) {
    log::warning("image {}: its {} makes no sense; the record is left out",
                 log::printable(text_at(record, "id").value_or("without id").substr(0, 64)),
                 nonsense.key);
    return std::nullopt;
  }
}

std::optional<std::uint64_t> limit_at(const json& usage, std::string_view resource,
                                      std::string_view key, std::uint64_t unit) {
  const json& value = member(member(usage, resource), key);
  // -1 is "unlimited".
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMaxSize / unit) {
    return std::nullopt;
  }
  return value.get<std::uint64_t>() * unit;
}

json to_json(const Value& value) {
  return std::visit([](const auto& plain) { return json(plain); }, value);
}

// RFC 6901.
std::string pointer_to(std::string_view key) {
  std::string pointer = "/";
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

// With a blank for line breaks and what surrounds them.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool blank = static_cast<unsigned char>(c) <= ' ';
    if (!blank) line += c;
    if (blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

std::optional<Image> parse_image(std::string_view text) {
  const auto record = parse_bounded(text);
  return record ? sensible_image(*record) : std::nullopt;
}

std::optional<Page> parse_page(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& records = member(*document, "images");
  if (!records.is_array()) return std::nullopt;
  Page page;
  page.has_next = member(*document, "next").is_string();
  for (const json& record : records) {
    if (auto image = sensible_image(record)) page.images.push_back(*std::move(image));
    // To go on after a record it need not make sense, only have an id that can be sent back.
    std::string id = text_at(record, "id").value_or(std::string());
    if (is_uuid(id)) page.ids.push_back(std::move(id));
  }
  return page;
}

std::optional<Quota> parse_usage(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& usage = member(*document, "usage");
  if (!usage.is_object()) return std::nullopt;
  constexpr std::uint64_t kMiB = std::uint64_t{1024} * 1024;
  return Quota{.size_limit = limit_at(usage, "image_size_total", "limit", kMiB),
               .size_used = limit_at(usage, "image_size_total", "usage", kMiB),
               .count_limit = limit_at(usage, "image_count_total", "limit", 1),
               .count_used = limit_at(usage, "image_count_total", "usage", 1)};
}

std::optional<std::vector<Task>> parse_tasks(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& records = member(*document, "tasks");
  if (!records.is_array()) return std::nullopt;
  std::vector<std::pair<std::string, Task>> dated;
  for (const json& record : records) {
    // Times of one form, which sort as text.
    dated.emplace_back(text_at(record, "created_at").value_or(std::string()),
                       Task{.id = text_at(record, "id").value_or(std::string()),
                            .status = text_at(record, "status").value_or(std::string()),
                            .message = on_one_line(text_at(record, "message").value_or(""))});
  }
  std::ranges::stable_sort(dated, {}, &std::pair<std::string, Task>::first);
  std::vector<Task> tasks;
  for (auto& [time, task] : dated) tasks.push_back(std::move(task));
  return tasks;
}

std::optional<std::vector<std::string>> parse_stores(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& records = member(*document, "stores");
  if (!records.is_array()) return std::nullopt;
  std::vector<std::string> stores;
  for (const json& record : records) {
    auto id = text_at(record, "id");
    if (!id || id->starts_with("os_glance_") || text_at(record, "read-only") == "true") continue;
    stores.push_back(*std::move(id));
  }
  return stores;
}

std::optional<std::vector<std::string>> parse_import_methods(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& words = member(member(*document, "import-methods"), "value");
  if (!words.is_array()) return std::nullopt;
  std::vector<std::string> methods;
  for (const json& word : words) {
    if (word.is_string()) methods.push_back(word.get<std::string>());
  }
  return methods;
}

std::string import_json(const ImportOrder& order) {
  json method{{"name", order.method}};
  if (!order.uri.empty()) method["uri"] = order.uri;
  json body{{"method", std::move(method)}};
  if (!order.stores.empty()) body["stores"] = order.stores;
  return written(body);
}

std::string draft_json(const Draft& draft) {
  json body = json::object();
  for (const Change& field : draft.fields) {
    if (field.value) body[field.key] = to_json(*field.value);
  }
  body["id"] = draft.id;
  body["name"] = draft.name;
  body["visibility"] = to_string(draft.visibility);
  if (!draft.disk_format.empty()) body["disk_format"] = draft.disk_format;
  if (!draft.container_format.empty()) body["container_format"] = draft.container_format;
  return written(body);
}

std::string patch_json(const std::vector<Change>& changes) {
  json body = json::array();
  for (const Change& change : changes) {
    json operation{{"op", change.value ? "add" : "remove"}, {"path", pointer_to(change.key)}};
    if (change.value) operation["value"] = to_json(*change.value);
    body.push_back(std::move(operation));
  }
  return written(body);
}

}  // namespace glancefs::client
