// Where things lie on this machine, for root and for everybody else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "fs/mount/options.h"

namespace glancefs::fs {

/// Who the process acts for.
struct Person {
  uid_t uid = 0;
  std::string name;  ///< the number when the database has none
  std::string home;
};
/// The home is HOME if it belongs to the person, else what the password database says ("/" when it
/// says nothing): mount(8) removes HOME from the environment of its helpers, and under sudo it may
/// be somebody else's.
Person effective_user(const Environment& environment);

/// Directories and files that no option names. All absolute; nothing is made yet.
struct Paths {
  std::string cache;    ///< may be wiped at any time
  std::string state;    ///< unfinished uploads: must survive
  std::string runtime;  ///< sockets; gone after a reboot
  std::string log;      ///< the file that takes the log where there is no syslog
};

/// For root the system's directories (/var/cache/glancefs …), for others those of the XDG base
/// directory specification. CACHE_DIRECTORY, STATE_DIRECTORY, RUNTIME_DIRECTORY and LOGS_DIRECTORY,
/// as systemd sets them for a unit, come first. A variable counts only when it is absolute and what
/// it names (or, before it is made, the nearest directory above) belongs to the person: after `su`
/// or `sudo -E` it may still be another's.
Paths default_paths(const Person& person, const Environment& environment);

/// `path` seen from `directory`, without "." and "..".
std::string absolute_path(const std::string& path, const std::string& directory);

/// The same for what people write: "~/" in front is `home`.
std::string written_path(const std::string& path, const std::string& directory,
                         const std::string& home);

/// Bytes of the file system that `path`, or the nearest directory above that exists, lies on: what
/// Amount::of() needs. Throws system_error.
std::uint64_t filesystem_size(const std::string& path);

/// Opens the log that the options ask for: "auto" is stderr in the foreground, else the journal,
/// else syslog where the system has one, else Paths::log, whose directory is made. Throws
/// system_error, with the path in its text, when the file cannot be opened.
void open_log(const Options& options, const Paths& paths);

/// The first directory of a colon-separated variable, if it counts as default_paths() says; else
/// "".
std::string own_directory(const Environment& environment, const std::string& name, uid_t uid);

}  // namespace glancefs::fs
