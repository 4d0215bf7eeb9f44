#include "client/cloud.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/log.h"
#include "client/cloud_file.h"
#include "client/cloud_login.h"
#include "client/cloud_settings.h"

namespace glancefs::client {
namespace {

constexpr const char* kEnvironmentCloud = "envvars";

std::string value_of(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

std::vector<std::string> names_in(const ConfigTree& clouds) {
  std::vector<std::string> names;
  names.reserve(clouds.map.size());
  for (const auto& [name, tree] : clouds.map) names.push_back(name);
  return names;
}

// Levenshtein's distance: how many letters must be changed, added or left out.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

std::string nearest(const std::string& name, const std::vector<std::string>& names) {
  constexpr std::size_t kNear = 2;
  std::size_t best = kNear + 1;
  std::string found;
  for (const std::string& candidate : names) {
    const std::size_t away = distance(name, candidate);
    if (away < best && away < name.size()) {
      best = away;
      found = candidate;
    }
  }
  return found;
}

// Variables that say who or where, as opposed to the many that only adjust.
bool describes_cloud(const Settings& settings) {
  constexpr std::array<const char*, 10> kTelling{"auth_url",
                                                 "endpoint",
                                                 "image_endpoint_override",
                                                 "username",
                                                 "user_id",
                                                 "password",
                                                 "token",
                                                 "application_credential_id",
                                                 "application_credential_name",
                                                 "application_credential_secret"};
  return std::ranges::any_of(kTelling, [&](const char* key) { return settings.contains(key); });
}

std::string places(const CloudFiles& files) {
  return fmt::format("searched: {}", fmt::join(files.searched, ", "));
}

[[noreturn]] void unknown_cloud(const std::string& name, const CloudFiles& files) {
  if (files.path.empty()) {
    throw CloudError(fmt::format("cloud \"{}\" not found: there is no clouds.yaml", name),
                     places(files));
  }
  const auto names = names_in(files.clouds);
  const std::string similar = nearest(name, names);
  throw CloudError(fmt::format("cloud \"{}\" not found in {} (has: {})", name, files.path,
                               fmt::join(names, ", ")),
                   similar.empty() ? "" : fmt::format("did you mean \"{}\"?", similar));
}

[[noreturn]] void nothing_chosen(const CloudFiles& files) {
  if (files.clouds.map.size() > 1) {
    throw CloudError(
        fmt::format("{} has several clouds and none was chosen: set OS_CLOUD, or name "
                    "a cloud (has: {})",
                    files.path, fmt::join(names_in(files.clouds), ", ")));
  }
  throw CloudError(
      "no cloud given: set OS_CLOUD or OS_AUTH_URL, or name a cloud: mount.glancefs CLOUD "
      "/mnt/images",
      places(files));
}

struct Region {
  std::string name;
  ConfigTree values;  ///< what is different there
};

std::optional<Region> region_in(const ConfigTree& item) {
  if (item.text) return Region{*item.text, {}};
  const ConfigTree* name = item.find("name");
  const ConfigTree* values = item.find("values");
  if (name == nullptr || !name->text) return std::nullopt;
  return Region{*name->text, values == nullptr ? ConfigTree() : *values};
}

// The list of regions, or what region_name names: one, a list, or words between commas.
std::vector<Region> regions_of(const ConfigTree& cloud) {
  std::vector<Region> regions;
  for (const char* key : {"regions", "region_name"}) {
    const ConfigTree* found = cloud.find(key);
    if (found == nullptr || !regions.empty()) continue;
    for (const ConfigTree& item : found->list) {
      if (auto region = region_in(item)) regions.push_back(*std::move(region));
    }
    for (std::string& word : words_of(found->text.value_or(""))) {
      regions.push_back({std::move(word), {}});
    }
  }
  return regions;
}

// `demanded` was asked for by a mount option, `wished` by a variable that may be meant for another
// cloud.
void choose_region(const std::string& name, ConfigTree& cloud, const std::string& demanded,
                   const std::string& wished) {
  const std::vector<Region> regions = regions_of(cloud);
  if (regions.empty()) {
    if (!wished.empty()) cloud.map["region_name"].text = wished;
    return;
  }
  const auto named = [&](const std::string& region) {
    return std::ranges::find(regions, region, &Region::name);
  };
  auto chosen = regions.begin();
  if (const ConfigTree* own = cloud.find("region_name"); own != nullptr && own->text) {
    if (const auto found = named(*own->text); found != regions.end()) chosen = found;
  }
  if (const auto found = named(wished); found != regions.end()) chosen = found;
  if (!demanded.empty()) {
    chosen = named(demanded);
    if (chosen == regions.end()) {
      std::vector<std::string> names;
      names.reserve(regions.size());
      for (const Region& region : regions) names.push_back(region.name);
      throw CloudError(fmt::format("{}: region \"{}\" is not one of its regions (has: {})", name,
                                   demanded, fmt::join(names, ", ")));
    }
  }
  if (!chosen->values.map.empty()) merge(cloud, chosen->values);
  cloud.map["region_name"] = {.text = chosen->name, .list = {}, .map = {}};
}

ConfigTree with_profile(const std::string& name, const ConfigTree& own, const CloudFiles& files) {
  const ConfigTree* profile = own.find("profile");
  if (profile == nullptr) profile = own.find("cloud");
  if (profile == nullptr || !profile->text) return own;
  const ConfigTree* found = files.profiles.find(*profile->text);
  if (found == nullptr) {
    // openstacksdk knows some vendors by heart; a stale copy of their addresses helps nobody.
    throw CloudError(
        fmt::format("{}: profile \"{}\" is not in clouds-public.yaml", name, *profile->text),
        "put what it says, above all auth_url, into clouds.yaml");
  }
  ConfigTree tree = with_plain_keys(*found);
  merge(tree, own);
  return tree;
}

void warn_of_ignored(const Settings& environment) {
  std::string names;
  for (const auto& [key, value] : environment) {
    if (key == "username" || key == "project_name" || key == "auth_url") {
      names += (names.empty() ? "OS_" : ", OS_") + key;
    }
  }
  for (char& c : names) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (!names.empty()) log::info("a cloud was named, so these variables are ignored: {}", names);
}

Cloud cloud_from_file(const std::string& name, const CloudFiles& files,
                      const CloudSources& sources) {
  const ConfigTree* own = files.clouds.find(name);
  if (own == nullptr) unknown_cloud(name, files);
  ConfigTree tree = with_profile(name, with_plain_keys(*own), files);
  choose_region(name, tree, value_of(sources.overrides, "OS_REGION_NAME"),
                value_of(sources.environment, "OS_REGION_NAME"));
  warn_of_ignored(settings_of(sources.environment));
  Settings settings = settings_of(tree);
  for (auto& [key, value] : settings_of(sources.overrides)) settings[key] = value;
  return cloud_of(name, settings, sources.home);
}

Cloud cloud_from_variables(const CloudSources& sources) {
  Settings settings = settings_of(sources.environment);
  for (auto& [key, value] : settings_of(sources.overrides)) settings[key] = value;
  std::string name = value_of(sources.environment, "OS_CLOUD_NAME");
  if (name.empty()) name = kEnvironmentCloud;
  return cloud_of(name, settings, sources.home);
}

std::string chosen_name(const std::string& name, const CloudSources& sources) {
  if (!name.empty()) return name;
  const std::string option = value_of(sources.overrides, "OS_CLOUD");
  return option.empty() ? value_of(sources.environment, "OS_CLOUD") : option;
}

}  // namespace

std::string Cloud::label() const {
  if (!name.empty() && name != kEnvironmentCloud) return name;
  const std::string& url = auth_url.empty() ? endpoint_override : auth_url;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return "cloud";
  const std::size_t host = scheme + 3;
  return url.substr(host, url.find_first_of("/?#", host) - host);
}

Cloud load_cloud(const std::string& name, const CloudSources& sources) {
  const std::string chosen = chosen_name(name, sources);
  const bool described = describes_cloud(settings_of(sources.environment)) ||
                         !value_of(sources.overrides, "OS_AUTH_URL").empty() ||
                         !value_of(sources.overrides, "OS_ENDPOINT").empty();
  if (chosen.empty() && described) return cloud_from_variables(sources);
  const CloudFiles files = read_cloud_files(sources);
  if (!chosen.empty()) {
    if (chosen == kEnvironmentCloud && files.clouds.find(chosen) == nullptr && described) {
      return cloud_from_variables(sources);
    }
    return cloud_from_file(chosen, files, sources);
  }
  if (files.clouds.map.size() != 1) nothing_chosen(files);
  return cloud_from_file(files.clouds.map.begin()->first, files, sources);
}

}  // namespace glancefs::client
