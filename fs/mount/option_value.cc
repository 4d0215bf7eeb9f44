#include "fs/mount/option_value.h"

#include <grp.h>
#include <pwd.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "client/import_state.h"
#include "fs/catalogue/names.h"
#include "fs/mount/option_table.h"

namespace glancefs::fs {
namespace {

/// A whole number at the beginning of a word, and what follows it.
struct Quantity {
  std::uint64_t number = 0;
  std::string_view unit;
};

std::optional<Quantity> quantity(std::string_view word, int base = 10) {
  Quantity result;
  const char* end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, result.number, base);
  if (error != std::errc{}) return std::nullopt;
  result.unit = word.substr(static_cast<std::size_t>(rest - word.data()));
  return result;
}

std::optional<std::uint64_t> whole_number(std::string_view word, int base = 10) {
  const auto parsed = quantity(word, base);
  if (!parsed || !parsed->unit.empty()) return std::nullopt;
  return parsed->number;
}

/// How far a suffix shifts a number of bytes to the left: "K" 10, "MiB" 20, "" 0.
std::optional<unsigned> binary_shift(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  constexpr std::string_view kLetters = "KMGT";
  const char letter = unit.front() == 'k' ? 'K' : unit.front();
  const auto place = kLetters.find(letter);
  const auto rest = unit.substr(1);
  if (place == std::string_view::npos || !(rest.empty() || rest == "B" || rest == "iB")) {
    return std::nullopt;
  }
  return static_cast<unsigned>(10 * (place + 1));
}

template <typename Id>
Id checked_id(std::uint64_t number) {
  // The highest value means "no change" to chown(2), never somebody.
  if (number >= std::numeric_limits<Id>::max())
    throw std::invalid_argument("the number is too high");
  return static_cast<Id>(number);
}

/// "; did you mean "public"?", or nothing.
std::string suggestion(std::string_view word) {
  static constexpr std::array<std::string_view, 4> kWords{"public", "private", "shared",
                                                          "community"};
  const std::string_view nearest = nearest_word(word, kWords);
  return nearest.empty() ? "" : "; did you mean \"" + std::string(nearest) + "\"?";
}

}  // namespace

std::uint64_t Amount::of(std::uint64_t whole) const noexcept {
  // Divided first: a product of a file system's size and 100 may not fit.
  return percent == 0 ? bytes : whole / 100 * percent;
}

std::string parse_text(const std::string& word) { return word; }

std::string parse_format(const std::string& word) {
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kTaken = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  if (word.empty() || word.size() > kLongest ||
      word.find_first_not_of(kTaken) != std::string::npos) {
    throw std::invalid_argument("expected the name of a format such as qcow2: a-z 0-9 _ -");
  }
  return word;
}

Amount parse_amount(const std::string& word) {
  static constexpr const char* kExpected =
      "expected a size such as 512M or 10G, or a share such as 80%";
  const auto parsed = quantity(word);
  if (!parsed) throw std::invalid_argument(kExpected);
  if (parsed->unit == "%") {
    if (parsed->number < 1 || parsed->number > 100) {
      throw std::invalid_argument("a share is between 1% and 100%");
    }
    return {.bytes = 0, .percent = static_cast<unsigned>(parsed->number)};
  }
  const auto shift = binary_shift(parsed->unit);
  if (!shift) throw std::invalid_argument(kExpected);
  if (parsed->number > (std::numeric_limits<std::uint64_t>::max() >> *shift)) {
    throw std::invalid_argument("the size is too big");
  }
  return {.bytes = parsed->number << *shift, .percent = 0};
}

std::uint64_t parse_size(const std::string& word) {
  const Amount amount = parse_amount(word);
  if (amount.percent != 0) throw std::invalid_argument("expected a size such as 512M or 10G");
  return amount.bytes;
}

std::uint64_t parse_memory(const std::string& word) {
  constexpr std::uint64_t kLeast = 16ULL << 20;
  constexpr std::uint64_t kMost = 16ULL << 30;
  const std::uint64_t bytes = parse_size(word);
  if (bytes < kLeast || bytes > kMost) throw std::invalid_argument("expected 16M to 16G");
  return bytes;
}

