#include "fs/mount/option_parser.h"

#include <algorithm>
#include <stdexcept>

#include "fs/mount/option_table.h"
#include "fs/mount/paths.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kEnvironmentPrefix = "env.";

/// The list cut at its commas, quotes and backslashes still in place.
std::vector<std::string_view> raw_words(std::string_view list) {
  std::vector<std::string_view> words;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i == list.size() || (list[i] == ',' && !quoted)) {
      if (i > begin) words.push_back(list.substr(begin, i - begin));
      begin = i + 1;
    } else if (list[i] == '"') {
      quoted = !quoted;
    } else if (list[i] == '\\' && i + 1 < list.size()) {
      ++i;
    }
  }
  return words;
}

std::string unquote(std::string_view raw) {
  std::string result;
  bool quoted = false;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escapes = raw[i] == '\\' && i + 1 < raw.size() &&
                         std::string_view(",\\\"").find(raw[i + 1]) != std::string_view::npos;
    if (escapes) {
      result += raw[++i];
    } else if (raw[i] == '"') {
      quoted = !quoted;
    } else {
      result += raw[i];
    }
  }
  if (quoted) throw StartError(ExitCode::kUsage, "-o: a quote is not closed");
  return result;
}

[[noreturn]] void fail(std::string_view name, std::string_view why, std::string hint = {}) {
  throw StartError(ExitCode::kUsage, fmt::format("option {}: {}", name, why), std::move(hint));
}

class Parser {
 public:
  Parser(Options base, const std::string& directory)
      : options_(std::move(base)),
        directory_(directory) {}

  void take_environment(const std::vector<OptionWord>& words, Environment environment);
  void take(const OptionWord& word);
  ParsedOptions finish() &&;

 private:
  void apply(const Option& row, const std::string& value, std::string_view called);
  void take_option(const OptionMatch& match, const OptionWord& word);
  bool take_kernel_word(const OptionWord& word);
  void unknown(const OptionWord& word);
  void make_absolute(std::string& path) const;

  Options options_;
  std::vector<std::string> warnings_;
  std::string previous_;  ///< the canonical name of the word before
  const std::string& directory_;
};

void Parser::apply(const Option& row, const std::string& value, std::string_view called) {
  try {
    row.apply(options_, row, value);
  } catch (const std::invalid_argument& e) {
    if (row.kind == OptionKind::kSecret) fail(called, e.what());
    fail(fmt::format("{}={}", called, value), e.what());
  }
}

void Parser::take_environment(const std::vector<OptionWord>& words, Environment environment) {
  for (const OptionWord& word : words) {
    if (!word.name.starts_with(kEnvironmentPrefix)) continue;
    const std::string name = word.name.substr(kEnvironmentPrefix.size());
    if (name.empty() || !word.value) fail(word.name, "expected env.NAME=VALUE");
    options_.environment[name] = *word.value;
    environment[name] = *word.value;
  }
  for (const Option& row : option_table()) {
    const std::string variable = environment_name(row);
    const auto found = environment.find(variable);
    // OS_* variables rank below clouds.yaml here and there: load_cloud() reads them itself.
    if (row.name.starts_with("os-") || found == environment.end() || found->second.empty())
      continue;
    apply(row, found->second, variable);
  }
}

void Parser::take_option(const OptionMatch& match, const OptionWord& word) {
  const Option& row = *match.option;
  if (match.negated) {
    if (word.value) fail(word.name, "takes no value");
    apply(row, "no", word.name);
  } else if (row.kind == OptionKind::kFlag) {
    apply(row, word.value.value_or("yes"), word.name);
  } else if (word.value && !word.value->empty()) {
    apply(row, *word.value, word.name);
  } else {
    fail(word.name, fmt::format("needs a value: {}={}", row.name, row.value_word));
  }
}

bool Parser::take_kernel_word(const OptionWord& word) {
  const auto words = kernel_words();
  const auto known = std::ranges::find(words, canonical_name(word.name), &KernelWord::name);
  if (known == words.end()) return false;
  if (known->has_value != word.value.has_value()) {
    fail(word.name, known->has_value ? "needs a value" : "takes no value");
  }
  options_.mount_flags = (options_.mount_flags | known->set) & ~known->clear;
  if (known->set == 0 && known->clear == 0) {
    std::string name(known->name);
    std::ranges::replace(name, '-', '_');  // the kernel's spelling
    options_.fuse_options.push_back(word.value ? name + "=" + *word.value : name);
  }
  return true;
}

