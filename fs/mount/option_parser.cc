#include "fs/mount/option_parser.h"

#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <utility>

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
  Parser(Options base, Environment environment, std::string directory)
      : options_(std::move(base)),
        environment_(std::move(environment)),
        directory_(std::move(directory)) {}

  void take_variables(const std::vector<OptionWord>& words);
  void take_files(std::span<const ConfigFile> files, const std::string& cloud);
  void take_environment();
  void take_words(const std::vector<OptionWord>& words);
  ParsedOptions finish() &&;

 private:
  void apply(const Option& row, const std::string& value, std::string_view called);
  void take_variable(const OptionWord& word);
  void take(const OptionWord& word);
  void take_line(const ConfigFile& file, const ConfigLine& line);
  void take_option(const OptionMatch& match, const OptionWord& word);
  bool take_kernel_word(const OptionWord& word);
  void unknown(const OptionWord& word);
  void check_contradictions() const;
  std::string origins(std::initializer_list<std::string_view> names) const;

  Options options_;
  OptionSettings settings_;
  std::vector<std::string> warnings_;
  Environment environment_;  ///< with the env.* words
  std::string directory_;    ///< where relative paths begin
  std::string origin_;       ///< of what is being taken
  std::string previous_;     ///< the canonical name of the word before
};

std::string shown_value(const Option& row, const std::string& value) {
  if (row.kind == OptionKind::kSecret) return "***";
  if (row.kind == OptionKind::kFlag) return parse_flag(value) ? "yes" : "no";
  return value;
}

/// `mount -a` of root runs in any directory, where anybody may have put a file of that name.
void check_config_path(const std::string& path) {
  if (::geteuid() != 0 || path.starts_with('/') || path.starts_with("~/")) return;
  fail(fmt::format("config={}", path), "must be an absolute path for root");
}

/// Where in the value of an option a path begins; npos: it holds none.
std::size_t path_in(const Option& row, const std::string& value) {
  if (row.kind != OptionKind::kPath || is_choice(row, value)) return std::string::npos;
  for (const std::string_view scheme : {"unix:", "journal:"}) {
    if (value.starts_with(scheme)) return scheme.size();
  }
  return row.name == "metrics-listen" ? std::string::npos : 0;
}

void Parser::apply(const Option& row, const std::string& value, std::string_view called) {
  std::string text = value;
  const std::size_t path = path_in(row, value);
  if (path != std::string::npos) {
    if (row.name == "config") check_config_path(value);
    text = value.substr(0, path) +
           written_path(value.substr(path), directory_, effective_user(environment_).home);
  }
  try {
    row.apply(options_, row, text);
  } catch (const std::invalid_argument& e) {
    if (row.kind == OptionKind::kSecret) fail(called, e.what());
    fail(fmt::format("{}={}", called, value), e.what());
  }
  const std::string shown = shown_value(row, text);
  if (row.kind != OptionKind::kSecret) options_.given[std::string(row.name)] = shown;
  settings_.insert_or_assign(std::string(row.name), OptionSetting{shown, origin_});
}

/// The variable of an env.NAME word.
std::string variable_of(const OptionWord& word) {
  std::string name = word.name.substr(kEnvironmentPrefix.size());
  if (name.empty() || !word.value) fail(word.name, "expected env.NAME=VALUE");
  return name;
}

void Parser::take_variables(const std::vector<OptionWord>& words) {
  for (const OptionWord& word : words) {
    if (!word.name.starts_with(kEnvironmentPrefix)) continue;
    const std::string name = variable_of(word);
    options_.environment[name] = *word.value;
    environment_[name] = *word.value;
  }
}

/// One in a file: the process's own wins. Of two files, or a line for one cloud, the later does.
void Parser::take_variable(const OptionWord& word) {
  const std::string name = variable_of(word);
  if (name.starts_with("OS_") || name.starts_with("GLANCEFS_")) {
    fail(word.name, "is no way to set an option in a file: write the option itself");
  }
  if (!environment_.contains(name)) options_.environment[name] = *word.value;
}

void Parser::take_environment() {
  for (const Option& row : option_table()) {
    const std::string variable = environment_name(row);
    const auto found = environment_.find(variable);
    // OS_* variables rank below clouds.yaml here and there: load_cloud() reads them itself.
    if (row.name.starts_with("os-") || found == environment_.end() || found->second.empty())
      continue;
    origin_ = "environment " + variable;
    apply(row, found->second, variable);
  }
}

void Parser::take_words(const std::vector<OptionWord>& words) {
  origin_ = kCommandLineOrigin;
  for (const OptionWord& word : words) take(word);
}

/// Throws where `line` may not stand in a file.
void check_line(const ConfigFile& file, const ConfigLine& line) {
  const std::string name = canonical_name(line.word.name);
  if (name == "remount" || is_for_others(name) || find_kernel_word(name) != nullptr) {
    throw StartError(ExitCode::kUsage,
                     fmt::format("\"{}\" is not an option of glancefs", line.word.name),
                     "words for mount(8) and the kernel are given with -o or in /etc/fstab");
  }
  const Option* row = find_option(name).option;
  if (row == nullptr) return;
  if (row->name == "config") fail(row->name, "cannot stand in a configuration file");
  if (row->name == "os-cloud" && !line.section.empty()) {
    fail(row->name, "cannot stand among the lines for one cloud");
  }
  if (row->kind == OptionKind::kSecret && file.world_readable) {
    fail(row->name, "everybody can read this file, so it must not hold secrets",
         "chmod 600 " + file.path);
  }
}

