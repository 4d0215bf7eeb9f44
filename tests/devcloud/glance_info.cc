// Discovery beside the images: stores, import methods, usage, schemas.
#include <fmt/format.h>

#include <utility>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

Json type(Json kind, std::string_view description) {
  return {{"type", std::move(kind)}, {"description", description}};
}

Json read_only(Json property) {
  property["readOnly"] = true;
  return property;
}

Json with(Json property, const char* key, Json value) {
  property[key] = std::move(value);
  return property;
}

Json format_enum(const std::vector<std::string>& formats, std::string_view description) {
  Json values = Json::array({nullptr});
  for (const std::string& format : formats) values.push_back(format);
  return with(type({"null", "string"}, description), "enum", std::move(values));
}

Json site_property(std::string_view description) {
  return with(type("string", description), "is_base", false);
}

Json image_properties(const Config& config) {
  const Json optional_text = {"null", "string"};
  const Json optional_number = {"null", "integer"};
  Json properties{
      {"id", type("string", "An identifier for the image")},
      {"name", with(type(optional_text, "Descriptive name for the image"), "maxLength", 255)},
      {"status", read_only(with(type("string", "Status of the image"), "enum",
                                {"queued", "saving", "active", "killed", "deleted", "uploading",
                                 "importing", "pending_delete", "deactivated"}))},
      {"visibility", with(type("string", "Scope of image accessibility"), "enum",
                          {"community", "public", "private", "shared"})},
      {"protected", type("boolean", "If true, image will not be deletable.")},
      {"os_hidden",
       type("boolean", "If true, image will not appear in default image list response.")},
      {"checksum",
       read_only(with(type(optional_text, "md5 hash of image contents."), "maxLength", 32))},
      {"os_hash_algo", read_only(type(optional_text, "Algorithm to calculate the os_hash_value"))},
      {"os_hash_value", read_only(type(optional_text,
                                       "Hexdigest of the image contents using the "
                                       "algorithm specified by the os_hash_algo"))},
      {"owner", with(type(optional_text, "Owner of the image"), "maxLength", 255)},
      {"size", read_only(type(optional_number, "Size of image file in bytes"))},
      {"virtual_size", read_only(type(optional_number, "Virtual size of image in bytes"))},
      {"container_format", format_enum(config.container_formats, "Format of the container")},
      {"disk_format", format_enum(config.disk_formats, "Format of the disk")},
      {"created_at", read_only(type("string", "Date and time of image registration"))},
      {"updated_at", read_only(type("string", "Date and time of the last image modification"))},
      {"tags", with(type("array", "List of strings related to the image"), "items",
                    {{"type", "string"}, {"maxLength", 255}})},
      {"direct_url",
       read_only(type("string", "URL to access the image file kept in external store"))},
      {"min_ram", type("integer", "Amount of ram (in MB) required to boot image.")},
      {"min_disk", type("integer", "Amount of disk space (in GB) required to boot image.")},
      {"self", read_only(type("string", "An image self url"))},
      {"file", read_only(type("string", "An image file url"))},
      {"stores", read_only(type("string", "Store in which image data resides."))},
      {"schema", read_only(type("string", "An image schema url"))},
      {"locations", type("array", "A set of URLs to access the image file kept in external store")},
  };
  for (const char* name :
       {"architecture", "description", "instance_uuid", "os_distro", "os_version",
        "cinder_encryption_key_id", "cinder_encryption_key_deletion_policy"})
    properties[name] = site_property(fmt::format("Image property {}", name));
  for (const char* name : {"kernel_id", "ramdisk_id"})
    properties[name] = with(site_property("ID of another image"), "type", optional_text);
  properties["id"]["pattern"] =
      "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$";
  return properties;
}

Json member_schema() {
  return {{"name", "member"},
          {"properties",
           {{"member_id", type("string", "An identifier for the image member (tenantId)")},
            {"image_id", type("string", "An identifier for the image")},
            {"created_at", type("string", "Date and time of image member creation")},
            {"updated_at", type("string", "Date and time of last modification of image member")},
            {"status", with(type("string", "The status of this image member"), "enum",
                            {"pending", "accepted", "rejected"})},
            {"schema", read_only(type("string", ""))}}}};
}

Json collection(const std::string& name, const Json& item) {
  return {{"name", name},
          {"properties",
           {{name, {{"type", "array"}, {"items", item}}}, {"schema", {{"type", "string"}}}}},
          {"links", {{{"rel", "describedby"}, {"href", "{schema}"}}}}};
}

