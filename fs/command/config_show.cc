#include "fs/command/config_show.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "fs/command/call_options.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/option_table.h"
#include "fs/mount/process.h"

namespace glancefs::fs {
namespace {

using client::CloudDescription;
using client::CloudSetting;
using client::SettingOrigin;

/// The OS_* variable that a setting was taken from, in whichever spelling.
std::string variable_behind(const std::string& setting, const Environment& environment) {
  for (const auto& [name, value] : environment) {
    if (name.starts_with("OS_") && !value.empty() && client::setting_name(name) == setting) {
      return name;
    }
  }
  return "OS_*";
}

/// What a cloud's settings make of the option settings.
class CloudView {
 public:
  CloudView(const CloudDescription& cloud, const Environment& environment, OptionSettings& settings)
      : cloud_(cloud),
        environment_(environment),
        settings_(settings) {}

  void show() {
    for (const Option& row : option_table()) {
      if (row.name == "os-cloud") {
        show_name(row);
      } else if (row.name == "insecure") {
        show_insecure(row);
      } else if (row.name.starts_with("os-")) {
        show_setting(row, setting_of(client::setting_name(environment_name(row))));
      }
    }
  }

 private:
  std::optional<CloudSetting> find(const std::string& key) const {
    const auto found = cloud_.settings.find(key);
    return found == cloud_.settings.end() ? std::nullopt : std::optional(found->second);
  }
  /// What clouds.yaml says of the image service alone counts more.
  std::optional<CloudSetting> setting_of(const std::string& key) {
    key_ = "image_" + key;
    if (auto special = find(key_)) return special;
    key_ = key;
    return find(key_);
  }

  void show_setting(const Option& row, const std::optional<CloudSetting>& setting) {
    if (!setting) {
      settings_.erase(std::string(row.name));
      return;
    }
    OptionSetting& shown = settings_[std::string(row.name)];
    // Options know themselves where they come from.
    if (setting->origin == SettingOrigin::kVariable) {
      shown.origin = "environment " + variable_behind(key_, environment_);
    } else if (setting->origin == SettingOrigin::kFile) {
      shown.origin = setting->file;
    }
    shown.value = row.kind == OptionKind::kSecret ? "***" : setting->value;
  }

  void show_name(const Option& row) {
    const bool named = cloud_.name.origin != SettingOrigin::kVariable ||
                       cloud_.name.value == environment_value("OS_CLOUD");
    key_ = "cloud";
    show_setting(row, named ? std::optional(cloud_.name) : std::nullopt);
    // A word without an option's name, or instead of what a file says.
    if (named && cloud_.name.origin == SettingOrigin::kOverride) {
      settings_[std::string(row.name)].origin = kCommandLineOrigin;
    }
  }

  void show_insecure(const Option& row) {
    const auto own = settings_.find(row.name);
    if (own != settings_.end() && own->second.value == "yes") return;
    // openstacksdk's `verify: false` says the same; a path there is a cacert.
    for (const auto& [key, word] : {std::pair{"insecure", true}, std::pair{"verify", false}}) {
      key_ = key;
      auto setting = find(key_);
      if (!setting || client::truth_of(setting->value) != word) continue;
      setting->value = "yes";
      show_setting(row, setting);
    }
  }

  std::string environment_value(const std::string& name) const {
    const auto found = environment_.find(name);
    return found == environment_.end() ? std::string() : found->second;
  }

  const CloudDescription& cloud_;
  const Environment& environment_;
  OptionSettings& settings_;
  std::string key_;  ///< of the setting that is being shown
};

Cell default_value(const Option& row, const Options& options, const Paths& paths) {
  if (row.name == "cache-dir") return paths.cache;
  if (row.name == "state-dir") return paths.state;
  if (row.name == "uid") return fmt::format("{}", options.uid);
  if (row.name == "gid") return fmt::format("{}", options.gid);
  if (!row.initial.empty()) return std::string(row.initial);
  if (row.kind == OptionKind::kFlag) return "no";
  return {};
}

Listing listing_of(const ParsedOptions& parsed, const Paths& paths) {
  Listing listing{.columns = {"option", "value", "origin"}, .rows = {}};
  for (const Option& row : option_table()) {
    const auto found = parsed.settings.find(row.name);
    std::vector<Cell> cells{std::string(row.name)};
    if (found == parsed.settings.end()) {
      cells.push_back(default_value(row, parsed.options, paths));
      cells.emplace_back("default");
    } else {
      cells.emplace_back(found->second.value);
      cells.emplace_back(found->second.origin);
    }
    listing.rows.push_back(std::move(cells));
  }
  return listing;
}

}  // namespace

OptionSettings all_settings(const CommandCall& call, const ParsedOptions& parsed,
                            std::optional<client::CloudError>& trouble) {
  OptionSettings settings = parsed.settings;
  const Environment environment = effective_environment(call.environment, parsed.options);
  for (const Option& row : option_table()) {
    const std::string name = environment_name(row);
    const auto variable = environment.find(name);
    if (!name.starts_with("OS_") || variable == environment.end() || variable->second.empty()) {
      continue;
    }
    const bool secret = row.kind == OptionKind::kSecret;
    settings.try_emplace(std::string(row.name),
                         OptionSetting{secret ? "***" : variable->second, "environment " + name});
  }
  try {
    // It knows which of them count.
    const CloudDescription cloud = describe_chosen_cloud(
        parsed.options, environment, effective_user(environment), call.directory);
    CloudView(cloud, environment, settings).show();
  } catch (const client::CloudError& error) {
    trouble = error;
  }
  return settings;
}

CommandExit show_config(const CommandCall& call) {
  call.arguments.expect_positionals(0, 1, "glancefs config show [CLOUD] [-o OPTIONS]");
  const OutputChoice choice = call.arguments.output();
  const auto& names = call.arguments.positionals();
  ParsedOptions parsed = options_of(call, names.empty() ? "" : names.front());
  std::optional<client::CloudError> trouble;
  parsed.settings = all_settings(call, parsed, trouble);
  const Environment environment = effective_environment(call.environment, parsed.options);
  const Paths paths = default_paths(effective_user(environment), environment);
  call.out << list_text(listing_of(parsed, paths), choice);
  if (!trouble) return CommandExit::kDone;
  complain(call.err, trouble->what(), trouble->hint());
  return CommandExit::kPartly;
}

}  // namespace glancefs::fs
