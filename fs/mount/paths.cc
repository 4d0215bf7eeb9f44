#include "fs/mount/paths.h"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"

namespace glancefs::fs {
namespace {

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

/// Whether `path`, or the nearest directory above it that exists, belongs to `uid`.
bool belongs_to(std::string path, uid_t uid) {
  struct stat status {};
  while (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT || path == "/" || path.empty()) return false;
    path = parent_of(path);
  }
  return status.st_uid == uid;
}

bool open_journal(const Options& options) {
  try {
    log::open("journal", options.log_level, options.log_format);
    return true;
  } catch (const std::system_error&) {
    return false;  // no systemd here
  }
}

class Places {
 public:
  Places(const Person& person, const Environment& environment)
      : person_(person),
        environment_(environment) {}

  /// What systemd made for the unit, or root's directory, or the person's XDG one.
  std::string directory(const std::string& unit, const std::string& for_root,
                        const std::string& xdg, const std::string& fallback) const {
    if (std::string made = own_directory(environment_, unit, person_.uid); !made.empty()) {
      return made;
    }
    if (person_.uid == 0) return for_root;
    const std::string base = own_directory(environment_, xdg, person_.uid);
    return base.empty() ? fallback : base + "/glancefs";
  }

 private:
  const Person& person_;
  const Environment& environment_;
};

}  // namespace

std::string own_directory(const Environment& environment, const std::string& name, uid_t uid) {
  const std::string value = value_of(environment, name);
  const std::string first = value.substr(0, value.find(':'));
  if (!first.starts_with('/') || !belongs_to(first, uid)) return {};
  return absolute_path(first, "/");
}

Person effective_user(const Environment& environment) {
  const uid_t uid = ::geteuid();
  Person person{.uid = uid, .name = std::to_string(uid), .home = "/"};
  if (const passwd* entry = ::getpwuid(uid)) {
    person.name = entry->pw_name;
    person.home = entry->pw_dir;
  }
  if (std::string home = own_directory(environment, "HOME", uid); !home.empty()) {
    person.home = std::move(home);
  }
  return person;
}

Paths default_paths(const Person& person, const Environment& environment) {
  const Places places(person, environment);
  Paths paths;
  paths.cache = places.directory("CACHE_DIRECTORY", "/var/cache/glancefs", "XDG_CACHE_HOME",
                                 person.home + "/.cache/glancefs");
  paths.state = places.directory("STATE_DIRECTORY", "/var/lib/glancefs", "XDG_STATE_HOME",
                                 person.home + "/.local/state/glancefs");
  paths.runtime = places.directory("RUNTIME_DIRECTORY", "/run/glancefs", "XDG_RUNTIME_DIR",
                                   fmt::format("/tmp/glancefs-{}", person.uid));
  const std::string logs = own_directory(environment, "LOGS_DIRECTORY", person.uid);
  if (!logs.empty()) {
    paths.log = logs + "/glancefs.log";
  } else {
    paths.log = person.uid == 0 ? "/var/log/glancefs.log" : paths.state + "/log";
  }
  return paths;
}

std::string absolute_path(const std::string& path, const std::string& directory) {
  std::string result = (std::filesystem::path(directory) / path).lexically_normal().string();
  while (result.size() > 1 && result.ends_with('/')) result.pop_back();
  return result;
}

std::string written_path(const std::string& path, const std::string& directory,
                         const std::string& home) {
  return path.starts_with("~/") ? absolute_path(path.substr(2), home)
                                : absolute_path(path, directory);
}

std::uint64_t filesystem_size(const std::string& path) {
  struct statvfs status {};
  std::string existing = path;
  while (::statvfs(existing.c_str(), &status) != 0) {
    if (errno != ENOENT || existing == "/" || existing.empty()) throw_errno(errno, path);
    existing = parent_of(existing);
  }
  return std::uint64_t{status.f_blocks} * status.f_frsize;
}

void open_log(const Options& options, const Paths& paths) {
  std::string target = options.log;
  if (target == "auto") {
    if (options.foreground) {
      target = "stderr";
    } else if (open_journal(options)) {
      return;
    } else if (::access("/dev/log", F_OK) == 0) {
      target = "syslog";
    } else {
      target = paths.log;
      std::error_code error;
      std::filesystem::create_directories(parent_of(target), error);
      if (error) throw_errno(error.value(), "cannot make " + parent_of(target) + " for the log");
    }
  }
  log::open(target, options.log_level, options.log_format);
}

}  // namespace glancefs::fs
