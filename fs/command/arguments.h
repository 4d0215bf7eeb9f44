// The words after the name of a command of `glancefs`.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/command/output.h"

namespace glancefs::fs {

/// An option of one command.
struct CommandOption {
  std::string_view name;        ///< long, without hyphens in front
  char letter;                  ///< '\0': none
  std::string_view value_word;  ///< empty: takes no value
  std::string_view help;
};

/// -f and -c, of the commands that show something.
inline constexpr CommandOption kFormatOption{"format", 'f', "FORMAT", "table, json, value or csv"};
inline constexpr CommandOption kColumnOption{"column", 'c', "NAME",
                                             "show this column only; may be repeated"};

/// The words, sorted. A value.
class Arguments {
 public:
  /// Options anywhere, as `-f json`, `-fjson`, `--format json` or `--format=json`; after `--` none.
  /// Throws UsageError for an option that is not in `options`, lacks its value or takes none.
  Arguments(std::span<const std::string> words, std::span<const CommandOption> options);

  const std::vector<std::string>& positionals() const noexcept { return positionals_; }
  /// Throws UsageError unless there are so many.
  void expect_positionals(std::size_t least, std::size_t most, std::string_view usage) const;

  bool has(std::string_view name) const { return values_.contains(name); }
  /// The last value given; empty: none was.
  std::string value(std::string_view name) const;
  std::vector<std::string> values(std::string_view name) const;

  /// What -f and -c say.
  OutputChoice output() const;

 private:
  std::vector<std::string> positionals_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace glancefs::fs
