#include "client/cloud_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "client/cloud_login.h"

namespace glancefs::client {
namespace {

constexpr std::string_view kPrefix = "OS_";

std::string lowered(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return text;
}

// What older clients and files call it.
std::string current_name(const std::string& name) {
  static const std::map<std::string, std::string> current{
      {"user_name", "username"},
      {"tenant_id", "project_id"},
      {"tenant_name", "project_name"},
      {"auth_token", "token"},
      {"auth_plugin", "auth_type"},
      {"endpoint_type", "interface"},
      {"image_endpoint", "image_endpoint_override"},
      {"default_domain", "default_domain_id"},
  };
  const auto found = current.find(name);
  return found == current.end() ? name : found->second;
}

std::string joined(const ConfigTree& tree) {
  if (tree.text) return *tree.text;
  std::string all;
  for (const ConfigTree& item : tree.list) {
    if (item.text) all += (all.empty() ? "" : ",") + *item.text;
  }
  return all;
}

void add(const ConfigTree& tree, Settings& settings) {
  for (const auto& [key, value] : tree.map) {
    if (std::string text = joined(value); !text.empty()) {
      settings[current_name(key)] = std::move(text);
    }
  }
}

std::string value_of(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second;
}

std::string first_of(const Settings& settings, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string value = value_of(settings, name); !value.empty()) return value;
  }
  return {};
}

std::string expanded(const std::string& path, const std::string& home) {
  return path.starts_with("~/") ? home + path.substr(1) : path;
}

void set_trust(const Settings& settings, const std::string& home, Cloud& cloud) {
  cloud.ca_file = expanded(value_of(settings, "cacert"), home);
  cloud.client_certificate = expanded(value_of(settings, "cert"), home);
  cloud.client_key = expanded(value_of(settings, "key"), home);
  if (const std::string verify = value_of(settings, "verify"); !verify.empty()) {
    const auto truth = truth_of(verify);
    cloud.verify = truth.value_or(true);
    if (!truth) cloud.ca_file = expanded(verify, home);  // openstacksdk takes a path here
  }
  if (const std::string insecure = value_of(settings, "insecure"); !insecure.empty()) {
    const auto truth = truth_of(insecure);
    if (!truth) {
      throw CloudError(
          fmt::format("{}: insecure is neither true nor false: \"{}\"", cloud.label(), insecure));
    }
    if (*truth) cloud.verify = false;
  }
}

void set_service(const Settings& settings, Cloud& cloud) {
  cloud.region = first_of(settings, {"image_region_name", "region_name"});
  const std::string interfaces = first_of(settings, {"image_interface", "interface"});
  if (!interfaces.empty()) cloud.interfaces = words_of(interfaces);
  cloud.service_name = first_of(settings, {"image_service_name", "service_name"});
  const std::string type = value_of(settings, "image_service_type");
  if (!type.empty() && type != "image") {
    throw CloudError(
        fmt::format(R"({}: image_service_type "{}" is not "image")", cloud.label(), type));
  }
  const std::string version = value_of(settings, "image_api_version");
  if (!version.empty() && version != "2" && !version.starts_with("2.")) {
    throw CloudError(
        fmt::format("{}: image_api_version {} is not supported, only 2", cloud.label(), version));
  }
}

void check_url(const Cloud& cloud, const char* name, const std::string& url) {
  if (url.empty()) return;
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    throw CloudError(fmt::format("{}: {} must begin with https:// or http://", cloud.name, name));
  }
  const std::size_t host = url.find("//") + 2;
  if (url.substr(host, url.find_first_of("/?#", host) - host).find('@') != std::string::npos) {
    throw CloudError(fmt::format("{}: {} must not contain a user or password", cloud.name, name));
  }
}

}  // namespace

std::optional<bool> truth_of(const std::string& word) {
  const std::string lower = lowered(word);
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return false;
  return std::nullopt;
}

Settings settings_of(const ConfigTree& cloud) {
  Settings settings;
  add(cloud, settings);
  if (const ConfigTree* auth = cloud.find("auth")) add(*auth, settings);
  return settings;
}

std::string setting_name(const std::string& variable) {
  return current_name(lowered(variable.substr(kPrefix.size())));
}

Settings settings_of(const std::map<std::string, std::string>& variables) {
  Settings settings;
  for (const auto& [name, value] : variables) {
    if (name.starts_with(kPrefix) && !value.empty()) settings[setting_name(name)] = value;
  }
  return settings;
}

Cloud cloud_of(const std::string& name, const Settings& settings, const std::string& home) {
  Cloud cloud;
  cloud.name = name;
  cloud.auth_url = value_of(settings, "auth_url");
  cloud.endpoint_override = value_of(settings, "image_endpoint_override");
  set_service(settings, cloud);
  constexpr std::string_view kRegion = "{region_name}";
  if (const auto at = cloud.auth_url.find(kRegion); at != std::string::npos) {
    cloud.auth_url.replace(at, kRegion.size(), cloud.region);
  }
  set_trust(settings, home, cloud);
  set_login(settings, cloud);
  check_url(cloud, "auth_url", cloud.auth_url);
  check_url(cloud, "the endpoint", cloud.endpoint_override);
  return cloud;
}

}  // namespace glancefs::client