std::chrono::milliseconds parse_duration(const std::string& word) {
  using std::chrono::milliseconds;
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 6> kUnits{
      {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  static constexpr std::uint64_t kYear = 366ULL * 86'400'000;
  const auto parsed = quantity(word);
  if (parsed) {
    const auto* unit =
        std::ranges::find(kUnits, parsed->unit, &std::pair<std::string_view, std::uint64_t>::first);
    if (unit != kUnits.end()) {
      if (parsed->number > kYear / unit->second) throw std::invalid_argument("at most a year");
      return milliseconds(static_cast<milliseconds::rep>(parsed->number * unit->second));
    }
  }
  throw std::invalid_argument("expected a time such as 30s, 5m or 500ms");
}

std::chrono::milliseconds parse_minutes(const std::string& word) {
  const auto parsed = quantity(word);
  return parse_duration(parsed && parsed->unit.empty() ? word + "m" : word);
}

std::chrono::milliseconds parse_timeout(const std::string& word) {
  const auto time = parse_duration(word);
  if (time.count() == 0) throw std::invalid_argument("must be more than nothing");
  return time;
}

bool parse_flag(const std::string& word) {
  if (word == "yes" || word == "true" || word == "on" || word == "1") return true;
  if (word == "no" || word == "false" || word == "off" || word == "0") return false;
  throw std::invalid_argument("expected yes or no");
}

unsigned parse_connections(const std::string& word) {
  const auto number = whole_number(word);
  if (!number || *number < 1 || *number > 64) {
    throw std::invalid_argument("expected a number between 1 and 64");
  }
  return static_cast<unsigned>(*number);
}

std::vector<std::string> parse_stores(const std::string& word) {
  std::string list = word;
  // No store has a colon in its name: Glance's configuration separates with it, too.
  std::ranges::replace(list, ':', ',');
  std::vector<std::string> stores = client::split_list(list);
  if (stores.empty()) throw std::invalid_argument("expected names of stores, as in fast:slow");
  return stores;
}

std::vector<client::Visibility> parse_visibilities(const std::string& word) {
  std::string list = word;
  std::ranges::replace(list, ':', ',');
  std::vector<client::Visibility> visibilities;
  for (const std::string& part : client::split_list(list)) {
    const auto visibility = client::visibility_of(part);
    if (!visibility) {
      throw std::invalid_argument("expected public, private, shared or community" +
                                  suggestion(part));
    }
    visibilities.push_back(*visibility);
  }
  if (visibilities.empty()) throw std::invalid_argument("expected names as in public:private");
  return visibilities;
}

std::string parse_subdirectory(const std::string& word) {
  constexpr std::string_view kProjects = "projects/";
  std::string_view path = word;
  while (path.ends_with('/')) path.remove_suffix(1);
  while (path.starts_with('/')) path.remove_prefix(1);
  const bool project = path.starts_with(kProjects) &&
                       path.find('/', kProjects.size()) == std::string_view::npos &&
                       path.size() - kProjects.size() <= kNameMax;
  if (!project && !client::visibility_of(path)) {
    throw std::invalid_argument("expected public, private, shared, community or projects/PROJECT" +
                                suggestion(path));
  }
  return std::string(path);
}

mode_t parse_umask(const std::string& word) {
  const auto bits = whole_number(word, 8);
  if (!bits || *bits > 0777) throw std::invalid_argument("expected octal digits such as 022");
  return static_cast<mode_t>(*bits);
}

uid_t parse_user(const std::string& word) {
  if (const auto number = whole_number(word)) return checked_id<uid_t>(*number);
  const passwd* user = ::getpwnam(word.c_str());
  if (user == nullptr) throw std::invalid_argument("no such user");
  return user->pw_uid;
}

gid_t parse_group(const std::string& word) {
  if (const auto number = whole_number(word)) return checked_id<gid_t>(*number);
  const group* found = ::getgrnam(word.c_str());
  if (found == nullptr) throw std::invalid_argument("no such group");
  return found->gr_gid;
}

log::Level parse_log_level(const std::string& word) {
  using log::Level;
  static constexpr std::array<std::pair<std::string_view, Level>, 5> kLevels{
      {{"error", Level::kError},
       {"warning", Level::kWarning},
       {"info", Level::kInfo},
       {"debug", Level::kDebug},
       {"trace", Level::kTrace}}};
  const auto* level = std::ranges::find(kLevels, word, &std::pair<std::string_view, Level>::first);
  if (level == kLevels.end()) {
    throw std::invalid_argument("expected error, warning, info, debug or trace");
  }
  return level->second;
}

}  // namespace glancefs::fs
