#include <fmt/core.h>

#include "fs/command/completion.h"
#include "fs/command/completion_words.h"
#include "fs/mount/switches.h"

namespace glancefs::fs {
namespace {

// What does not depend on the tables.
constexpr const char* kFrame = R"sh(
_glancefs_clouds() {
  local program=glancefs
  [[ ${COMP_WORDS[0]##*/} == glancefs ]] && program=${COMP_WORDS[0]}
  compgen -W "$("$program" completion --clouds 2>/dev/null)" -- "$1"
}

# The list after -o, of which only the last word is not complete.
_glancefs_list() {
  local last=${1##*,} answer
  local head=${1%"$last"}
  if [[ $last == *=* ]]; then
    while IFS= read -r answer; do
      printf '%s\n' "$head${last%%=*}=$answer"
    done < <(_glancefs_value "${last%%=*}" "${last#*=}")
  else
    while IFS= read -r answer; do
      printf '%s\n' "$head$answer"
    done < <(compgen -W "$_glancefs_names" -- "${last//_/-}")
  fi
}

# CURRENT PREVIOUS, where a mount is described.
_glancefs_mount() {
  local name answer
  case $2 in
    -o|--options) _glancefs_list "$1"; return ;;
    -N|--namespace) compgen -f -- "$1"; return ;;
    -t) return ;;
  esac
  if [[ $1 == --options=* ]]; then
    while IFS= read -r answer; do
      printf '%s\n' "--options=$answer"
    done < <(_glancefs_list "${1#*=}")
  elif [[ $1 == --*=* ]]; then
    name=${1%%=*}
    while IFS= read -r answer; do
      printf '%s\n' "$name=$answer"
    done < <(_glancefs_value "${name#--}" "${1#*=}")
  elif [[ $1 == --* ]]; then
    compgen -W "$_glancefs_long" -- "$1"
  elif [[ $1 == -* ]]; then
    compgen -W "$_glancefs_letters" -- "$1"
  else
    _glancefs_clouds "$1"
    compgen -d -- "$1"
  fi
}

_glancefs() {
  local line=${COMP_LINE:0:COMP_POINT} current previous cut=
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=${words[-1]} previous=${words[-2]}
  mapfile -t COMPREPLY < <(
    if [[ ${words[0]##*/} == mount.* ]]; then
      _glancefs_mount "$current" "$previous"
    elif ((${#words[@]} == 2)); then
      compgen -W "$_glancefs_commands" -- "$current"
    elif [[ ${words[1]} == mount ]]; then
      _glancefs_mount "$current" "$previous"
    else
      _glancefs_command "$current" "$previous" "${words[1]}" "${words[2]}" "${#words[@]}"
    fi)
  # bash cuts words at "=" and ":"; here they are whole, and the answers begin after the last cut.
  [[ $current == *[=:]* ]] && cut=${current%"${current##*[=:]}"}
  COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}

complete -F _glancefs glancefs mount.glancefs
)sh";

/// Commands that print what `$2` may become.
std::string generator(const WordHint& hint, const std::string& word) {
  std::string choices;
  if (!hint.choices.empty()) choices = fmt::format("compgen -W '{}' -- {}", hint.choices, word);
  const auto also = [&](const char* flag) {
    return (choices.empty() ? "" : choices + "; ") + fmt::format("compgen {} -- {}", flag, word);
  };
  switch (hint.kind) {
    case WordKind::kFile:
      return also("-f");
    case WordKind::kDirectory:
      return also("-d");
    case WordKind::kUser:
      return also("-u");
    case WordKind::kGroup:
      return also("-g");
    case WordKind::kCloud:
      return "_glancefs_clouds " + word;
    case WordKind::kOptions:
      return "_glancefs_list " + word;
    case WordKind::kChoices:
    case WordKind::kAny:
      break;
  }
  return choices.empty() ? ":" : choices;
}

std::string mount_words() {
  std::string names;
  std::string letters;
  std::string longs;
  for (const Option& row : option_table()) {
    const std::string name =
        fmt::format("{}{}", row.name, row.kind == OptionKind::kFlag ? "" : "=");
    names += name + " ";
    longs += "--" + name + " ";
  }
  for (const Alias& row : option_aliases()) names += fmt::format("{} ", row.alias);
  for (const KernelWord& row : kernel_words()) {
    names += fmt::format("{}{} ", row.name, row.has_value ? "=" : "");
  }
  for (const Switch& row : kSwitches) {
    if (row.letter != '\0') letters += fmt::format("-{} ", row.letter);
    if (!row.name.empty()) longs += fmt::format("--{} ", row.name);
  }
  return fmt::format(
      "_glancefs_names='{}'\n_glancefs_long='{}'\n_glancefs_letters='-f {}'\n"
      "_glancefs_commands='{}'\n",
      names, longs, letters, in_one_line(first_words()));
}

std::string mount_values() {
  std::string text =
      "\n# NAME VALUE: what the value of a mount option may become.\n"
      "_glancefs_value() {\n  case ${1//_/-} in\n";
  for (const Option& row : option_table()) {
    std::string pattern(row.name);
    for (const Alias& alias : option_aliases()) {
      if (alias.name == row.name) pattern += fmt::format("|{}", alias.alias);
    }
    const std::string values = generator(value_hint(row), "\"$2\"");
    if (values != ":") text += fmt::format("    {}) {} ;;\n", pattern, values);
  }
  return text + "  esac\n}\n";
}

std::string command_arm(const Command& command) {
  const bool two = command.name.find(' ') != std::string_view::npos;
  std::string text =
      fmt::format("    {})\n      case $2 in\n",
                  two ? fmt::format("'{}'", command.name) : fmt::format("'{} '*", command.name));
  std::string names;
  for (const CommandOption& option : command.options) {
    names += fmt::format("--{} ", option.name);
    if (option.value_word.empty()) continue;
    const std::string letter = option.letter == '\0' ? "" : fmt::format("-{}|", option.letter);
    text += fmt::format("        {}--{}) {}; return ;;\n", letter, option.name,
                        generator(value_hint(option), "\"$1\""));
  }
  text += fmt::format(
      "      esac\n      if [[ $1 == -* ]]; then\n"
      "        compgen -W '{}--help' -- \"$1\"\n      else\n        :\n",
      names);
  for (const WordHint& hint : positional_hints(command)) {
    text += fmt::format("        {}\n", generator(hint, "\"$1\""));
  }
  return text + "      fi ;;\n";
}

std::string command_words() {
  std::string text =
      "\n# CURRENT PREVIOUS FIRST SECOND COUNT: after the first word of a command.\n"
      "_glancefs_command() {\n"
      "  if (($5 == 3)); then\n    case $3 in\n";
  for (const std::string& first : first_words()) {
    const std::string seconds = in_one_line(second_words(first));
    if (seconds.empty()) continue;
    text += fmt::format("      {}) compgen -W '{}' -- \"$1\"; return ;;\n", first, seconds);
  }
  text += "    esac\n  fi\n  case \"$3 $4\" in\n";
  // Two words before one: "cache list" before "cache".
  for (const bool two : {true, false}) {
    for (const Command& command : commands()) {
      if ((command.name.find(' ') != std::string_view::npos) == two) text += command_arm(command);
    }
  }
  return text + "  esac\n}\n";
}

}  // namespace

std::string bash_completion() {
  return "# Completion of glancefs and mount.glancefs for bash, made by `glancefs completion "
         "bash`.\n" +
         mount_words() + mount_values() + command_words() + kFrame;
}

}  // namespace glancefs::fs
