// A word among mount options, and what became of it.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace glancefs::fs {

/// NAME or NAME=VALUE.
struct OptionWord {
  std::string name;
  std::optional<std::string> value;
  friend bool operator==(const OptionWord&, const OptionWord&) = default;
};

/// What an option was set to, and by whom.
struct OptionSetting {
  std::string value;   ///< as it counts: flags are yes or no, paths absolute, secrets "***"
  std::string origin;  ///< "command line", "environment NAME" or "FILE:LINE"
};

/// By canonical name of the option; those that nobody set are not there.
using OptionSettings = std::map<std::string, OptionSetting, std::less<>>;

inline constexpr const char* kCommandLineOrigin = "command line";

}  // namespace glancefs::fs
