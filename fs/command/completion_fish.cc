#include <fmt/core.h>

#include "fs/command/completion.h"
#include "fs/command/completion_words.h"
#include "fs/mount/switches.h"

namespace glancefs::fs {
namespace {

constexpr const char* kHead =
    R"sh(# Completion of glancefs and mount.glancefs for fish, made by `glancefs completion fish`.

function __glancefs_clouds
    glancefs completion --clouds 2>/dev/null
end

# The list after -o, of which only the last word is not complete.
function __glancefs_list
    set -l head (string replace -r '[^,]*$' '' -- (commandline -ct | string replace -r '^(-o|--options=)' ''))
    __glancefs_options | string replace -r '^' -- $head
end

function __glancefs_mounts
    set -l words (commandline -opc)
    string match -q '*mount.glancefs' -- $words[1]; or test "$words[2]" = mount
end

# Whether the command is the words given.
function __glancefs_at
    set -l words (commandline -opc)
    set -l last (math 1 + (count $argv))
    test "$words[2..$last]" = "$argv"
end

function __glancefs_first
    test (count (commandline -opc)) -eq 1
end

function __glancefs_second
    set -l words (commandline -opc)
    test (count $words) -eq 2 -a "$words[2]" = $argv[1]
end

complete -c glancefs -f
complete -c mount.glancefs -f
)sh";

/// Within single quotes.
std::string quoted(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

/// What -a takes for a word.
std::string source(const WordHint& hint) {
  const std::string choices = hint.choices.empty() ? "" : hint.choices + " ";
  switch (hint.kind) {
    case WordKind::kFile:
      return choices + "(__fish_complete_path (commandline -ct))";
    case WordKind::kDirectory:
      return choices + "(__fish_complete_directories (commandline -ct))";
    case WordKind::kUser:
      return "(__fish_complete_users)";
    case WordKind::kGroup:
      return "(__fish_complete_groups)";
    case WordKind::kCloud:
      return "(__glancefs_clouds)";
    case WordKind::kOptions:
      return "(__glancefs_list)";
    case WordKind::kChoices:
    case WordKind::kAny:
      break;
  }
  return hint.choices;
}

std::string value_of(const WordHint& hint) {
  const std::string words = source(hint);
  return words.empty() ? " -x" : fmt::format(" -x -a '{}'", quoted(words));
}

std::string option_list() {
  std::string text = "\nfunction __glancefs_options\n    printf '%s\\n'";
  for (const Option& row : option_table()) {
    const bool flag = row.kind == OptionKind::kFlag;
    const std::string name = fmt::format("{}{}", row.name, flag ? "" : "=");
    text += fmt::format(" \\\n        '{}'\\t'{}'", name, quoted(row.help));
    // The values themselves, where they are few.
    const WordHint hint = value_hint(row);
    if (flag || hint.kind != WordKind::kChoices) continue;
    std::string word;
    for (const char c : hint.choices + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      text += fmt::format(" \\\n        '{}{}'", name, word);
      word.clear();
    }
  }
  return text + "\nend\n";
}

std::string switch_line(const Switch& row, const std::string& begin) {
  std::string text = begin;
  if (row.letter != '\0') text += fmt::format(" -s {}", row.letter);
  if (!row.name.empty()) text += fmt::format(" -l {}", row.name);
  if (!row.value_word.empty()) text += row.letter == 'o' ? " -x -a '(__glancefs_list)'" : " -r";
  return text + fmt::format(" -d '{}'\n", quoted(row.help));
}

std::string option_line(const Option& row, const std::string& begin) {
  const bool flag = row.kind == OptionKind::kFlag;
  return fmt::format("{} -l {}{} -d '{}'\n", begin, row.name,
                     flag ? std::string() : value_of(value_hint(row)), quoted(row.help));
}

std::string mount_arguments() {
  std::string text = "\n";
  for (const char* program : {"glancefs", "mount.glancefs"}) {
    const std::string begin = fmt::format("complete -c {} -n __glancefs_mounts", program);
    text += begin + " -a '(__glancefs_clouds) (__fish_complete_directories (commandline -ct))'\n";
    for (const Switch& row : kSwitches) text += switch_line(row, begin);
    for (const Option& row : option_table()) text += option_line(row, begin);
  }
  return text;
}

std::string command_arguments() {
  std::string text = "\n";
  for (const std::string& first : first_words()) {
    text += fmt::format("complete -c glancefs -n __glancefs_first -a {} -d '{}'\n", first,
                        quoted(first_word_summary(first)));
    const std::string seconds = in_one_line(second_words(first));
    if (seconds.empty()) continue;
    text += fmt::format("complete -c glancefs -n '__glancefs_second {}' -a '{}'\n", first, seconds);
  }
  for (const Command& command : commands()) {
    const std::string begin =
        fmt::format("complete -c glancefs -n '__glancefs_at {}'", command.name);
    for (const WordHint& hint : positional_hints(command)) {
      text += fmt::format("{} -a '{}'\n", begin, quoted(source(hint)));
    }
    for (const CommandOption& option : command.options) {
      text += begin;
      if (option.letter != '\0') text += fmt::format(" -s {}", option.letter);
      text += fmt::format(" -l {}", option.name);
      if (!option.value_word.empty()) text += value_of(value_hint(option));
      text += fmt::format(" -d '{}'\n", quoted(option.help));
    }
  }
  return text;
}

}  // namespace

std::string fish_completion() {
  return kHead + option_list() + mount_arguments() + command_arguments();
}

}  // namespace glancefs::fs
