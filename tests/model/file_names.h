// What an image's name looks like as a file name, once more and on its own: doc/SEMANTICS.md in the
// plainest code, which shares nothing with fs/catalogue/names.
#pragma once

#include <optional>
#include <string>

namespace glancefs::model {

/// The file name an image of that name would like to have.
std::string escaped(const std::string& image_name);
/// The image name that a file name means.
std::string unescaped(const std::string& file_name);
/// `key`, cut to fit, with `~` and `digits` of an id.
std::string alias(const std::string& key, const std::string& digits);

/// Whether the file of an image of this name stays on this machine.
bool is_temporary(const std::optional<std::string>& image_name);

/// Whether the text is a UUID in lower case.
bool is_id(const std::string& text);
/// The digits of an id after the last `~`, eight or all; "": this is no alias.
std::string alias_digits(const std::string& file_name);
/// Whether Glance can store it: UTF-8 of at most three bytes a character.
bool is_plain_text(const std::string& text);
/// Characters, of UTF-8.
std::size_t length(const std::string& text);

/// Where images wait that other projects offer.
inline constexpr const char* kOffers = "shared/.pending";
/// Longest file name, in bytes.
inline constexpr std::size_t kLongest = 255;

}  // namespace glancefs::model
