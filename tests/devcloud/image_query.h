// The query of GET /v2/images: its parameters checked, its filters, its order.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/devcloud/catalogue.h"
#include "tests/devcloud/message.h"

namespace glancefs::devcloud {

struct SortKey {
  std::string key;
  bool descending = true;
};

struct ImageQuery {
  std::size_t limit = 0;
  std::optional<std::string> marker;
  std::optional<std::string> visibility;  ///< none: the default mixture
  std::string member_status = "accepted";
  std::vector<SortKey> order;  ///< complete: ends with created_at and id
  std::vector<std::function<bool(const Image&)>> filters;

  bool matches(const Image& image) const;
};

/// Throws Problem 400, or Crash where Glance does.
ImageQuery parse_image_query(const Config& config, const Fields& parameters);

/// Strictly before in the list's order.
bool comes_before(const Image& a, const Image& b, const std::vector<SortKey>& order);
/// What the database's paging takes to be after the marker: nulls are compared as defaults, not as
/// they are sorted, which loses records (ascending) or repeats them for ever (descending).
bool after_marker(const Image& image, const Image& marker, const std::vector<SortKey>& order);

}  // namespace glancefs::devcloud
