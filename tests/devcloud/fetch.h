// The little HTTP client a web-download needs.
#pragma once

#include <optional>
#include <string>

namespace glancefs::devcloud {

/// Whether `uri` is one web-download may fetch here: plain HTTP on loopback.
bool may_fetch(const std::string& uri);
/// The body of a 200, redirects followed; none: it failed.
std::optional<std::string> fetch(const std::string& uri);

}  // namespace glancefs::devcloud
