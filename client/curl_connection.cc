#include "client/curl_connection.h"

#include <cerrno>
#include <new>
#include <string_view>

#include "base/fd.h"

namespace glancefs::client {

CurlConnection::CurlConnection(std::string origin)
    : origin_(std::move(origin)),
      multi_(curl_multi_init()),
      easy_(curl_easy_init()) {
  if (!multi_ || !easy_) throw std::bad_alloc();
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 1L);
}

CurlConnection::~CurlConnection() { finish(); }

void CurlConnection::reset() {
  finish();
  curl_easy_reset(easy_.get());
  headers_.reset();
}

void CurlConnection::add_header(const std::string& line) {
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw_errno(EINVAL, "a header field must be one line: " + line.substr(0, line.find(':')));
  }
  curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

void CurlConnection::start() {
  set(CURLOPT_HTTPHEADER, headers_.get());
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) throw std::bad_alloc();
  started_ = true;
}

void CurlConnection::finish() noexcept {
  if (started_) curl_multi_remove_handle(multi_.get(), easy_.get());
  started_ = false;
}

void CurlConnection::check(CURLcode code) {
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK) throw_errno(EINVAL, std::string("libcurl: ") + curl_easy_strerror(code));
}

}  // namespace glancefs::client