void Parser::unknown(const OptionWord& word) {
  const std::string text = fmt::format("unknown option \"{}\"", word.name);
  if (options_.sloppy) {
    warnings_.push_back(text + " ignored");
    return;
  }
  if (previous_ == "stores" && !word.value) {
    throw StartError(ExitCode::kUsage, text, "several stores are written as in stores=fast:slow");
  }
  if (previous_ == "visibility" && !word.value) {
    throw StartError(ExitCode::kUsage, text,
                     "several visibilities are written as in visibility=public:private");
  }
  const std::string_view nearest = nearest_word(canonical_name(word.name), known_words());
  throw StartError(ExitCode::kUsage, text,
                   nearest.empty() ? "" : fmt::format("did you mean \"{}\"?", nearest));
}

void Parser::take(const OptionWord& word) {
  const std::string name = canonical_name(word.name);
  if (word.name.starts_with(kEnvironmentPrefix) || is_for_others(name)) return;
  if (name == "remount") {
    throw StartError(ExitCode::kMountFailed, "options cannot be changed while mounted",
                     "unmount, then mount again");
  }
  if (take_kernel_word(word)) return;
  const OptionMatch match = find_option(name);
  if (match.option == nullptr) {
    unknown(word);
  } else {
    take_option(match, word);
  }
  previous_ = name;
}

void Parser::make_absolute(std::string& path) const {
  if (!path.empty()) path = absolute_path(path, directory_);
}

ParsedOptions Parser::finish() && {
  make_absolute(options_.cache_directory);
  make_absolute(options_.state_directory);
  if (log::is_file(options_.log) && options_.log != "auto") make_absolute(options_.log);
  if (options_.metrics_listen) make_absolute(options_.metrics_listen->path);
  if (options_.http_debug) options_.log_level = std::max(options_.log_level, log::Level::kInfo);
  if (options_.log == "stderr" && !options_.foreground) {
    fail("log=stderr", "works only in the foreground (--foreground)");
  }
  if (options_.replaced == Replaced::kDelete && !options_.removal) {
    fail("replaced=delete", "contradicts delete=no");
  }
  if (!options_.subdirectory.empty() && !options_.visibilities.empty()) {
    fail("subdir", "cannot be combined with visibility: it shows one directory alone");
  }
  if (options_.read_only) options_.mount_flags |= MS_RDONLY;
  if (options_.allow_other) options_.fuse_options.emplace_back("allow_other");
  return {std::move(options_), std::move(warnings_)};
}

}  // namespace

bool is_secret_option(std::string_view name) {
  if (name.starts_with(kEnvironmentPrefix)) {
    name.remove_prefix(kEnvironmentPrefix.size());
    return std::ranges::any_of(option_table(), [&](const Option& option) {
      return option.kind == OptionKind::kSecret && environment_name(option) == name;
    });
  }
  const OptionMatch match = find_option(name);
  return match.option != nullptr && match.option->kind == OptionKind::kSecret;
}

std::vector<OptionWord> split_options(std::string_view list) {
  std::vector<OptionWord> words;
  for (const std::string_view raw : raw_words(list)) {
    const std::string text = unquote(raw);
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      words.push_back({text, std::nullopt});
    } else {
      words.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
  }
  return words;
}

void wipe_secrets(std::span<char> list) noexcept {
  const std::string_view text(list.data(), list.size());
  for (const std::string_view raw : raw_words(text)) {
    const auto equals = raw.find('=');
    if (equals == std::string_view::npos || !is_secret_option(raw.substr(0, equals))) continue;
    const auto begin = static_cast<std::size_t>(raw.data() - text.data()) + equals + 1;
    std::ranges::fill(list.subspan(begin, raw.size() - equals - 1), 'x');
  }
}

ParsedOptions parse_options(Options base, const std::vector<OptionWord>& words,
                            const Environment& environment, const std::string& directory) {
  Parser parser(std::move(base), directory);
  parser.take_environment(words, environment);
  for (const OptionWord& word : words) parser.take(word);
  return std::move(parser).finish();
}

}  // namespace glancefs::fs
