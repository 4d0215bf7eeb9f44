#include "fs/command/commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "base/log.h"
#include "client/cloud.h"
#include "fs/command/call_options.h"
#include "fs/command/completion.h"
#include "fs/command/completion_words.h"
#include "fs/command/config_show.h"
#include "fs/command/doctor.h"
#include "fs/command/interrupt.h"
#include "fs/command/mount_commands.h"
#include "fs/command/usage_error.h"
#include "fs/mount/command_line.h"
#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

CommandExit show_version(const CommandCall& call) {
  call.arguments.expect_positionals(0, 0, "glancefs version");
  call.out << version_text();
  return CommandExit::kDone;
}

CommandExit show_help(const CommandCall& call);

constexpr std::array kShowConfigOptions{kMountOptionsOption, kFormatOption, kColumnOption};
constexpr std::array kCompletionOptions{kCloudsOption};

constexpr std::array kCommands{
    Command{"umount", "DIR", "unmount, and wait until what was written is at Glance",
            kUmountOptions, unmount_command},
    Command{"status", "[DIR]", "show a mount, or all of them", kStatusOptions, show_status},
    Command{"transfer list", "[DIR]", "show what is being downloaded and uploaded",
            kTransferOptions, list_transfers},
    Command{"transfer cancel",
            "FILE...",
            "end a prefetch, or an upload: its file is kept",
            {},
            cancel_transfers},
    Command{"image show", "FILE", "show every field and property of an image", kShowOptions,
            show_image},
    Command{"cache list", "[DIR]", "show what is kept, what was used longest ago first",
            kCacheListOptions, list_cache},
    Command{"cache show", "FILE", "show how much of an image is on this machine", kShowOptions,
            show_cached},
    Command{
        "cache pin", "FILE...", "keep images, and fetch what is missing of them", {}, pin_cached},
    Command{"cache unpin",
            "FILE...",
            "let images be given up again when room is needed",
            {},
            unpin_cached},
    Command{"cache prefetch", "FILE...", "fetch whole images before they are read",
            kPrefetchOptions, prefetch},
    Command{"cache drop", "FILE|ID...", "give up what is kept of images", kCacheDropOptions,
            drop_cached},
    Command{"cache verify", "[DIR]", "read all that is kept, and drop what is damaged",
            kCacheListOptions, verify_cache},
    Command{"cache gc", "[DIR]", "give up what was used longest ago, down to a size",
            kCacheGcOptions, collect_cache},
    Command{"refresh", "[DIR|FILE]", "ask the cloud for its catalogue now", {}, refresh},
    Command{"completion", "bash|zsh|fish", "print a completion script for a shell",
            kCompletionOptions, print_completion},
    Command{"config show", "[CLOUD]", "show what every option is, and who says so",
            kShowConfigOptions, show_config},
    Command{"doctor", "[CLOUD] [DIR]", "look for what keeps a mount from working", kDoctorOptions,
            run_doctor},
    Command{"bugreport", "FILE.tar.gz", "collect what somebody who helps needs to know",
            kBugreportOptions, run_bugreport},
    Command{"help", "[COMMAND]", "show the commands, or the options of one", {}, show_help},
    Command{"version", "", "show the version", {}, show_version},
};

// How many of `words` are the command's name; 0: it is another one.
std::size_t matches(const Command& command, std::span<const std::string> words) {
  const std::size_t space = command.name.find(' ');
  const std::string_view first = command.name.substr(0, space);
  if (words.empty() || words[0] != first) return 0;
  if (space == std::string_view::npos) return 1;
  if (words.size() < 2) return 0;
  std::string_view second = words[1];
  if (second == "ls") second = "list";
  if (second == "rm") second = "drop";
  return second == command.name.substr(space + 1) ? 2 : 0;
}

const Command* find_command(std::span<const std::string> words) {
  const auto* found = std::ranges::find_if(
      kCommands, [&](const Command& command) { return matches(command, words) > 0; });
  return found == kCommands.end() ? nullptr : found;
}

// "cache" alone, where there is "cache list".
bool is_first_word(std::string_view word) { return !second_words(word).empty(); }

