// Text in URLs.
#pragma once

#include <string>
#include <string_view>

namespace glancefs::client {

/// `text` with everything but letters, digits and -._~ as %XX: fits any part of a URL.
std::string url_encoded(std::string_view text);

}  // namespace glancefs::client
