// What the metadata definitions of a site say of values: pure.
#pragma once

#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/definitions.h"

namespace glancefs::fs {

/// Constant after construction, so thread-safe.
class PropertyRules {
 public:
  explicit PropertyRules(const std::vector<client::PropertyDefinition>& definitions);

  /// Throws system_error(EINVAL), with what would be allowed, when there are definitions of
  /// property `key` and none allows `text`. A pattern is only looked at if it is short and simple
  /// enough that no text can make it slow or deep (kPatternStates, kMatchedMax); otherwise it
  /// allows everything.
  void check(std::string_view key, std::string_view text) const;

  std::size_t size() const noexcept { return rules_.size(); }

  /// Most states that the automaton of a pattern may have, and most bytes that are compared with
  /// one. The matcher is not the backtracking one, so its time grows with the product, and its
  /// stack with the states.
  static constexpr std::size_t kPatternStates = 2048, kMatchedMax = 4096;

 private:
  struct Rule {
    client::PropertyDefinition definition;
    std::optional<std::regex> pattern;
  };
  static bool allows(const Rule& rule, std::string_view text);
  static std::string expected(const Rule& rule);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::vector<Rule>, Hash, std::equal_to<>> rules_;
};

/// How many states the automaton of an ECMAScript expression has, roughly and rather too many;
/// never more than `limit` is told.
std::size_t pattern_states(std::string_view pattern, std::size_t limit);

}  // namespace glancefs::fs
