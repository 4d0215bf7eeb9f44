// Records: create, show, delete, actions and tags.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

constexpr std::size_t kQuota = 128;  ///< properties, tags, members
constexpr std::array kReadOnlyAtOnce{"direct_url", "self", "file", "schema", "stores"};
constexpr std::array kReadOnly{"status",       "size",       "checksum",
                               "virtual_size", "created_at", "updated_at"};
constexpr std::array kReserved{"location", "deleted", "deleted_at", "locations"};

template <typename List>
bool contains(const List& list, std::string_view key) {
  return std::find(list.begin(), list.end(), key) != list.end();
}

template <typename T>
Json nullable(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

[[noreturn]] void refuse(const char* what, const std::string& key) {
  throw Problem(403, fmt::format("Attribute '{}' is {}.", key, what));
}

// Read-only names come before the schema, reserved ones after it, as in Glance's deserializer.
void check_create_keys(const Config& config, const Json& body) {
  for (const auto& [key, value] : body.items())
    if (contains(kReadOnlyAtOnce, key)) refuse("read-only", key);
  for (const auto& [key, value] : body.items())
    if (!contains(kReadOnly, key) && key != "locations") check_attribute(config, key, value);
  for (const auto& [key, value] : body.items()) {
    if (utf8_length(key) > 255)
      throw Problem(400, "Custom property should not be greater than 255 characters.");
    if (contains(kReserved, key) || key.starts_with("os_glance")) refuse("reserved", key);
    if (contains(kReadOnly, key)) refuse("read-only", key);
  }
}

void check_quotas(const Image& image) {
  if (image.properties.size() > kQuota)
    throw Problem(413, fmt::format("The limit has been exceeded on the number of allowed image "
                                   "properties. Attempted: {}, Maximum: {}",
                                   image.properties.size(), kQuota));
  if (image.tags.size() > kQuota)
    throw Problem(413, fmt::format("The limit has been exceeded on the number of allowed image "
                                   "tags. Attempted: {}, Maximum: {}",
                                   image.tags.size(), kQuota));
}

// URL bytes reach Glance as Latin-1: every byte of UTF-8 becomes a character of its own.
std::string mojibake(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | byte >> 6U);
      out += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return out;
}

}  // namespace

Json Glance::record(const Image& image) const {
  Json json = Json::object();
  for (const auto& [key, value] : image.properties) json[key] = value;
  json["id"] = image.id;
  json["name"] = nullable(image.name);
  json["status"] = image.status;
  json["visibility"] = image.visibility;
  json["owner"] = nullable(image.owner);
  json["disk_format"] = nullable(image.disk_format);
  json["container_format"] = nullable(image.container_format);
  json["size"] = nullable(image.size);
  json["virtual_size"] = nullable(image.virtual_size);
  json["checksum"] = nullable(image.checksum);
  json["os_hash_algo"] = image.os_hash_value ? Json("sha512") : Json();
  json["os_hash_value"] = nullable(image.os_hash_value);
  json["min_disk"] = image.min_disk;
  json["min_ram"] = image.min_ram;
  json["protected"] = image.is_protected;
  json["os_hidden"] = image.hidden;
  json["tags"] = image.tags;
  json["created_at"] = iso_time(image.created_at);
  json["updated_at"] = iso_time(image.updated_at);
  json["self"] = "/v2/images/" + image.id;
  json["file"] = "/v2/images/" + image.id + "/file";
  json["schema"] = "/v2/schemas/image";
  if (!config_.stores.empty() && !image.stores.empty())
    json["stores"] = fmt::format("{}", fmt::join(image.stores, ","));
  return json;
}

void Glance::check_image_count(const Caller& caller) const {
  if (!config_.limits || config_.limits->image_count_total < 0) return;
  const auto count = static_cast<std::int64_t>(catalogue_.count(caller.project_id));
  if (count + 1 > config_.limits->image_count_total)
    throw Problem(413,
                  fmt::format("The request returned a 413 Request Entity Too Large. This generally "
                              "means that rate limiting or a quota threshold was breached.\n\nThe "
                              "response body:\nProject {} is over a limit for [Resource "
                              "image_count_total is over limit of {} due to current usage {} and "
                              "delta 1]",
                              caller.project_id, config_.limits->image_count_total, count));
}

