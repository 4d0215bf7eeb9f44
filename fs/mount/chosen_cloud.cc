#include "fs/mount/chosen_cloud.h"

#include <unistd.h>

#include <utility>

namespace glancefs::fs {
namespace {

/// load_cloud() replaces "~", which no shell does within an option.
void make_files_absolute(Environment& variables, const std::string& directory) {
  for (const char* name : {"OS_CACERT", "OS_CERT", "OS_KEY", "OS_CLIENT_CONFIG_FILE",
                           "OS_CLIENT_SECURE_FILE", "OS_CLIENT_VENDOR_FILE"}) {
    const auto found = variables.find(name);
    if (found == variables.end() || found->second.empty() || found->second.starts_with("~"))
      continue;
    found->second = absolute_path(found->second, directory);
  }
}

// What LoadCredential= of a systemd unit copied for us, unless files are named.
void take_credentials(Environment& variables, const Environment& environment, uid_t uid) {
  std::string directory = own_directory(environment, "CREDENTIALS_DIRECTORY", uid);
  if (directory.empty()) directory = own_directory(environment, "CREDENTIALS_DIRECTORY", 0);
  if (directory.empty()) return;
  for (const auto& [name, file] : {std::pair("OS_CLIENT_CONFIG_FILE", "/clouds.yaml"),
                                   std::pair("OS_CLIENT_SECURE_FILE", "/secure.yaml")}) {
    const std::string path = directory + file;
    if (::access(path.c_str(), R_OK) == 0) variables.emplace(name, path);
  }
}

}  // namespace

client::CloudSources cloud_sources(const Options& options, const Environment& environment,
                                   const Person& person, const std::string& directory) {
  client::CloudSources sources;
  sources.home = person.home;
  sources.overrides = options.cloud_overrides;
  sources.configured = options.cloud_defaults;
  // mount(8) takes HOME away from its helpers; a shell never does.
  sources.current_directory = person.uid != 0 && environment.contains("HOME");
  for (const auto& [name, value] : environment) {
    if (name.starts_with("OS_")) sources.environment[name] = value;
  }
  take_credentials(sources.environment, environment, person.uid);
  make_files_absolute(sources.environment, directory);
  const std::string config = own_directory(environment, "XDG_CONFIG_HOME", person.uid);
  if (!config.empty()) sources.environment["XDG_CONFIG_HOME"] = config;
  return sources;
}

client::CloudDescription describe_chosen_cloud(const Options& options,
                                               const Environment& environment, const Person& person,
                                               const std::string& directory) {
  return client::describe_cloud(options.cloud,
                                cloud_sources(options, environment, person, directory));
}

client::Cloud load_chosen_cloud(const Options& options, const Environment& environment,
                                const Person& person, const std::string& directory) {
  client::Cloud cloud =
      client::load_cloud(options.cloud, cloud_sources(options, environment, person, directory));
  if (options.insecure) cloud.verify = false;
  for (std::string* file : {&cloud.ca_file, &cloud.client_certificate, &cloud.client_key}) {
    // One that clouds.yaml names relative to here would change its meaning with chdir.
    if (!file->empty()) *file = absolute_path(*file, directory);
  }
  return cloud;
}

}  // namespace glancefs::fs
