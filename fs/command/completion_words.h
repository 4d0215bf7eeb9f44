// What can stand where in a command line, for completions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fs/command/commands.h"
#include "fs/mount/option_table.h"

namespace glancefs::fs {

enum class WordKind { kAny, kChoices, kFile, kDirectory, kUser, kGroup, kCloud, kOptions };

/// One word of a command line.
struct WordHint {
  WordKind kind = WordKind::kAny;
  std::string choices;  ///< what it may be, apart by blanks; a file may be one of them, too
};

/// The value of a mount option.
WordHint value_hint(const Option& row);
/// The value of a command's option.
WordHint value_hint(const CommandOption& option);
/// The positionals of a command, as its usage tells them; in no order, none twice.
std::vector<WordHint> positional_hints(const Command& command);

/// How the words of a command line begin: "mount", and the first words of the commands, none twice.
std::vector<std::string> first_words();
/// The second words after `first`; empty: it has none.
std::vector<std::string> second_words(std::string_view first);
/// The summary of the command whose first word is `first`.
std::string first_word_summary(std::string_view first);

/// `words` with blanks between them.
std::string in_one_line(const std::vector<std::string>& words);

}  // namespace glancefs::fs
