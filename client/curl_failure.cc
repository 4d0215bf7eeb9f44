#include "client/curl_failure.h"

#include <fmt/format.h>

#include <string_view>
#include <system_error>

namespace glancefs::client {
namespace {

std::string or_default(const std::string& detail, CURLcode code) {
  return detail.empty() ? curl_easy_strerror(code) : detail;
}

std::string connect_text(CURL* easy, const std::string& detail) {
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (error == 0) return detail.empty() ? "no connection" : detail;
  std::string text = std::generic_category().message(static_cast<int>(error));
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] | 0x20);
  return text;
}

std::string certificate_text(const std::string& detail) {
  std::string reason = detail;
  for (const std::string_view prefix : {"SSL certificate problem: ", "SSL: "}) {
    if (reason.starts_with(prefix)) reason.erase(0, prefix.size());
  }
  return "certificate not trusted: " + reason;
}

bool says(const std::string& detail, std::string_view phrase) {
  return detail.find(phrase) != std::string::npos;
}

std::pair<Failure, std::string> handshake_failure(const std::string& detail) {
  // A handshake that was cut off says nothing about trust; the next one may succeed.
  if (says(detail, "Connection reset") || says(detail, "SSL_ERROR_SYSCALL") ||
      says(detail, "unexpected eof")) {
    return {Failure::kConnect, "connection lost in the TLS handshake"};
  }
  if (says(detail, "wrong version number") || says(detail, "packet length too long") ||
      says(detail, "http request")) {
    return {Failure::kTls, "does not speak TLS; is it http://?"};
  }
  return {Failure::kTls, "TLS failed: " + detail};
}

}  // namespace

std::pair<Failure, std::string> curl_failure(CURL* easy, CURLcode code, const std::string& detail,
                                             std::chrono::milliseconds connect_timeout) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Failure::kResolve, "host not found"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {Failure::kResolve, "proxy not found"};
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return {Failure::kConnect, connect_text(easy, detail)};
    case CURLE_OPERATION_TIMEDOUT:
      return {Failure::kTimeout,
              fmt::format("no answer in {:g} s",
                          std::chrono::duration<double>(connect_timeout).count())};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return {Failure::kTls, certificate_text(or_default(detail, code))};
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CRL_BADFILE:
      return {Failure::kTls, "a certificate file cannot be used: " + or_default(detail, code)};
    case CURLE_SSL_CONNECT_ERROR:
      return handshake_failure(or_default(detail, code));
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return {Failure::kTls, "TLS failed: " + or_default(detail, code)};
    default:
      return {Failure::kProtocol, or_default(detail, code)};
  }
}

}  // namespace glancefs::client