void Parser::take_line(const ConfigFile& file, const ConfigLine& line) {
  origin_ = fmt::format("{}:{}", file.path, line.number);
  directory_ = file.path.substr(0, file.path.rfind('/') + 1);
  try {
    check_line(file, line);
    if (line.word.name.starts_with(kEnvironmentPrefix)) {
      take_variable(line.word);
    } else {
      take(line.word);
    }
  } catch (const StartError& e) {
    throw StartError(e.code(), fmt::format("{}: {}", origin_, e.what()), e.hint());
  }
}

void Parser::take_files(std::span<const ConfigFile> files, const std::string& cloud) {
  const std::string own_directory = directory_;
  const std::string own_cloud = options_.cloud;
  for (const ConfigFile& file : files) {
    for (const ConfigLine& line : file.lines) {
      if (line.section.empty()) take_line(file, line);
    }
    for (const ConfigLine& line : file.lines) {
      if (line.section.empty()) continue;
      // A mistake in the lines for another cloud is found here and not by chance.
      Parser elsewhere = *this;
      (line.section == cloud ? *this : elsewhere).take_line(file, line);
    }
  }
  // What files say of the login counts less than OS_* variables, which load_cloud() reads.
  options_.cloud_defaults = std::exchange(options_.cloud_overrides, {});
  if (options_.cloud != own_cloud) {
    options_.cloud_defaults["OS_CLOUD"] = std::exchange(options_.cloud, own_cloud);
  }
  directory_ = own_directory;
  previous_.clear();
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
  const KernelWord* known = find_kernel_word(word.name);
  if (known == nullptr) return false;
  if (known->has_value != word.value.has_value()) {
    fail(word.name, known->has_value ? "needs a value" : "takes no value");
  }
  options_.mount_flags = (options_.mount_flags | known->set) & ~known->clear;
  if (known->set == 0 && known->clear == 0) {
    std::string name(known->name);
    std::ranges::replace(name, '-', '_');  // the kernel's spelling
    options_.fuse_options.push_back(word.value ? name + "=" + *word.value : name);
    options_.given[std::string(known->name)] = word.value.value_or("yes");
  }
  return true;
}

void Parser::unknown(const OptionWord& word) {
  const std::string text = fmt::format("unknown option \"{}\"", word.name);
  if (options_.sloppy) {
    const bool in_file = origin_ != kCommandLineOrigin;
    warnings_.push_back((in_file ? origin_ + ": " : "") + text + " ignored");
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
  if (word.name.starts_with(kEnvironmentPrefix) || is_for_others(name) || name == "remount") return;
  if (take_kernel_word(word)) return;
  const OptionMatch match = find_option(name);
  if (match.option == nullptr) {
    unknown(word);
  } else {
    take_option(match, word);
  }
  previous_ = name;
}

/// Where those of the options that are not on the command line come from, as a hint.
std::string Parser::origins(std::initializer_list<std::string_view> names) const {
  std::string text;
  for (const std::string_view name : names) {
    const auto found = settings_.find(name);
    if (found == settings_.end() || found->second.origin == kCommandLineOrigin) continue;
    text += fmt::format("{}{}={} is from {}", text.empty() ? "" : "; ", name, found->second.value,
                        found->second.origin);
  }
  return text;
}

void Parser::check_contradictions() const {
  if (options_.log == "stderr" && !options_.foreground) {
    fail("log=stderr", "works only in the foreground (--foreground)", origins({"log"}));
  }
  if (options_.replaced == Replaced::kDelete && !options_.removal) {
    fail("replaced=delete", "contradicts delete=no", origins({"replaced", "delete"}));
  }
  if (options_.subdirectory.empty() || options_.visibilities.empty()) return;
  const auto shown = client::visibility_of(options_.subdirectory);
  if (!shown) {
    fail("subdir=" + options_.subdirectory, "cannot be combined with visibility",
         origins({"subdir", "visibility"}));
  }
  if (std::ranges::find(options_.visibilities, *shown) == options_.visibilities.end()) {
    fail("subdir=" + options_.subdirectory, "the option visibility excludes it",
         origins({"subdir", "visibility"}));
  }
}

ParsedOptions Parser::finish() && {
  check_contradictions();
  // The one directory says it all then.
  if (!options_.subdirectory.empty()) options_.visibilities.clear();
  if (options_.http_debug) options_.log_level = std::max(options_.log_level, log::Level::kInfo);
  if (options_.read_only) options_.mount_flags |= MS_RDONLY;
  if (options_.allow_other) options_.fuse_options.emplace_back("allow_other");
  return {std::move(options_), std::move(warnings_), std::move(settings_)};
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
                            const Environment& environment, const std::string& directory,
                            std::span<const ConfigFile> files, const std::string& cloud) {
  Parser parser(std::move(base), environment, directory);
  parser.take_variables(words);
  parser.take_files(files, cloud);
  parser.take_environment();
  parser.take_words(words);
  return std::move(parser).finish();
}

}  // namespace glancefs::fs
