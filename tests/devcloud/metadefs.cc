// A handful of the metadata definitions Glance ships: enough to check property values against.
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

}  // namespace

const Json& metadef_namespaces() {
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
             {{"hw_cpu_sockets", property("vCPU Sockets", "integer")},
              {"hw_cpu_cores", property("vCPU Cores", "integer")},
              {"hw_cpu_threads", property("vCPU Threads", "integer")}}),
       space("OS::Glance::CommonImageProperties", "Common Image Properties", "private", "",
             {{"architecture", property("CPU Architecture of the image.", "string")}}),
       space("OS::OperatingSystem", "Common Operating System Properties", "private", "",
             {{"os_distro", property("OS Distro", "string")},
              {"os_version", property("OS Version", "string")},
              {"os_admin_user", property("OS Admin User", "string")}})});
  return all;
}

}  // namespace glancefs::devcloud
