// What all requests to Glance have in common.
#pragma once

#include <string>
#include <string_view>

#include "client/http.h"
#include "client/images.h"

namespace glancefs::client {

/// The path of an image's record. EINVAL: `id` is not a UUID; ids come from strangers and end in
/// URLs.
std::string image_path(std::string_view id);

Request request_for(std::string method, std::string path);

/// Throws the HttpError of an answer that is not what `request` asked for.
[[noreturn]] void not_as_asked(Operation operation, const std::string& request,
                               const Response& answer, const std::string& what);

}  // namespace glancefs::client
