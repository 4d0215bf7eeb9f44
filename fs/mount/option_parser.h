// Reading -o lists and turning option words into Options.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/mount/config_file.h"
#include "fs/mount/option_word.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// The words of a list as `-o` takes it. Commas separate, except between double quotes, where
/// mount(8) itself does not split either, and after a backslash; a backslash also protects a quote
/// or itself and stands for itself before anything else. Empty words are skipped. Throws StartError
/// (kUsage) when a quote is left open.
std::vector<OptionWord> split_options(std::string_view list);

/// Whether the value of that option is a secret: os-password, env.OS_PASSWORD …
bool is_secret_option(std::string_view name);

/// Overwrites the values of secret options in a list as `-o` takes it: everybody can read argv.
void wipe_secrets(std::span<char> list) noexcept;

struct ParsedOptions {
  Options options;
  std::vector<std::string> warnings;  ///< unknown words, when `base.sloppy`
  OptionSettings settings;            ///< who set what, but for the words for the kernel
};

/// `base`, changed by `files` in their order, then by the GLANCEFS_* variables of `environment`
/// (env.* words count as such), then by `words` in their order, so that the later wins. Of a file
/// the lines for all clouds count first, then those for `cloud`; the lines for others are checked
/// and do nothing. Words for mount(8) and systemd are dropped; those for the kernel end in
/// mount_flags and fuse_options. Relative paths start at `directory`, those in a file at its own.
/// `remount` means nothing here. Throws StartError: kUsage for what is unknown, has a wrong value
/// or cannot stand where it does.
ParsedOptions parse_options(Options base, const std::vector<OptionWord>& words,
                            const Environment& environment, const std::string& directory,
                            std::span<const ConfigFile> files = {}, const std::string& cloud = {});

}  // namespace glancefs::fs
