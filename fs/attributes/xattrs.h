// Extended attributes of an image: user.glance.<key> over its own JSON keys. Pure functions: text
// <-> field. The namespace is flat because Glance's object is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"
#include "fs/filesystem.h"

namespace glancefs::fs {

inline constexpr std::string_view kXattrPrefix = "user.glance.";
inline constexpr std::string_view kLocalXattrPrefix = "user.glancefs.";
/// Limits of the VFS: a name with its prefix, a value.
inline constexpr std::size_t kXattrNameMax = 255;
inline constexpr std::size_t kXattrSizeMax = 65536;

/// What may be done with a key.
enum class KeyKind {
  kReadOnly,  ///< not by a PATCH: id, status, size, checksum, stores, members, os_glance_*, …
  kBase,      ///< a base field that can be set
  kFormat,    ///< disk_format, container_format: only until the data is there
  kTags,      ///< the tags as one list
  kCustom,    ///< a free property
  kReserved,  ///< Glance says yes to a PATCH and drops it: refused with EINVAL
};
KeyKind kind_of(std::string_view key);

/// The text of field `key` (without prefix): booleans "true"/"false", integers in decimal, tags
/// joined by ',' ('\' before a comma or backslash within a tag; the empty tag alone is ","), times
/// as Glance writes them. nullopt: absent or null; no tags. Throws system_error(E2BIG) for a
/// value longer than kXattrSizeMax.
std::optional<std::string> field_text(const client::Image& image, std::string_view key);

/// The keys to list, with their prefix: fields that have a value, in Glance's order (base fields
/// first, then custom ones sorted). Left out: names that are empty, contain NUL, or are too long,
/// values that are too long; and whatever would make the list longer than 64 KiB.
std::vector<std::string> listed_names(const client::Image& image, XattrList which);

/// The change that sets `key` to `text` on `image` (an existing image, or a draft being written
/// with status queued). nullopt: it already has that value, which is no error for read-only fields
/// either; or any time for `updated_at`, which each change moves. Booleans may also be written 1,
/// 0, yes, no, in any case. Throws system_error: EPERM (read-only, format of an image with data),
/// EINVAL (reserved names, names that are empty or begin or end with a blank, not a number, not a
/// boolean, an image's name or a tag of more than 255 characters), EILSEQ (not UTF-8, or a
/// character outside the basic plane), E2BIG (more than 65,535 bytes), ERANGE (name too long).
std::optional<client::Change> set_change(const client::Image& image, std::string_view key,
                                         std::string_view text);

/// The change that removes `key`. Base integers go back to 0, booleans to false, tags to none.
/// Throws system_error: ENODATA (absent), EPERM (read-only or not removable), EINVAL.
client::Change remove_change(const client::Image& image, std::string_view key);

/// Makes `image` what it is after `change`, one that the functions above made; for what is not yet
/// at Glance.
void apply_change(client::Image& image, const client::Change& change);

}  // namespace glancefs::fs
