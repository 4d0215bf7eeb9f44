// What the directory of a project is called.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace glancefs::fs {

/// The directory of images that belong to nobody.
inline constexpr std::string_view kNobody = "none";

/// The directory of the project that Glance calls `owner` (any text; empty: nobody): its id,
/// escaped as names of images are (fs/catalogue/names.h); a UUID as it is. An owner that is called
/// "none" is
/// "%6Eone". What does not fit into a file name is cut and ends with '~' and eight digits of its
/// SHA-256. Different owners have different names, but for a chance of 1 in 2^32 between cut ones.
std::string project_file_name(std::string_view owner);

/// The inverse. nullopt: `name` is cut, or no directory is called so.
std::optional<std::string> owner_of_file_name(std::string_view name);

}  // namespace glancefs::fs
