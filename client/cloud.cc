#include "client/cloud.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "client/cloud_file.h"
#include "client/cloud_region.h"
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

using Described = std::map<std::string, CloudSetting>;

// Lays what somebody says of any service, or of the image service in particular, on what is known.
void lay(Described& base, const Settings& over, SettingOrigin origin) {
  for (const auto& [key, value] : over) {
    // What clouds.yaml says of the image service alone would win otherwise.
    if (key == "region_name" || key == "interface") base.erase("image_" + key);
    base[key] = {.value = value, .origin = origin, .file = {}};
  }
}

// Which of the files has the last word on each setting of the cloud called `name`.
Described settings_in_files(const std::string& name, const ConfigTree& tree,
                            const CloudFiles& files) {
  const auto said_in = [&](const ConfigTree& clouds) {
    const ConfigTree* found = clouds.find(name);
    return found == nullptr ? Settings() : settings_of(with_plain_keys(*found));
  };
  const Settings secret = said_in(files.secrets);
  const Settings own = said_in(files.clouds);
  Described described;
  for (const auto& [key, value] : settings_of(tree)) {
    const bool inherited = !own.contains(key) && !files.profiles_path.empty();
    described[key] = {.value = value,
                      .origin = SettingOrigin::kFile,
                      .file = secret.contains(key) ? files.secrets_path
                              : inherited          ? files.profiles_path
                                                   : files.path};
  }
  return described;
}

CloudDescription from_file(const CloudSetting& name, const CloudFiles& files,
                           const CloudSources& sources) {
  const ConfigTree* own = files.clouds.find(name.value);
  if (own == nullptr) unknown_cloud(name.value, files);
  ConfigTree tree = with_profile(name.value, with_plain_keys(*own), files);
  const std::string wished = value_of(sources.environment, "OS_REGION_NAME");
  Settings configured = settings_of(sources.configured);
  if (!wished.empty()) configured.erase("region_name");
  std::string demanded = value_of(sources.overrides, "OS_REGION_NAME");
  if (demanded.empty()) demanded = value_of(configured, "region_name");
  choose_region(name.value, tree, demanded, wished);
  warn_of_ignored(settings_of(sources.environment));
  CloudDescription cloud{.name = name, .settings = settings_in_files(name.value, tree, files)};
  const auto region = cloud.settings.find("region_name");
  if (region != cloud.settings.end() && !wished.empty() && region->second.value == wished) {
    region->second = {.value = wished, .origin = SettingOrigin::kVariable, .file = {}};
  }
  lay(cloud.settings, configured, SettingOrigin::kConfigured);
  lay(cloud.settings, settings_of(sources.overrides), SettingOrigin::kOverride);
  return cloud;
}

CloudDescription from_variables(const CloudSources& sources) {
  CloudDescription cloud;
  lay(cloud.settings, settings_of(sources.configured), SettingOrigin::kConfigured);
  lay(cloud.settings, settings_of(sources.environment), SettingOrigin::kVariable);
  lay(cloud.settings, settings_of(sources.overrides), SettingOrigin::kOverride);
  std::string name = value_of(sources.environment, "OS_CLOUD_NAME");
  if (name.empty()) name = kEnvironmentCloud;
  cloud.name = {.value = name, .origin = SettingOrigin::kVariable, .file = {}};
  return cloud;
}

// The cloud that somebody named; an empty value: nobody did.
CloudSetting named_cloud(const std::string& name, const CloudSources& sources) {
  if (!name.empty()) return {name, SettingOrigin::kOverride, {}};
  std::string option = value_of(sources.overrides, "OS_CLOUD");
  if (!option.empty()) return {option, SettingOrigin::kOverride, {}};
  return {value_of(sources.environment, "OS_CLOUD"), SettingOrigin::kVariable, {}};
}

bool has_address(const std::map<std::string, std::string>& options) {
  return !value_of(options, "OS_AUTH_URL").empty() || !value_of(options, "OS_ENDPOINT").empty();
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

std::vector<std::string> cloud_names(const CloudSources& sources) {
  return names_in(read_cloud_files(sources).clouds);
}

CloudDescription describe_cloud(const std::string& name, const CloudSources& sources) {
  CloudSetting chosen = named_cloud(name, sources);
  const bool described =
      describes_cloud(settings_of(sources.environment)) || has_address(sources.overrides);
  if (chosen.value.empty() && described) return from_variables(sources);
  if (chosen.value.empty()) {
    chosen = {value_of(sources.configured, "OS_CLOUD"), SettingOrigin::kConfigured, {}};
  }
  if (chosen.value.empty() && has_address(sources.configured)) return from_variables(sources);
  const CloudFiles files = read_cloud_files(sources);
  if (!chosen.value.empty()) {
    if (chosen.value == kEnvironmentCloud && files.clouds.find(chosen.value) == nullptr &&
        described) {
      return from_variables(sources);
    }
    return from_file(chosen, files, sources);
  }
  if (files.clouds.map.size() != 1) nothing_chosen(files);
  return from_file({files.clouds.map.begin()->first, SettingOrigin::kFile, files.path}, files,
                   sources);
}

Cloud load_cloud(const std::string& name, const CloudSources& sources) {
  const CloudDescription cloud = describe_cloud(name, sources);
  Settings settings;
  for (const auto& [key, setting] : cloud.settings) settings[key] = setting.value;
  return cloud_of(cloud.name.value, settings, sources.home);
}

}  // namespace glancefs::client
