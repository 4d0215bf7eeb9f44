#include "fs/attributes/property_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>

#include "base/fd.h"
#include "base/log.h"
#include "fs/attributes/image_fields.h"
#include "fs/attributes/xattrs.h"

namespace glancefs::fs {
namespace {

using client::PropertyDefinition;
using Type = PropertyDefinition::Type;

bool contains(const std::vector<std::string>& values, std::string_view text) {
  return std::ranges::find(values, text) != values.end();
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good ? std::optional(value) : std::nullopt;
}

bool in_range(const PropertyDefinition& definition, double value) {
  return !(definition.minimum && value < *definition.minimum) &&
         !(definition.maximum && value > *definition.maximum);
}

// UTF-8, checked elsewhere.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool has_length(const PropertyDefinition& definition, std::string_view text) {
  const std::size_t length = characters(text);
  return length >= definition.shortest.value_or(0) &&
         length <= definition.longest.value_or(SIZE_MAX);
}

// Each of "a,b", or what may be a list in another form.
bool all_in(const std::vector<std::string>& values, std::string_view text) {
  if (values.empty() || text.starts_with('[') || text.starts_with('<')) return true;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (!contains(values, text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

std::optional<std::regex> compiled(const std::string& pattern) {
  if (pattern.empty()) return std::nullopt;
  if (pattern_states(pattern, PropertyRules::kPatternStates) >= PropertyRules::kPatternStates) {
    log::debug("a pattern too large to be looked at: {}", log::printable(pattern));
    return std::nullopt;
  }
  try {
    // Of libstdc++: never backtracks, which strangers' patterns could make endless; and refuses
    // what needs it.
    return std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error& error) {
    log::debug("a pattern that is not understood: {}: {}", log::printable(pattern), error.what());
    return std::nullopt;
  }
}

std::string range_text(const PropertyDefinition& definition, std::string_view what) {
  if (definition.minimum && definition.maximum) {
    return fmt::format("{} from {} to {}", what, *definition.minimum, *definition.maximum);
  }
  if (definition.minimum) return fmt::format("{} from {}", what, *definition.minimum);
  if (definition.maximum) return fmt::format("{} up to {}", what, *definition.maximum);
  return std::string(what);
}

std::string text_rule(const PropertyDefinition& definition) {
  if (!definition.pattern.empty()) return "text like " + definition.pattern;
  return fmt::format("text of {} to {} characters", definition.shortest.value_or(0),
                     definition.longest ? std::to_string(*definition.longest) : "any number of");
}

/// The largest number in "{n,m}" whose '{' is at `at`; `at` moves to its '}'. 0: no such thing.
std::size_t repetition_at(std::string_view pattern, std::size_t& at) {
  const std::size_t end = pattern.find('}', at);
  if (end == std::string_view::npos) return 0;
  const std::string_view inside = pattern.substr(at + 1, end - at - 1);
  const std::size_t comma = inside.find(',');
  const auto least = number_in<std::size_t>(inside.substr(0, comma));
  if (!least) return 0;
  const auto most =
      comma == std::string_view::npos ? least : number_in<std::size_t>(inside.substr(comma + 1));
  at = end;
  return std::max<std::size_t>({*least, most.value_or(*least), 1});
}

/// The end of the "[…]" that begins at `at`.
std::size_t end_of_class(std::string_view pattern, std::size_t at) {
  for (std::size_t i = at + 1; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == ']') {
      return i;
    }
  }
  return pattern.size();
}

}  // namespace

std::size_t pattern_states(std::string_view pattern, std::size_t limit) {
  // Compiling one takes more stack than anything else.
  struct Group {
    std::size_t all = 4, last = 0;
  };
  std::vector<Group> groups(1);
  const auto add = [&](std::size_t size) {
    groups.back().last = size;
    groups.back().all = std::min(limit, groups.back().all + size);
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    switch (pattern[i]) {
      case '(':
        groups.emplace_back();
        break;
      case ')': {
        const std::size_t inside = groups.back().all + 2;
        if (groups.size() > 1) groups.pop_back();
        add(inside);
        break;
      }
      case '[':
        i = end_of_class(pattern, i);
        add(1);
        break;
      case '{': {
        const std::size_t times = repetition_at(pattern, i);
        const std::size_t last = groups.back().last;
        if (times > 1) add(times >= limit ? limit : std::min(limit, last * (times - 1)));
        break;
      }
      case '\\':
        ++i;
        [[fallthrough]];
      default:
        add(1);
    }
  }
  std::size_t all = 0;
  for (const Group& group : groups) all = std::min(limit, all + group.all);
  return all;
}

PropertyRules::PropertyRules(const std::vector<PropertyDefinition>& definitions) {
  for (const PropertyDefinition& definition : definitions) {
    rules_[definition.name].push_back(
        {.definition = definition,
         .pattern = definition.type == Type::kText ? compiled(definition.pattern) : std::nullopt});
  }
}

bool PropertyRules::allows(const Rule& rule, std::string_view text) {
  const PropertyDefinition& definition = rule.definition;
  if (definition.type == Type::kList) return all_in(definition.values, text);
  if (definition.type == Type::kBoolean) return parse_truth(text).has_value();
  if (!definition.values.empty()) return contains(definition.values, text);
  if (definition.type == Type::kInteger) {
    const auto value = number_in<std::int64_t>(text);
    return value && in_range(definition, static_cast<double>(*value));
  }
  if (definition.type == Type::kNumber) {
    const auto value = number_in<double>(text);
    return value && in_range(definition, *value);
  }
  if (!has_length(definition, text)) return false;
  // As JSON schemas mean it: somewhere in the text, unless the pattern says where.
  return !rule.pattern || text.size() > kMatchedMax ||
         std::regex_search(text.begin(), text.end(), *rule.pattern);
}

std::string PropertyRules::expected(const Rule& rule) {
  const PropertyDefinition& definition = rule.definition;
  if (definition.type == Type::kBoolean) return "true or false";
  const std::string values = fmt::format("{}", fmt::join(definition.values, ", "));
  if (definition.type == Type::kList) return "some of " + values + ", separated by commas";
  if (!definition.values.empty()) return "one of " + values;
  if (definition.type == Type::kInteger) return range_text(definition, "a whole number");
  if (definition.type == Type::kNumber) return range_text(definition, "a number");
  return text_rule(definition);
}

void PropertyRules::check(std::string_view key, std::string_view text) const {
  const auto found = rules_.find(key);
  if (found == rules_.end()) return;
  std::vector<std::string> expectations;
  for (const Rule& rule : found->second) {
    if (allows(rule, text)) return;
    std::string one = expected(rule);
    if (!contains(expectations, one)) expectations.push_back(std::move(one));
  }
  throw_errno(EINVAL, log::printable(
                          fmt::format("{}: expected {}", key, fmt::join(expectations, "; or "))));
}

}  // namespace glancefs::fs
