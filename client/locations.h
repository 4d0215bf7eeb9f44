// Where Glance says that the data of an image lies.
#pragma once

#include <string>
#include <vector>

#include "client/images.h"

namespace glancefs::client {

/// The URLs in `direct_url` and `locations`, in this order, each once. None unless the operator
/// shows them.
std::vector<std::string> data_urls(const Image& image);

}  // namespace glancefs::client
