#include "fs/command/arguments.h"

#include <fmt/core.h>

#include <algorithm>

#include "fs/command/usage_error.h"

namespace glancefs::fs {
namespace {

// Walks over the words once.
class Walk {
 public:
  Walk(std::span<const std::string> words, std::span<const CommandOption> options)
      : words_(words),
        options_(options) {}

  bool at_end() const { return next_ == words_.size(); }
  const std::string& take() { return words_[next_++]; }

  const CommandOption& option(std::string_view name) const {
    return find([&](const CommandOption& option) { return option.name == name; },
                fmt::format("--{}", name));
  }
  const CommandOption& option(char letter) const {
    return find([&](const CommandOption& option) { return option.letter == letter; },
                fmt::format("-{}", letter));
  }
  std::string value_of(const CommandOption& option) {
    if (at_end()) throw UsageError(fmt::format("--{} needs a value", option.name));
    return take();
  }

 private:
  template <typename Is>
  const CommandOption& find(Is is, const std::string& shown) const {
    const auto found = std::ranges::find_if(options_, is);
    if (found == options_.end()) throw UsageError("unknown option " + shown);
    return *found;
  }

  std::span<const std::string> words_;
  std::span<const CommandOption> options_;
  std::size_t next_ = 0;
};

}  // namespace

Arguments::Arguments(std::span<const std::string> words, std::span<const CommandOption> options) {
  Walk walk(words, options);
  const auto add = [&](const CommandOption& option, std::string value) {
    values_[std::string(option.name)].push_back(std::move(value));
  };
  bool only_positionals = false;
  while (!walk.at_end()) {
    const std::string& word = walk.take();
    if (only_positionals || word.size() < 2 || word.front() != '-') {
      positionals_.push_back(word);
    } else if (word == "--") {
      only_positionals = true;
    } else if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      const CommandOption& option = walk.option(std::string_view(word).substr(2, equals - 2));
      const bool has_value = equals != std::string::npos;
      if (option.value_word.empty() && has_value) {
        throw UsageError(fmt::format("--{} takes no value", option.name));
      }
      if (option.value_word.empty()) {
        add(option, {});
      } else {
        add(option, has_value ? word.substr(equals + 1) : walk.value_of(option));
      }
    } else {
      for (std::size_t i = 1; i < word.size(); ++i) {
        const CommandOption& option = walk.option(word[i]);
        if (option.value_word.empty()) {
          add(option, {});
          continue;
        }
        add(option, i + 1 < word.size() ? word.substr(i + 1) : walk.value_of(option));
        break;
      }
    }
  }
}

void Arguments::expect_positionals(std::size_t least, std::size_t most,
                                   std::string_view usage) const {
  const std::size_t count = positionals_.size();
  if (count > most) {
    throw UsageError(fmt::format("unexpected \"{}\"", positionals_[most]), std::string(usage));
  }
  if (count < least) throw UsageError("something is missing", std::string(usage));
}

std::string Arguments::value(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

OutputChoice Arguments::output() const {
  OutputChoice choice;
  if (has(kFormatOption.name)) choice.format = format_called(value(kFormatOption.name));
  choice.columns = values(kColumnOption.name);
  return choice;
}

}  // namespace glancefs::fs
