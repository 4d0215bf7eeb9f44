// What all requests to Glance have in common.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "client/http.h"
#include "client/images.h"
#include "client/session.h"

namespace glancefs::client {

/// The path of an image's record. EINVAL: `id` is not a UUID; ids come from strangers and end in
/// URLs.
std::string image_path(std::string_view id);

Request request_for(std::string method, std::string path);

/// With `body`, which is JSON.
Request json_request(std::string method, std::string path, std::string body);

/// Throws the HttpError of an answer that is not what `request` asked for.
[[noreturn]] void not_as_asked(Operation operation, const std::string& request,
                               const Response& answer, const std::string& what);

/// What the site says of itself at `path`; nullopt: it does not know the question (404).
std::optional<Response> optional_answer(Session& session, const std::string& path,
                                        std::stop_token stop);

}  // namespace glancefs::client
