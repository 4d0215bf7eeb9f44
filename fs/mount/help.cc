// --help, made from the tables.
#include <array>
#include <vector>

#include "fs/mount/command_line.h"
#include "fs/mount/option_table.h"
#include "fs/mount/switches.h"

namespace glancefs::fs {
namespace {

struct Heading {
  OptionGroup group;
  std::string_view text;
};
constexpr std::array kHeadings{
    Heading{OptionGroup::kMount, "Mounting"},    Heading{OptionGroup::kFiles, "Files"},
    Heading{OptionGroup::kCache, "Local files"}, Heading{OptionGroup::kNetwork, "Network"},
    Heading{OptionGroup::kLog, "Log"},           Heading{OptionGroup::kCloud, "Cloud and login"}};

constexpr std::size_t kColumn = 42;

std::string line(const std::string& left, std::string_view right) {
  return fmt::format("  {:<{}} {}\n", left, kColumn, right);
}

/// "HEADING: word word …", broken into lines.
std::string paragraph(std::string text, const std::vector<std::string>& words) {
  constexpr std::size_t kWidth = 80;
  std::size_t column = text.size();
  for (const std::string& word : words) {
    if (column + 1 + word.size() > kWidth) {
      text += "\n ";
      column = 1;
    }
    text += " " + word;
    column += 1 + word.size();
  }
  return text + "\n";
}

std::vector<std::string> other_names() {
  std::vector<std::string> words;
  for (const Alias& row : option_aliases())
    words.push_back(fmt::format("{}={}", row.alias, row.name));
  return words;
}

std::vector<std::string> words_for_kernel() {
  std::vector<std::string> words;
  for (const KernelWord& row : kernel_words()) {
    words.push_back(fmt::format("{}{}", row.name, row.has_value ? "=" : ""));
  }
  return words;
}

std::string usage(std::string_view program) {
  if (is_mount_helper(program)) {
    return fmt::format(
        "usage: {0} [CLOUD] DIR [-o OPTIONS] [--OPTION[=VALUE]]...\n"
        "       mount -t glancefs CLOUD DIR [-o OPTIONS]\n",
        program);
  }
  return "usage: glancefs mount [CLOUD] DIR [-o OPTIONS] [--OPTION[=VALUE]]...\n"
         "       glancefs help | version\n";
}

std::string switch_text(const Switch& row, bool helper) {
  std::string left;
  // -f is a word of its own on each side.
  const char letter = row.name == (helper ? "fake" : "foreground") ? 'f' : row.letter;
  if (letter != '\0') left = fmt::format("-{}", letter);
  if (!row.name.empty()) left += fmt::format("{}--{}", left.empty() ? "    " : ", ", row.name);
  if (!row.value_word.empty()) left += fmt::format(" {}", row.value_word);
  return line(left, row.help);
}

std::string option_text(const Option& row) {
  std::string left(row.name);
  if (row.kind != OptionKind::kFlag) left += fmt::format("={}", row.value_word);
  std::string right(row.help);
  if (!row.initial.empty()) right += fmt::format(" [{}]", row.initial);
  if (row.since != kFirstVersion) right += fmt::format(" (since {})", row.since);
  return line(left, right);
}

}  // namespace

std::string help_text(std::string_view program) {
  std::string text = usage(program) +
                     "\nShows the image catalogue of an OpenStack cloud as files in DIR.\n"
                     "CLOUD is a name in clouds.yaml; without it OS_CLOUD, the OS_* variables or\n"
                     "the only cloud in clouds.yaml decides.\n\n";
  for (const Switch& row : kSwitches) text += switch_text(row, is_mount_helper(program));
  text +=
      "\nEvery option below is a word for -o, a --long-option, a line in glancefs.conf and a\n"
      "variable: cache-dir=DIR, --cache-dir=DIR, GLANCEFS_CACHE_DIR (os-* options: OS_*). Those\n"
      "without a value also take =yes and =no, or \"no\" in front. Defaults in brackets.\n";
  for (const Heading& heading : kHeadings) {
    text += fmt::format("\n{}:\n", heading.text);
    for (const Option& row : option_table()) {
      if (row.group == heading.group) text += option_text(row);
    }
  }
  text += line("env.NAME=VALUE", "set a variable, such as https_proxy, where none can be exported");
  return text + "\n" + paragraph("Other names:", other_names()) +
         paragraph("For the kernel:", words_for_kernel());
}

}  // namespace glancefs::fs