Response Glance::create(Call& call) {
  const Json body = json_body(call.exchange);
  if (body.is_string()) throw Problem(400, "Provided object does not match schema 'image'");
  if (!body.is_object()) throw Crash("the body is no object");
  check_create_keys(config_, body);

  Image image;
  image.id = text(body, "id", new_uuid());
  if (!call.caller.project_id.empty()) image.owner = call.caller.project_id;
  for (const auto& [key, value] : body.items()) {
    if (key == "id" || key.starts_with("os_hash_") || set_attribute(image, key, value)) continue;
    if (value.is_string()) image.properties[key] = value.get<std::string>();
  }
  if (!call.caller.admin) {
    if (image.visibility == "public")
      throw Problem(403, "You are not authorized to complete publicize_image action.");
    if (image.owner.value_or("") != call.caller.project_id)
      throw Problem(403, "You are not permitted to create images owned by '" +
                             image.owner.value_or("None") + "'.");
  }
  check_quotas(image);
  image.created_at = std::chrono::system_clock::now();

  const Lock lock(catalogue_.mutex);
  check_image_count(call.caller);
  if (catalogue_.images.contains(image.id) || catalogue_.deleted.contains(image.id))
    throw Problem(409, fmt::format("Image ID {} already exists!", image.id));
  touch(image);
  Response response = json_response(record(image), 201);
  response.set("Location", fmt::format("http://{}/v2/images/{}",
                                       call.request.header_or("Host", "127.0.0.1"), image.id));
  response.set("Openstack-Image-Import-Methods",
               fmt::format("{}", fmt::join(config_.import_methods, ",")));
  if (!config_.stores.empty()) {
    std::string stores;
    for (const StoreConfig& known : config_.stores) stores += known.id + ",";
    response.set("Openstack-Image-Store-Ids",
                 stores + "os_glance_staging_store,os_glance_tasks_store");
  }
  catalogue_.images.emplace(image.id, std::move(image));
  return response;
}

Response Glance::show(Call& call) {
  const Lock lock(catalogue_.mutex);
  return json_response(record(find(call, call.path[1], Access::kSee)));
}

Response Glance::remove(Call& call) {
  const std::string body = call.exchange.whole_body();
  const Lock lock(catalogue_.mutex);
  Image& image = find(call, call.path[1], Access::kModify);
  if (!body.empty()) throw Problem(400, "");
  if (image.is_protected)
    throw Problem(403, fmt::format("Image {} is protected and cannot be deleted.", image.id));
  image.data.reset();
  image.staged.reset();
  auto node = catalogue_.images.extract(image.id);
  catalogue_.deleted.insert(std::move(node));
  traffic_.changed();
  return no_content();
}

Response Glance::remove_from_store(Call& call) {
  if (call.request.method != "DELETE") throw Problem(405, "");
  const Lock lock(catalogue_.mutex);
  Image& image = find(call, call.path[2], Access::kModify);
  if (image.status != "active")
    throw Problem(409, "", "Only images with status active can be targeted");
  if (store(call.path[1]) == nullptr)
    throw Problem(
        409, "", fmt::format("The selected store {} is not available on this node.", call.path[1]));
  if (image.stores.size() < 2)
    throw Problem(403,
                  "Cannot delete image data from the only store containing it. Consider deleting "
                  "the image instead.");
  if (std::erase(image.stores, call.path[1]) == 0)
    throw Problem(404, fmt::format("Image {} is not stored on store {}.", image.id, call.path[1]));
  touch(image);
  return no_content();
}

Response Glance::action(Call& call) {
  const std::string& wanted = call.path[3];
  if (wanted != "deactivate" && wanted != "reactivate") throw Problem(404, "");
  if (!call.exchange.whole_body().empty()) throw Problem(400, "");
  const Lock lock(catalogue_.mutex);
  Image& image = find(call, call.path[1], Access::kModify);
  if (image.status != "active" && image.status != "deactivated")
    throw Problem(403, fmt::format("Not allowed to {} image in status '{}'", wanted, image.status));
  image.status = wanted == "deactivate" ? "deactivated" : "active";
  touch(image);
  return no_content();
}

Response Glance::tag(Call& call) {
  if (!call.exchange.whole_body().empty()) throw Problem(400, "");
  const std::string tag = mojibake(call.path[3]);
  if (utf8_length(tag) > 255)
    throw Problem(
        400, "", fmt::format("Provided object does not match schema 'image': {} is too long", tag));
  const Lock lock(catalogue_.mutex);
  Image& image = find(call, call.path[1], Access::kModify);
  if (call.request.method == "DELETE") {
    if (image.tags.erase(tag) == 0) throw Problem(404, "");
  } else {
    Image changed = image;
    changed.tags.insert(tag);
    check_quotas(changed);
    image.tags = std::move(changed.tags);
  }
  touch(image);
  return no_content();
}

}  // namespace glancefs::devcloud
