// A handful of the metadata definitions Glance ships: enough to check property values against.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

Json property(const char* title, const char* type, const Json& values = nullptr) {
  Json made{{"title", title}, {"type", type}, {"description", title}};
  if (values.is_array()) made["enum"] = values;
  return made;
}

Json space(const char* name, const char* display, const char* visibility, const char* prefix,
           Json properties) {
  Json association{{"name", "OS::Glance::Image"}};
  if (*prefix != '\0') association["prefix"] = prefix;
  return {{"namespace", name},
          {"display_name", display},
          {"visibility", visibility},
          {"protected", true},
          {"owner", "admin"},
          {"resource_type_associations", Json::array({association})},
          {"properties", std::move(properties)},
          {"objects", Json::array()},
          {"self", std::string("/v2/metadefs/namespaces/") + name},
          {"schema", "/v2/schemas/metadefs/namespace"}};
}

const Json& all_namespaces() {
  // By name, the order of paging.
  static const Json all = Json::array(
      {space("OS::Compute::LibvirtImage", "libvirt Driver Options for Images", "public", "",
             {{"hw_disk_bus",
               property("Disk Bus", "string",
                        {"scsi", "virtio", "uml", "xen", "ide", "usb", "fdc", "sata"})},
              {"hw_vif_model",
               property("Virtual Network Interface", "string",
                        {"e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139", "virtio", "vmxnet3"})},
              {"hw_video_ram", property("Max Video Ram", "integer")}}),
       space("OS::Compute::VMware", "VMware Driver Options", "public", "",
             {{"hw_vif_model", property("Virtual Network Interface", "string",
                                        {"e1000", "e1000e", "VirtualE1000", "VirtualE1000e",
                                         "VirtualPCNet32", "VirtualVmxnet", "VirtualVmxnet3"})}}),
       space("OS::Compute::VirtCPUTopology", "Virtual CPU Topology", "public", "hw_",
             {{"cpu_sockets", property("vCPU Sockets", "integer")},
              {"cpu_cores", property("vCPU Cores", "integer")},
              {"cpu_threads", property("vCPU Threads", "integer")}}),
       space("OS::Glance::CommonImageProperties", "Common Image Properties", "private", "",
             {{"architecture", property("CPU Architecture of the image.", "string")}}),
       space("OS::OperatingSystem", "Common Operating System Properties", "private", "",
             {{"os_distro", property("OS Distro", "string")},
              {"os_version", property("OS Version", "string")},
              {"os_admin_user", property("OS Admin User", "string")}})});
  return all;
}

// Property names get the association's prefix only where the resource type is asked for.
Json with_prefix(const Json& space, const std::string* resource_type) {
  Json shown = space;
  if (resource_type == nullptr) return shown;
  std::string prefix;
  for (const Json& association : space["resource_type_associations"])
    if (association["name"] == *resource_type) prefix = text(association, "prefix");
  Json properties = Json::object();
  for (const auto& [name, definition] : space["properties"].items())
    properties[prefix + name] = definition;
  shown["properties"] = std::move(properties);
  return shown;
}

std::size_t page_limit(const Config& config, const std::string* asked) {
  if (asked == nullptr) return config.page_default;
  std::size_t limit = 0;
  const char* end = asked->data() + asked->size();
  if (const auto [stop, error] = std::from_chars(asked->data(), end, limit);
      error != std::errc() || stop != end)
    throw Problem(400, "limit param must be an integer");
  return std::min(limit, config.page_max);
}

Json page(const Config& config, const Fields& query, bool admin) {
  const std::string* marker = find_field(query, "marker");
  const std::size_t limit = page_limit(config, find_field(query, "limit"));
  Json body{{"namespaces", Json::array()},
            {"first", "/v2/metadefs/namespaces"},
            {"schema", "/v2/schemas/metadefs/namespaces"}};
  for (Json space : all_namespaces()) {
    if (space["visibility"] != "public" && !admin) continue;
    if (marker != nullptr && space["namespace"].get<std::string>() <= *marker) continue;
    if (body["namespaces"].size() >= limit) {
      if (limit > 0)
        body["next"] = "/v2/metadefs/namespaces?marker=" +
                       body["namespaces"].back()["namespace"].get<std::string>();
      break;
    }
    space.erase("properties");
    space.erase("objects");
    body["namespaces"].push_back(std::move(space));
  }
  return body;
}

}  // namespace

Response Glance::metadefs(Call& call) {
  if (call.path.size() < 2 || call.path.size() > 3 || call.path[1] != "namespaces")
    throw Problem(404, "");
  if (call.request.method != "GET") throw Problem(403, "");
  if (call.path.size() == 2)
    return json_response(page(config_, call.request.query, call.caller.admin));
  for (const Json& space : all_namespaces())
    if (space["namespace"] == call.path[2] &&
        (space["visibility"] == "public" || call.caller.admin))
      return json_response(with_prefix(space, find_field(call.request.query, "resource_type")));
  throw Problem(404, fmt::format("Metadata definition namespace={} was not found.", call.path[2]));
}

}  // namespace glancefs::devcloud
