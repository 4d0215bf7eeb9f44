// The options of a mount: one table behind -o, --long-options, glancefs.conf, GLANCEFS_* variables,
// --help, the completions and the check of the manual pages.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "fs/mount/options.h"

namespace glancefs::fs {

/// The headings of --help.
enum class OptionGroup { kMount, kFiles, kCache, kNetwork, kLog, kCloud };

enum class OptionKind {
  kFlag,    ///< `name`, `noname`, `name=yes`, `name=no`
  kValue,   ///< `name=value`
  kPath,    ///< `name=value`, a file or directory (or one of the choices); "~/" is the home
  kSecret,  ///< `name=value`, whose value is wiped from argv and never printed
};

/// The version that all options have which do not say another.
inline constexpr std::string_view kFirstVersion = "0.1.0";

/// One row. A new option is a new row and, unless it goes to the cloud, a member of Options.
struct Option {
  using Apply = void (*)(Options&, const Option&, const std::string& value);

  OptionGroup group;
  OptionKind kind;
  std::string_view name;          ///< canonical, with hyphens; underscores are read as hyphens
  std::string_view value_word;    ///< what --help calls the value
  std::string_view initial;       ///< the default as typed, parsed like any value; empty: none
  std::string_view help;          ///< one line
  Apply apply;                    ///< throws std::invalid_argument
  std::string_view choices = {};  ///< the words it takes, apart by blanks; empty: any
  std::string_view since = kFirstVersion;  ///< the version that had it first
};

std::span<const Option> option_table();

/// Another name of an option.
struct Alias {
  std::string_view alias, name;
};
std::span<const Alias> option_aliases();

/// A word of mount(8) that is handed on: it sets or clears flags of mount(2), or (both zero) goes
/// to the kernel as it is.
struct KernelWord {
  std::string_view name;
  bool has_value;
  unsigned long set, clear;
};
std::span<const KernelWord> kernel_words();
/// That of this name, in any spelling; nullptr: there is none.
const KernelWord* find_kernel_word(std::string_view name);

/// Whether `name` (hyphens for underscores) is for mount(8) or systemd alone and means nothing to
/// a file system. mount(8) passes some of them on nevertheless.
bool is_for_others(std::string_view name);

/// `name` with underscores as hyphens: the spelling of the tables.
std::string canonical_name(std::string_view name);

/// A name looked up in the table.
struct OptionMatch {
  const Option* option = nullptr;  ///< nullptr: there is none
  bool negated = false;            ///< it was `noNAME` or `no-NAME` of a flag
};

/// The row of that name or alias, in any spelling.
OptionMatch find_option(std::string_view name);

/// Whether `word` is one of option.choices.
bool is_choice(const Option& option, std::string_view word);

/// The variable that sets the same: GLANCEFS_CACHE_DIR for cache-dir, OS_USERNAME for os-username.
/// The latter are read by client::load_cloud(), which knows how they rank below clouds.yaml.
std::string environment_name(const Option& option);

/// Every option at its default; uid and gid are the process's.
Options default_options();

/// The known word within two typing errors of `word`; empty: none is that near.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> words);

/// All names that -o takes, for nearest_word().
std::span<const std::string_view> known_words();

}  // namespace glancefs::fs
