#include "fs/command/commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "base/log.h"
#include "fs/command/doctor.h"
#include "fs/command/metrics.h"
#include "fs/command/usage_error.h"
#include "fs/mount/command_line.h"

namespace glancefs::fs {
namespace {

CommandExit show_version(const CommandCall& call) {
  call.arguments.expect_positionals(0, 0, "glancefs version");
  call.out << version_text();
  return CommandExit::kDone;
}

CommandExit show_help(const CommandCall& call);

constexpr std::array kCommands{
    Command{"doctor", "[CLOUD] [DIR]", "look for what keeps a mount from working", kDoctorOptions,
            run_doctor},
    Command{"bugreport", "FILE.tar.gz", "collect what somebody who helps needs to know",
            kBugreportOptions, run_bugreport},
    Command{"metrics", "[DIR]", "print the metrics of a mount for Prometheus", {}, run_metrics},
    Command{"help", "[COMMAND]", "show the commands, or the options of one", {}, show_help},
    Command{"version", "", "show the version", {}, show_version},
};

// How many of `words` are the command's name; 0: it is another one.
std::size_t matches(const Command& command, std::span<const std::string> words) {
  const std::size_t space = command.name.find(' ');
  const std::string_view first = command.name.substr(0, space);
  if (words.empty() || words[0] != first) return 0;
  if (space == std::string_view::npos) return 1;
  return words.size() > 1 && words[1] == command.name.substr(space + 1) ? 2 : 0;
}

const Command* find_command(std::span<const std::string> words) {
  const auto found = std::ranges::find_if(
      kCommands, [&](const Command& command) { return matches(command, words) > 0; });
  return found == kCommands.end() ? nullptr : &*found;
}

// "cache" alone, where there is "cache list".
bool is_first_word(std::string_view word) {
  return std::ranges::any_of(kCommands, [&](const Command& command) {
    return command.name.starts_with(word) && command.name.substr(word.size()).starts_with(' ');
  });
}

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

void complain(std::ostream& err, std::string_view what, std::string_view hint) {
  err << "glancefs: " << log::printable(std::string(what)) << "\n";
  if (!hint.empty()) err << "  hint: " << log::printable(std::string(hint)) << "\n";
}

}  // namespace

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

std::optional<int> run_command(std::span<char* const> arguments, const Environment& environment,
                               const std::string& directory, std::ostream& out, std::ostream& err) {
  std::vector<std::string> words(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) words[0] = "help";
  if (!words.empty() && (words[0] == "--version" || words[0] == "-V")) words[0] = "version";
  const Command* command = find_command(words);
  CommandExit code = CommandExit::kFailed;
  try {
    if (command == nullptr && (words.empty() || !is_first_word(words[0]))) return std::nullopt;
    if (command == nullptr) {
      throw UsageError(fmt::format("\"{}\" needs a second word", words[0]), "glancefs help");
    }
    const auto rest = std::span<const std::string>(words).subspan(matches(*command, words));
    code = run(*command, rest, environment, directory, out, err);
  } catch (const UsageError& error) {
    complain(err, error.what(), error.hint());
    code = CommandExit::kUsage;
  } catch (const std::exception& error) {
    complain(err, error.what(), "");
  }
  return static_cast<int>(code);
}

}  // namespace glancefs::fs
