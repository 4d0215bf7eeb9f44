// libcurl's error codes in our words.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <utility>

#include "client/http.h"

namespace glancefs::client {

/// What `code` means and a short text for people. `detail` is libcurl's error buffer, `easy` the
/// handle that failed.
std::pair<Failure, std::string> curl_failure(CURL* easy, CURLcode code, const std::string& detail,
                                             std::chrono::milliseconds connect_timeout);

}  // namespace glancefs::client
