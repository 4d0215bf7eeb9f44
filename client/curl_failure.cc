#include "client/curl_failure.h"

#include <curl/urlapi.h>
#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <system_error>

namespace glancefs::client {
namespace {

std::string or_default(const std::string& detail, CURLcode code) {
  return detail.empty() ? curl_easy_strerror(code) : detail;
}

struct UrlDeleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  void operator()(char* part) const noexcept { curl_free(part); }
};

// The server of `url` as "HOST:PORT"; empty when it is no URL.
std::string server_of(const char* url) {
  const std::unique_ptr<CURLU, UrlDeleter> parsed(curl_url());
  if (!parsed || url == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url, 0) != CURLUE_OK) {
    return {};
  }
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) text = nullptr;
    const std::unique_ptr<char, UrlDeleter> owner(text);
    return std::string(text == nullptr ? "" : text);
  };
  std::string host = part(CURLUPART_HOST);
  std::erase_if(host, [](char c) { return c == '[' || c == ']'; });  // as the text has IPv6
  return host + ":" + part(CURLUPART_PORT);
}

// libcurl says which proxy it took in the text of the failure only.
std::string through_proxy(CURL* easy, const std::string& detail) {
  constexpr std::string_view kBegin = "Failed to connect to ";
  constexpr std::string_view kPort = " port ";
  const std::size_t port = detail.find(kPort);
  if (!detail.starts_with(kBegin) || port == std::string::npos) return {};
  const std::size_t digits = port + kPort.size();
  const std::string tried =
      detail.substr(kBegin.size(), port - kBegin.size()) + ":" +
      detail.substr(digits, detail.find_first_not_of("0123456789", digits) - digits);
  const char* url = nullptr;
  curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
  const std::string server = server_of(url);
  return server.empty() || server == tried ? "" : fmt::format(" through proxy {}", tried);
}

std::string connect_text(CURL* easy, const std::string& detail) {
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (error == 0) return detail.empty() ? "no connection" : detail;
  std::string text = std::generic_category().message(static_cast<int>(error));
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] | 0x20);
  return text + through_proxy(easy, detail);
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
