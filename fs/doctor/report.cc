#include "fs/doctor/report.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "base/log.h"
#include "cache/disk_store.h"
#include "client/curl_transport.h"
#include "fs/doctor/patient_read.h"
#include "fs/doctor/scrubber.h"
#include "fs/mount/chosen_cloud.h"
#include "fs/mount/daemon_facts.h"
#include "fs/mount/option_parser.h"
#include "fs/mount/option_table.h"
#include "fs/mount/process.h"

namespace glancefs::fs {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kLogBytes = std::size_t{256} * 1024;
// Enough of a catalogue to find its names in the other texts.
constexpr std::size_t kMostNames = 200'000;

std::string text_or_reason(const std::string& path, std::size_t most = std::size_t{4} << 20) {
  try {
    return text_of_file(path, kPatience, most);
  } catch (const std::system_error& error) {
    return fmt::format("(cannot be read: {})\n", error.what());
  }
}

std::string system_name() {
  std::ifstream release("/etc/os-release");
  for (std::string line; std::getline(release, line);) {
    if (line.starts_with("PRETTY_NAME=")) return line.substr(line.find('=') + 1);
  }
  return "unknown";
}

std::string versions() {
  utsname kernel{};
  ::uname(&kernel);
  return fmt::format(
      "glancefs   {} ({}, {})\nsystem     {}\nkernel     {} {}\nglibc      {}\nlibfuse    {} "
      "(built with)\nlibcurl    {}\ndatabase   {}\n",
      GLANCEFS_VERSION, GLANCEFS_BUILD, __VERSION__, system_name(),
      static_cast<const char*>(kernel.release), static_cast<const char*>(kernel.machine),
      ::gnu_get_libc_version(), GLANCEFS_LIBFUSE, client::http_library(),
      cache::database_library());
}

/// The command that started the daemon; it has overwritten the secrets in it.
std::string command_line_of(int process) {
  std::string text = text_or_reason(fmt::format("/proc/{}/cmdline", process));
  std::ranges::replace(text, '\0', ' ');
  return log::printable(text) + "\n";
}

// What each option is, and who says so; secrets are not in the settings.
std::string settings_text(const OptionSettings& settings) {
  std::string text;
  for (const Option& row : option_table()) {
    const auto found = settings.find(row.name);
    const bool set = found != settings.end();
    if (!set && row.initial.empty()) continue;
    text += fmt::format("{}={}  # {}\n", row.name,
                        set ? log::printable(found->second.value) : row.initial,
                        set ? log::printable(found->second.origin) : "default");
  }
  return text;
}

/// One report under way.
class Collection {
 public:
  Collection(const ReportWish& wish, const std::function<void(const std::string&)>& progress)
      : wish_(wish),
        progress_(progress) {}

  ReportFiles collect() {
    progress_("examining this machine and the cloud");
    std::string found;
    examine(wish_.subject, [&](const Finding& finding) { found += finding_text(finding); });
    files_.emplace_back("doctor.txt", found);
    files_.emplace_back("versions.txt", versions());
    files_.emplace_back("options.txt", settings_text(wish_.settings));
    collect_mounts();
    tell_secrets();
    if (wish_.anonymous) tell_names();
    for (auto& [name, text] : files_) text = scrubber_.clean(text);
    return std::move(files_);
  }

 private:
  void collect_mounts() {
    std::string list;
    int number = 0;
    for (const MountEntry& mount : glancefs_mounts(wish_.subject.places.mount.mountinfo)) {
      const std::string directory = fmt::format("mount-{}/", ++number);
      progress_("asking the mount on " + log::printable(mount.target));
      list +=
          log::printable(fmt::format("{} {} on {}", directory, mount.source, mount.target)) + "\n";
      collect_mount(mount, directory);
    }
    files_.emplace_back("mounts.txt", list.empty() ? "no mount of glancefs\n" : list);
  }

  void collect_mount(const MountEntry& mount, const std::string& directory) {
    const std::string control = mount.target + "/.glancefs/";
    const std::string status = text_or_reason(control + "status");
    files_.emplace_back(directory + "status.txt", status);
    const DaemonFacts daemon = parse_daemon_facts(status);
    if (daemon.process == 0) return;  // nobody answers
    for (const char* name : {"pending", "errors", "transfers", "metrics"}) {
      files_.emplace_back(directory + name + ".txt", text_or_reason(control + name));
    }
    files_.emplace_back(directory + "command.txt", command_line_of(daemon.process));
    const std::string log = status_value(status, "log");
    if (!log.empty() && log::is_file(log)) {
      files_.emplace_back(directory + "log.txt", text_or_reason(log, kLogBytes));
    }
    if (!wish_.anonymous) return;
    const std::string project = status_value(status, "project");
    scrubber_.rename("cloud", status_value(status, "cloud"));
    scrubber_.rename("cloud", mount.source);
    scrubber_.rename("project", project.substr(0, project.rfind(' ')));
    tell_images(mount.target);
  }

  void tell_images(const std::string& mount_point) {
    std::error_code error;
    std::size_t count = 0;
    std::filesystem::recursive_directory_iterator each(mount_point, error);
    for (const std::filesystem::recursive_directory_iterator end; !error && each != end;
         each.increment(error)) {
      if (each->is_directory(error) || ++count > kMostNames) continue;
      const std::string name = each->path().filename().string();
      scrubber_.rename("image", log::printable(name));
      scrubber_.rename("image", name);
    }
  }

  void tell_secrets() {
    const Environment environment =
        effective_environment(wish_.subject.environment, wish_.subject.options);
    for (const auto& [name, value] : environment) {
      if (is_secret_option("env." + name)) scrubber_.hide(value);
    }
    for (const auto& [name, value] : wish_.subject.options.cloud_overrides) {
      if (is_secret_option("env." + name)) scrubber_.hide(value);
    }
    try {
      const client::Cloud cloud = load_chosen_cloud(
          wish_.subject.options, environment, effective_user(environment), wish_.subject.directory);
      for (const std::string* secret :
           {&cloud.password, &cloud.passcode, &cloud.token, &cloud.application_credential_secret}) {
        scrubber_.hide(*secret);
      }
      if (wish_.anonymous) tell_cloud(cloud);
    } catch (const client::CloudError&) {
      // doctor.txt says why; there is nothing to hide then.
      return;
    }
  }

  void tell_cloud(const client::Cloud& cloud) {
    scrubber_.rename("cloud", cloud.name == "envvars" ? std::string() : cloud.name);
    scrubber_.rename("user", cloud.user.name);
    scrubber_.rename("project", cloud.project.name);
    scrubber_.rename("credential", cloud.application_credential_name);
    scrubber_.rename_hosts_in(cloud.auth_url + "\n" + cloud.endpoint_override);
  }

  void tell_names() {
    utsname machine{};
    ::uname(&machine);
    scrubber_.rename("host", static_cast<const char*>(machine.nodename));
    const Person person = effective_user(wish_.subject.environment);
    if (person.uid != 0) scrubber_.rename("user", person.name);
    for (const auto& [name, text] : files_) scrubber_.rename_hosts_in(text);
  }

  const ReportWish& wish_;
  const std::function<void(const std::string&)>& progress_;
  Scrubber scrubber_;
  ReportFiles files_;
};

}  // namespace

ReportFiles collect_report(const ReportWish& wish,
                           const std::function<void(const std::string&)>& progress) {
  return Collection(wish, progress).collect();
}

}  // namespace glancefs::fs
