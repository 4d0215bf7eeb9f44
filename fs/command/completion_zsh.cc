#include <fmt/core.h>

#include "fs/command/completion.h"
#include "fs/command/completion_words.h"
#include "fs/mount/switches.h"

namespace glancefs::fs {
namespace {

constexpr const char* kHead = R"sh(#compdef glancefs mount.glancefs
# Completion of glancefs and mount.glancefs for zsh, made by `glancefs completion zsh`.

_glancefs_clouds() {
  local -a clouds
  clouds=(${(f)"$(_call_program clouds glancefs completion --clouds 2>/dev/null)"})
  compadd -a clouds
}

_glancefs_places() {
  _glancefs_clouds
  _files -/
}
)sh";

constexpr const char* kTail = R"sh(
_glancefs() {
  if [[ $service == mount.glancefs ]]; then
    _glancefs_mount
  elif ((CURRENT == 2)); then
    _glancefs_commands
  elif [[ $words[2] == mount ]]; then
    shift words
    ((CURRENT--))
    _glancefs_mount
  else
    _glancefs_command
  fi
}

_glancefs "$@"
)sh";

/// A help text between the brackets of _arguments and _values, within single quotes.
std::string quoted(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result;
}

/// The action that completes a value.
std::string action(const WordHint& hint) {
  switch (hint.kind) {
    case WordKind::kFile:
      return "_files";
    case WordKind::kDirectory:
      return "_files -/";
    case WordKind::kUser:
      return "_users";
    case WordKind::kGroup:
      return "_groups";
    case WordKind::kCloud:
      return "_glancefs_clouds";
    case WordKind::kOptions:
      return "_glancefs_options";
    case WordKind::kChoices:
      return fmt::format("({})", hint.choices);
    case WordKind::kAny:
      break;
  }
  return " ";
}

std::string option_list() {
  std::string text = "\n_glancefs_options() {\n  _values -s , 'mount option'";
  for (const Option& row : option_table()) {
    text += fmt::format(" \\\n    '{}[{}]", row.name, quoted(row.help));
    if (row.kind != OptionKind::kFlag) {
      text += fmt::format(":{}:{}", row.value_word, action(value_hint(row)));
    }
    text += "'";
  }
  return text + "\n}\n";
}

std::string mount_arguments() {
  std::string text = "\n_glancefs_mount() {\n  _arguments -S";
  for (const Switch& row : kSwitches) {
    std::string rest = fmt::format("[{}]", quoted(row.help));
    if (!row.value_word.empty()) {
      const bool options = row.letter == 'o';
      rest += fmt::format(":{}:{}", row.value_word, options ? "_glancefs_options" : "_files");
    }
    if (row.letter != '\0') text += fmt::format(" \\\n    '-{}{}'", row.letter, rest);
    if (!row.name.empty()) text += fmt::format(" \\\n    '--{}{}'", row.name, rest);
  }
  for (const Option& row : option_table()) {
    text += fmt::format(" \\\n    '--{}", row.name);
    if (row.kind != OptionKind::kFlag) text += "=";
    text += fmt::format("[{}]", quoted(row.help));
    if (row.kind != OptionKind::kFlag) {
      text += fmt::format(":{}:{}", row.value_word, action(value_hint(row)));
    }
    text += "'";
  }
  return text +
         " \\\n    '1:cloud or mount point:_glancefs_places' \\\n"
         "    '2:mount point:_files -/'\n}\n";
}

std::string command_list() {
  std::string text = "\n_glancefs_commands() {\n  local -a commands\n  commands=(";
  for (const std::string& first : first_words()) {
    text += fmt::format("\n    '{}:{}'", first, quoted(first_word_summary(first)));
  }
  return text + ")\n  _describe command commands\n}\n";
}

std::string command_arm(const Command& command) {
  const bool two = command.name.find(' ') != std::string_view::npos;
  std::string text = fmt::format("    '{}'{})\n", command.name, two ? "" : "' '*");
  text += fmt::format("      shift {} words\n      ((CURRENT -= {}))\n      _arguments -S",
                      two ? 2 : 1, two ? 2 : 1);
  text += " '--help[show what it does]'";
  for (const CommandOption& option : command.options) {
    std::string value;
    if (!option.value_word.empty()) {
      value = fmt::format(":{}:{}", option.value_word, action(value_hint(option)));
    }
    const std::string rest = fmt::format("[{}]{}", quoted(option.help), value);
    if (option.letter != '\0') text += fmt::format(" \\\n        '*-{}{}'", option.letter, rest);
    text += fmt::format(" \\\n        '*--{}{}{}'", option.name, value.empty() ? "" : "=", rest);
  }
  for (const WordHint& hint : positional_hints(command)) {
    text += fmt::format(" \\\n        '*: :{}'", action(hint));
    break;  // zsh takes one rule for all of them
  }
  return text + " ;;\n";
}

std::string command_arguments() {
  std::string text =
      "\n_glancefs_command() {\n  if ((CURRENT == 3)); then\n    case $words[2] in\n";
  for (const std::string& first : first_words()) {
    const std::string seconds = in_one_line(second_words(first));
    if (seconds.empty()) continue;
    text += fmt::format("      {}) compadd {}; return ;;\n", first, seconds);
  }
  text += "    esac\n  fi\n  case \"$words[2] $words[3]\" in\n";
  for (const bool two : {true, false}) {
    for (const Command& command : commands()) {
      if ((command.name.find(' ') != std::string_view::npos) == two) text += command_arm(command);
    }
  }
  return text + "  esac\n}\n";
}

}  // namespace

std::string zsh_completion() {
  return kHead + option_list() + mount_arguments() + command_list() + command_arguments() + kTail;
}

}  // namespace glancefs::fs
