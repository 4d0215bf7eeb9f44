// The one-letter options and --long options that are not mount options.
#pragma once

#include <array>
#include <string_view>

namespace glancefs::fs {

struct Switch {
  char letter;                  ///< '\0': only the long name
  std::string_view name;        ///< '' : only the letter
  std::string_view value_word;  ///< empty: takes no value
  std::string_view help;
};

/// What the letters mean. `-f` is the exception: mount(8) says it for a dry run, everybody else for
/// the foreground, so it depends on the program's name.
inline constexpr std::array kSwitches{
    Switch{'o', "options", "OPTIONS", "mount options, separated by commas"},
    Switch{'\0', "foreground", "", "do not become a daemon"},
    Switch{'\0', "fake", "", "check the options and do not mount"},
    Switch{'d', "debug", "", "foreground, and log-level=debug"},
    Switch{'v', "verbose", "", "say what was mounted"},
    Switch{'s', "sloppy", "", "warn of unknown options instead of failing"},
    Switch{'r', "", "", "the same as -o ro"},
    Switch{'w', "", "", "the same as -o rw"},
    Switch{'n', "", "", "accepted for mount(8), which has no more use for it"},
    Switch{'t', "", "TYPE", "accepted for mount(8); the type is always fuse.glancefs"},
    Switch{'N', "namespace", "FILE", "mount in this mount namespace, and read all files there"},
    Switch{'h', "help", "", "show this"},
    Switch{'V', "version", "", "show the version"},
};

}  // namespace glancefs::fs
