// The addresses that Glance can fetch images from by itself.
#pragma once

#include <string>
#include <string_view>

namespace glancefs::fs {

/// Throws EINVAL unless `url` is an http or https URL with a host, of printable ASCII, without user
/// name and password: Glance would write them into its log and show them in the image's tasks. (A
/// signed query gets there, too, but ends by itself, and many sources have no other way.)
void check_source_url(std::string_view url);

/// The last part of its path, as "rocky-9.qcow2"; may be empty.
std::string_view file_name_of(std::string_view url);

/// `text` without what may be secret in the URLs it holds: user and password are left out, queries
/// and fragments become "?...".
std::string without_secrets(std::string_view text);

}  // namespace glancefs::fs
