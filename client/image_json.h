// Image records as Glance writes them, and what it wants to be told.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"

namespace glancefs::client {

/// One page of a listing.
struct Page {
  std::vector<Image> images;
  std::vector<std::string> ids;  ///< of all records, in order, also of those that make no sense
  bool has_next = false;         ///< the page's `next` is only looked at for being there
};

/// The record in `text`; nullopt when it is not JSON of that shape, its id is no lower-case UUID, a
/// size is no integer in 0 … 2^63-1, or a field has another type than Glance's schema gives it.
std::optional<Image> parse_image(std::string_view text);

/// The page in `text`; nullopt when it is not JSON of that shape. Records that make no sense are
/// left out and logged.
std::optional<Page> parse_page(std::string_view text);

/// What /v2/info/usage says; nullopt when it is not JSON of that shape.
std::optional<Quota> parse_usage(std::string_view text);

/// What /v2/images/{id}/tasks says, oldest first; nullopt when it is not JSON of that shape.
std::optional<std::vector<Task>> parse_tasks(std::string_view text);

/// The ids in what /v2/info/stores says, without Glance's own (os_glance_…) and those that take no
/// images (read-only); nullopt when it is not JSON of that shape.
std::optional<std::vector<std::string>> parse_stores(std::string_view text);

/// What /v2/info/import says; nullopt when it is not JSON of that shape.
std::optional<std::vector<std::string>> parse_import_methods(std::string_view text);

/// What the server is to bring into stores by itself.
struct ImportOrder {
  std::string_view method;               ///< Glance's word for the way
  std::string_view uri = {};             ///< for web-download
  std::vector<std::string> stores = {};  ///< empty: where the site keeps images by default
};

/// The body of an import. Throws system_error(EILSEQ) when a text is not UTF-8.
std::string import_json(const ImportOrder& order);

/// The body of a create. Throws system_error(EILSEQ) when a text is not UTF-8.
std::string draft_json(const Draft& draft);

/// The body of a PATCH (RFC 6902): `add` sets whether or not there is a value. Throws
/// system_error(EILSEQ) when a text is not UTF-8.
std::string patch_json(const std::vector<Change>& changes);

/// `2026-11-21T21:12:19Z`, also with a fraction of a second, which is cut off; nullopt for anything
/// else, and for dates that do not exist.
std::optional<std::chrono::sys_seconds> parse_time(std::string_view text);
/// The same form without a fraction.
std::string format_time(std::chrono::sys_seconds time);

}  // namespace glancefs::client