std::string usage_of(const Command& command) {
  return fmt::format("glancefs {}{}{}", command.name, command.usage.empty() ? "" : " ",
                     command.usage);
}

std::string help_of(const Command& command) {
  std::string text = fmt::format("usage: {}\n\n{}\n", usage_of(command), command.summary);
  if (!command.options.empty()) text += "\n";
  for (const CommandOption& option : command.options) {
    std::string left = fmt::format("--{}", option.name);
    if (option.letter != '\0') left = fmt::format("-{}, {}", option.letter, left);
    if (!option.value_word.empty()) left += fmt::format(" {}", option.value_word);
    text += fmt::format("  {:<24}  {}\n", left, option.help);
  }
  return text;
}

CommandExit show_help(const CommandCall& call) {
  const auto& words = call.arguments.positionals();
  if (words.empty()) {
    call.out << commands_text();
  } else if (const Command* command = find_command(words)) {
    call.out << help_of(*command);
  } else if (words.front() == "mount") {
    call.out << help_text("glancefs");
  } else {
    throw UsageError(fmt::format("unknown command \"{}\"", words.front()), "glancefs help");
  }
  return CommandExit::kDone;
}

CommandExit run(const Command& command, std::span<const std::string> words,
                const Environment& environment, const std::string& directory, std::ostream& out,
                std::ostream& err) {
  if (!words.empty() && (words[0] == "-h" || words[0] == "--help")) {
    out << help_of(command);
    return CommandExit::kDone;
  }
  return command.run({.arguments = Arguments(words, command.options),
                      .environment = environment,
                      .directory = directory,
                      .out = out,
                      .err = err});
}

}  // namespace

void complain(std::ostream& err, std::string_view what, std::string_view hint) {
  err << "glancefs: " << log::printable(std::string(what)) << "\n";
  if (!hint.empty()) err << "  hint: " << log::printable(std::string(hint)) << "\n";
}

std::span<const Command> commands() { return kCommands; }

std::string commands_text() {
  std::string text =
      "usage: glancefs COMMAND ...\n\n"
      "  mount [CLOUD] DIR [-o OPTIONS]    mount a cloud's images; `glancefs help mount`\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<32}  {}\n", usage_of(command).substr(9), command.summary);
  }
  return text;
}

namespace {

// What is neither a command nor `mount`, nor two words that may be a source and a directory.
[[noreturn]] void refuse(const std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("no command given", "glancefs help");
  if (is_first_word(words[0])) {
    throw UsageError(fmt::format("\"{}\" needs a second word", words[0]), "glancefs help");
  }
  const std::vector<std::string> names = first_words();
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view near = nearest_word(words[0], views);
  throw UsageError(fmt::format("unknown command \"{}\"", words[0]),
                   near.empty() ? "glancefs help" : fmt::format("did you mean \"{}\"?", near));
}

bool may_be_mount(const std::vector<std::string>& words) {
  return words.size() > 1 && !is_first_word(words[0]);
}

}  // namespace

std::optional<int> run_command(std::span<char* const> arguments, const Environment& environment,
                               const std::string& directory, std::ostream& out, std::ostream& err) {
  std::vector<std::string> words(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) words[0] = "help";
  if (!words.empty() && (words[0] == "--version" || words[0] == "-V")) words[0] = "version";
  const Command* command = find_command(words);
  if (command == nullptr && may_be_mount(words)) return std::nullopt;
  CommandExit code = CommandExit::kFailed;
  try {
    if (command == nullptr) refuse(words);
    const auto rest = std::span<const std::string>(words).subspan(matches(*command, words));
    code = run(*command, rest, environment, directory, out, err);
  } catch (const UsageError& error) {
    complain(err, error.what(), error.hint());
    code = CommandExit::kUsage;
  } catch (const Interrupted&) {
    code = CommandExit::kInterrupted;
  } catch (const StartError& error) {
    complain(err, error.what(), error.hint());
  } catch (const client::CloudError& error) {
    complain(err, error.what(), error.hint());
  } catch (const std::exception& error) {
    complain(err, error.what(), "");
  }
  return static_cast<int>(code);
}

}  // namespace glancefs::fs
