// Image names as file names and back: pure functions, no state.
//
//   escape   one image name -> one file name, reversible, so different names never meet
//   alias    a file name made unambiguous by the image's id, for names that are taken or too long
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace glancefs::fs {

/// Longest file name, in bytes (NAME_MAX). Glance counts 255 characters, up to 765 bytes.
inline constexpr std::size_t kNameMax = 255;

/// The file name for an image called `name`: itself, except that
///   '/' and NUL become %2F and %00, "." and ".." become %2E and %2E%2E,
///   '%' before two hex digits becomes %25,
///   the '.' of ".glancefs" and ".pending" becomes %2E (directories of the mount),
///   the '~' of a name that ends like an alias (see alias_id()) becomes %7E, and
///   the first character of a name that is a UUID becomes %XX: those two forms always mean ids.
/// "" stays "". May be longer than kNameMax: such an image is shown by its alias.
std::string escape_name(std::string_view name);

/// The inverse: unescape_name(escape_name(x)) == x for every x. Other file names mean what they
/// say, with each %XX decoded.
std::string unescape_name(std::string_view file_name);

/// "NAME~1234abcd", the unambiguous name of an image: `escaped` (cut between characters, its
/// extension kept, so that all fits into kNameMax) and the first eight digits of `id`, a UUID.
std::string alias_name(std::string_view escaped, std::string_view id);

/// "NAME~<whole id>", for the case that two images of one name also share eight digits.
std::string long_alias_name(std::string_view escaped, std::string_view id);

/// What follows the last '~' of an alias: eight lower-case hex digits or a whole UUID. nullopt: not
/// an alias.
std::optional<std::string> alias_id(std::string_view file_name);

/// Whether `name` can be an image's name: valid UTF-8 without characters outside the basic plane,
/// which Glance refuses (EILSEQ), at most 255 characters (ENAMETOOLONG). 0 or the errno.
int check_new_name(std::string_view name);

/// Whether `text` is valid UTF-8 (no surrogates, nothing overlong).
bool valid_utf8(std::string_view text);

/// Whether a new file of this name stays on this machine: programs write ".NAME.XXXXXX" before they
/// rename it to NAME.
inline bool is_local_name(std::string_view name) noexcept { return name.starts_with('.'); }

}  // namespace glancefs::fs
