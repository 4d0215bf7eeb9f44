// Where the data of an upload are to be kept, and the way they take there.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"

namespace glancefs::fs {

/// The attribute user.glance.stores, without its prefix.
inline constexpr std::string_view kStoresKey = "stores";

/// A value.
struct Destination {
  bool import = false;              ///< staged and imported, instead of one PUT
  std::vector<std::string> stores;  ///< empty: where the site keeps images by default

  /// One PUT reaches one store.
  bool imported() const noexcept { return import || stores.size() > 1; }
};

/// Where `image`, a file being written, is to go: into the stores set on it, else into the usual
/// ones.
Destination destination_of(const client::Image& image, const Destination& usual);

/// Whether the site offers imports by `method`, as in "glance-direct". Throws what asking throws.
bool offers_import(client::Images& images, std::string_view method, std::stop_token stop);

/// Throws when the site cannot do it: EINVAL, naming the stores there are, or EOPNOTSUPP; and what
/// asking throws. Asks nothing about an ordinary upload.
void check_destination(const Destination& destination, client::Images& images,
                       std::stop_token stop);

/// Throws EINVAL, naming the stores there are, when the site has not all of `stores`; and what
/// asking throws.
void check_stores(const std::vector<std::string>& stores, client::Images& images,
                  std::stop_token stop);

/// Throws `error`, the refusal of a plain upload, and where it is one that an import may get
/// around, says so.
[[noreturn]] void throw_refused_upload(const client::HttpError& error, std::string_view image_id,
                                       client::Images& images);

}  // namespace glancefs::fs
