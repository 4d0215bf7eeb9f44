#include "fs/mount/remount.h"

#include <fmt/core.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

constexpr const char* kReadOnly = "user.glancefs.read_only";

struct ShownFlag {
  std::string_view word;
  unsigned long flag;
};
// As mountinfo shows them, of a mount or of its file system.
constexpr std::array kShownFlags{
    ShownFlag{"nosuid", MS_NOSUID},         ShownFlag{"nodev", MS_NODEV},
    ShownFlag{"noexec", MS_NOEXEC},         ShownFlag{"noatime", MS_NOATIME},
    ShownFlag{"nodiratime", MS_NODIRATIME}, ShownFlag{"relatime", MS_RELATIME},
    ShownFlag{"sync", MS_SYNCHRONOUS},      ShownFlag{"dirsync", MS_DIRSYNC}};

std::vector<OptionWord> shown_words(const MountEntry& entry) {
  std::vector<OptionWord> words = split_options(entry.flags);
  std::ranges::copy(split_options(entry.options), std::back_inserter(words));
  return words;
}

unsigned long shown_flags(const std::vector<OptionWord>& shown) {
  unsigned long flags = 0;
  for (const auto& [word, flag] : kShownFlags) {
    if (std::ranges::find(shown, word, &OptionWord::name) != shown.end()) flags |= flag;
  }
  return flags;
}

[[noreturn]] void cannot_change(std::string_view name) {
  throw StartError(ExitCode::kMountFailed, fmt::format("cannot change {} while mounted", name),
                   "unmount, then mount again");
}

std::map<std::string, std::string> read_options(std::string_view text) {
  std::map<std::string, std::string> options;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) options[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return options;
}

std::string initial_value(std::string_view name) {
  const Option* row = find_option(name).option;
  return row == nullptr ? std::string() : std::string(row->initial);
}

bool is_known(std::string_view name) {
  return find_option(name).option != nullptr || find_kernel_word(name) != nullptr;
}

bool is_shown(const std::vector<OptionWord>& shown, const OptionWord& word) {
  return std::ranges::find(shown, word) != shown.end();
}

// As the kernel spells it.
OptionWord shown_as(std::string name, const std::string& value) {
  std::ranges::replace(name, '-', '_');
  return value == "yes" ? OptionWord{name, std::nullopt} : OptionWord{name, value};
}

// Words that set or clear a flag of mount(2): what they come to in the end must be what there is.
void check_flags(const std::vector<OptionWord>& words, unsigned long present) {
  for (const KernelWord& known : kernel_words()) {
    const unsigned long bits = known.set | known.clear;
    if (bits == 0) continue;
    // The last that speaks of these bits decides.
    const KernelWord* last = nullptr;
    for (const OptionWord& word : words) {
      const KernelWord* found = find_kernel_word(word.name);
      if (found != nullptr && ((found->set | found->clear) & bits) != 0) last = found;
    }
    if (last != &known) continue;
    if ((present & bits) != known.set) cannot_change(known.name);
  }
}

// The words that say something of ours.
std::vector<OptionWord> compared_words(const std::vector<OptionWord>& words,
                                       const std::vector<OptionWord>& shown) {
  std::vector<OptionWord> compared;
  std::ranges::copy_if(words, std::back_inserter(compared), [&](const OptionWord& word) {
    if (word.name.starts_with("env.") || is_secret_option(word.name)) return false;
    // The kernel also shows words that are no options of ours, such as seclabel.
    return is_known(word.name) || !is_shown(shown, word);
  });
  return compared;
}

using Values = std::map<std::string, std::string>;

void check_values(const Values& wanted, const Values& present,
                  const std::vector<OptionWord>& shown) {
  for (const auto& [name, value] : wanted) {
    const auto found = present.find(name);
    const std::string now = found != present.end() ? found->second : initial_value(name);
    if (value != now && !is_shown(shown, shown_as(name, value))) cannot_change(name);
  }
}

std::string control_text(const std::string& path) {
  std::ostringstream text;
  std::ifstream file(path);
  if (!file) {
    throw StartError(ExitCode::kMountFailed,
                     fmt::format("{}: {}", path, std::generic_category().message(errno)),
                     "only who may look into a mount can have it changed");
  }
  text << file.rdbuf();
  return text.str();
}

void tell_daemon(const std::string& directory, bool read_only) {
  if (::setxattr(directory.c_str(), kReadOnly, read_only ? "1" : "0", 1, 0) == 0) return;
  throw StartError(ExitCode::kMountFailed,
                   fmt::format("{}: the daemon does not follow: {}", directory,
                               std::generic_category().message(errno)));
}

// Answers the errno.
int change_kernel(const std::string& directory, unsigned long flags) {
  const int changed = ::mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT | flags, nullptr);
  return changed == 0 ? 0 : errno;
}

[[noreturn]] void refused(const std::string& directory, int error) {
  throw StartError(
      ExitCode::kMountFailed,
      fmt::format("{}: cannot be remounted: {}", directory, std::generic_category().message(error)),
      error == EBUSY ? "a file there is open for writing" : "");
}

}  // namespace

RemountPlan plan_remount(const std::vector<OptionWord>& words, const MountEntry& entry,
                         std::string_view in_force) {
  const std::vector<OptionWord> shown = shown_words(entry);
  RemountPlan plan{.read_only = is_shown(shown, {"ro", std::nullopt}), .flags = shown_flags(shown)};
  const std::vector<OptionWord> asked = compared_words(words, shown);
  Options wanted = parse_options(default_options(), asked, {}, "/").options;
  if (const auto state = wanted.given.extract("ro")) plan.read_only = state.mapped() == "yes";
  check_flags(asked, plan.flags);
  check_values(wanted.given, read_options(in_force), shown);
  if (plan.read_only) plan.flags |= MS_RDONLY;
  return plan;
}

std::string options_text(const Options& options) {
  std::string text;
  for (const auto& [name, value] : options.given) {
    text += log::printable(fmt::format("{}={}", name, value)) + "\n";
  }
  return text;
}

void remount(const Options& options, const std::vector<OptionWord>& words,
             const MountPoint& place) {
  if (::geteuid() != 0) throw StartError(ExitCode::kUsage, "only root can remount");
  const std::string& directory = options.mount_point;
  const auto entry = place.top_mount(directory);
  if (!entry || entry->type != "fuse.glancefs") {
    throw StartError(ExitCode::kMountFailed, directory + ": no glancefs is mounted here");
  }
  const RemountPlan plan =
      plan_remount(words, *entry, control_text(directory + "/.glancefs/options"));
  // The daemon is told while the kernel lets that through.
  const bool was_read_only = !entry->flags.starts_with("rw") || !entry->options.starts_with("rw");
  if (plan.read_only && !was_read_only) tell_daemon(directory, true);
  if (const int error = change_kernel(directory, plan.flags); error != 0) {
    if (plan.read_only && !was_read_only) tell_daemon(directory, false);
    refused(directory, error);
  }
  if (!plan.read_only) tell_daemon(directory, false);
  if (options.verbose) {
    std::cout << fmt::format("{} is {} now\n", directory, plan.read_only ? "ro" : "rw");
  }
}

}  // namespace glancefs::fs
