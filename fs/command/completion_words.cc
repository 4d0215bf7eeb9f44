#include "fs/command/completion_words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace glancefs::fs {
namespace {

/// The words in capitals that usages and options use for what they take.
WordHint placeholder_hint(std::string_view word) {
  if (word == "FORMAT") return {WordKind::kChoices, std::string(kFormatNames)};
  if (word == "COMMAND") return {WordKind::kChoices, in_one_line(first_words())};
  constexpr std::array<std::pair<std::string_view, WordKind>, 6> kKinds{
      {{"FILE", WordKind::kFile},
       {"DIR", WordKind::kDirectory},
       {"USER", WordKind::kUser},
       {"GROUP", WordKind::kGroup},
       {"CLOUD", WordKind::kCloud},
       {"OPTIONS", WordKind::kOptions}}};
  for (const auto& [name, kind] : kKinds) {
    if (name == word) return {kind, {}};
  }
  return {};
}

/// The words of a usage: what is between brackets, bars and dots.
std::vector<std::string> usage_words(std::string_view usage) {
  std::vector<std::string> words(1);
  for (const char c : usage) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  // Options are in a table of their own.
  std::erase_if(words, [](const std::string& word) { return word.empty() || word[0] == '-'; });
  return words;
}

std::pair<std::string_view, std::string_view> halves(std::string_view name) {
  const auto space = name.find(' ');
  if (space == std::string_view::npos) return {name, {}};
  return {name.substr(0, space), name.substr(space + 1)};
}

}  // namespace

WordHint value_hint(const Option& row) {
  const std::string choices(row.choices);
  if (row.name == "os-cloud") return {WordKind::kCloud, {}};
  if (row.kind == OptionKind::kFlag) return {WordKind::kChoices, "yes no"};
  if (row.kind == OptionKind::kPath) {
    return {row.value_word == "DIR" ? WordKind::kDirectory : WordKind::kFile, choices};
  }
  if (!choices.empty()) return {WordKind::kChoices, choices};
  return placeholder_hint(row.value_word);
}

WordHint value_hint(const CommandOption& option) { return placeholder_hint(option.value_word); }

std::vector<WordHint> positional_hints(const Command& command) {
  std::vector<WordHint> hints;
  WordHint literal{WordKind::kChoices, {}};
  for (const std::string& word : usage_words(command.usage)) {
    const bool placeholder = std::isupper(static_cast<unsigned char>(word[0])) != 0;
    if (!placeholder) literal.choices += (literal.choices.empty() ? "" : " ") + word;
    if (placeholder) hints.push_back(placeholder_hint(word));
  }
  if (!literal.choices.empty()) hints.push_back(std::move(literal));
  std::erase_if(hints, [](const WordHint& hint) { return hint.kind == WordKind::kAny; });
  return hints;
}

std::vector<std::string> first_words() {
  std::vector<std::string> words{"mount"};
  for (const Command& command : commands()) {
    std::string first(halves(command.name).first);
    if (std::ranges::find(words, first) == words.end()) words.push_back(std::move(first));
  }
  return words;
}

std::vector<std::string> second_words(std::string_view first) {
  std::vector<std::string> words;
  for (const Command& command : commands()) {
    const auto [one, two] = halves(command.name);
    if (one == first && !two.empty()) words.emplace_back(two);
  }
  return words;
}

std::string first_word_summary(std::string_view first) {
  const std::vector<std::string> seconds = second_words(first);
  if (!seconds.empty()) return in_one_line(seconds);
  for (const Command& command : commands()) {
    if (command.name == first) return std::string(command.summary);
  }
  return "mount a cloud's images";
}

std::string in_one_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace glancefs::fs
