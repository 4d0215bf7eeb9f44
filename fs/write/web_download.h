// Ordering images that Glance fetches from the web by itself.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "client/images.h"

namespace glancefs::fs {

/// What is to be fetched, and where it goes.
struct WebDownload {
  std::string url;                  ///< as check_source_url() wants it; empty: not known any more
  std::vector<std::string> stores;  ///< empty: where the site keeps images by default
};

/// Throws when the site cannot do it: EOPNOTSUPP, EINVAL (no such store), and what asking throws.
void check_web_download(const WebDownload& download, client::Images& images, std::stop_token stop);

/// Orders the data of the queued image `id` and returns its record once Glance has accepted that:
/// what becomes of it the record tells, see ImportWatch. EINVAL (an address that the site does not
/// allow), EBUSY, EACCES, EDQUOT; the text holds no secrets of the URL. ECANCELED after `stop`,
/// also when Glance has accepted it.
client::Image order_web_download(client::Images& images, const std::string& id,
                                 const WebDownload& download, const std::stop_token& stop);

/// Makes the record and orders its data. Whatever it throws, no record is left behind.
client::Image create_by_web_download(client::Images& images, const client::Draft& draft,
                                     const WebDownload& download, const std::stop_token& stop);

}  // namespace glancefs::fs