Json namespace_schema() {
  return {{"name", "namespace"},
          {"properties",
           {{"namespace", with(type("string", "The unique namespace text."), "maxLength", 80)},
            {"display_name", type("string", "The user friendly name for the namespace.")},
            {"visibility", with(type("string", "Scope of namespace accessibility."), "enum",
                                {"public", "private"})},
            {"properties", type("object", "Property definitions")},
            {"objects", type("array", "Object definitions")}}}};
}

Json task_schema() {
  return {{"name", "task"},
          {"properties",
           {{"id", type("string", "An identifier for the task")},
            {"type", with(type("string", "The type of task"), "enum",
                          {"import", "api_image_import", "location_import"})},
            {"status", with(type("string", "The current status of this task"), "enum",
                            {"pending", "processing", "success", "failure"})}}}};
}

}  // namespace

Response Glance::schema(Call& call) {
  if (call.request.method != "GET") throw Problem(405, "");
  if (call.path.size() == 3 && call.path[1] == "metadefs" && call.path[2] == "namespace")
    return json_response(namespace_schema());
  if (call.path.size() != 2) throw Problem(404, "");
  const std::string& name = call.path[1];
  const Json image{{"name", "image"},
                   {"properties", image_properties(config_)},
                   {"additionalProperties", {{"type", "string"}}},
                   {"links",
                    {{{"rel", "self"}, {"href", "{self}"}},
                     {{"rel", "enclosure"}, {"href", "{file}"}},
                     {{"rel", "describedby"}, {"href", "{schema}"}}}}};
  if (name == "image") return json_response(image);
  if (name == "images") return json_response(collection("images", image));
  if (name == "member") return json_response(member_schema());
  if (name == "members") return json_response(collection("members", member_schema()));
  if (name == "task") return json_response(task_schema());
  if (name == "tasks") return json_response(collection("tasks", task_schema()));
  throw Problem(404, "");
}

Response Glance::info(Call& call) {
  if (call.request.method != "GET") throw Problem(405, "");
  const std::string what = call.path.size() > 1 ? call.path[1] : "";
  const bool detail = call.path.size() == 3 && what == "stores" && call.path[2] == "detail";
  if (call.path.size() != 2 && !detail) throw Problem(404, "");
  if (what == "import")
    return json_response({{"import-methods",
                           {{"description", "Import methods available."},
                            {"type", "array"},
                            {"value", config_.import_methods}}}});
  if (what == "usage") return usage(call.caller);
  if (what != "stores") throw Problem(404, "");
  if (config_.stores.empty())
    throw Problem(404, "", "Multi backend is not supported at this site.");
  if (detail && !call.caller.admin)
    throw Problem(403, "You are not authorized to complete stores_info_detail action.");
  Json stores = Json::array();
  for (const StoreConfig& known : config_.stores) {
    Json entry{{"id", known.id}};
    if (known.id == default_store()) entry["default"] = "true";
    if (known.ranges == RangeSupport::kRefused) entry["read-only"] = "true";
    if (detail) {
      entry["type"] = known.ranges == RangeSupport::kRefused ? "http" : "file";
      entry["properties"] = {{"data_dir", "/var/lib/glance/" + known.id}, {"chunk_size", 65536}};
    }
    stores.push_back(std::move(entry));
  }
  return json_response({{"stores", stores}});
}

Response Glance::usage(const Caller& caller) {
  Json usage = Json::object();
  if (config_.limits) {
    const Lock lock(catalogue_.mutex);
    const auto entry = [](std::uint64_t used, std::int64_t limit) {
      return Json{{"usage", used}, {"limit", limit}};
    };
    const KeystoneLimits& limits = *config_.limits;
    const std::string& project = caller.project_id;
    usage["image_size_total"] =
        entry(catalogue_.used_bytes(&project) / kMiB, limits.image_size_total);
    usage["image_stage_total"] =
        entry(catalogue_.staged_bytes(project) / kMiB, limits.image_stage_total);
    usage["image_count_total"] = entry(catalogue_.count(project), limits.image_count_total);
    usage["image_count_uploading"] =
        entry(catalogue_.count_uploading(project), limits.image_count_uploading);
  }
  return json_response({{"usage", usage}});
}

}  // namespace glancefs::devcloud
