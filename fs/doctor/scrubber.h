// Takes out of a text what must not be shown to strangers.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

namespace glancefs::fs {

/// Replaces secrets by ***, whatever they are part of, and names by others, the same name always by
/// the same. First tell it all, then clean().
class Scrubber {
 public:
  /// A secret that is known. Nothing for an empty one. One of less than six characters is replaced
  /// only where it stands alone: as a part of words it could be anything.
  void hide(std::string_view secret);
  /// A name to be replaced by KIND-1, KIND-2 …, where it stands alone. Nothing for an empty one, or
  /// one that is known.
  void rename(std::string_view kind, std::string_view name);
  /// Renames the hosts of all addresses in `text`, but loopback.
  void rename_hosts_in(std::string_view text);

  /// `text` without passwords, tokens and the like: those that were told, and what looks like one
  /// (headers and settings of such names, Keystone's tokens, users in addresses, and everything
  /// behind the question mark of an address). Lines of more than 4,096 bytes are cut.
  std::string clean(std::string_view text) const;

 private:
  std::string clean_line(std::string line) const;
  std::string renamed(const std::string& line) const;

  std::set<std::string, std::less<>> secrets_, short_secrets_;
  std::unordered_map<std::string, std::string> names_;
  std::set<std::size_t, std::greater<>> lengths_;  ///< of names_, longest first
  std::map<std::string, int, std::less<>> counts_;
};

}  // namespace glancefs::fs
