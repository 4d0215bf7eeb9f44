// Transport over libcurl.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "client/cloud.h"
#include "client/http.h"

namespace glancefs::client {

struct TransportConfig {
  bool verify = true;
  std::string ca_file;  ///< empty: the system's bundle
  std::string client_certificate, client_key;
  std::string user_agent;
  std::chrono::milliseconds connect_timeout{10000};
  /// Longest silence in the middle of a transfer, and before an answer.
  std::chrono::milliseconds silence_timeout{20000};
  /// Longest silence after the last byte of an upload: Glance may still be storing and hashing.
  std::chrono::milliseconds upload_answer_timeout{300000};
};

/// "libcurl/7.88.1 OpenSSL/3.0.11 …", for people.
std::string http_library();

/// What `cloud` says about trust. Where it names no CA bundle, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE
/// and SSL_CERT_FILE of `environment` count, in this order, as they do for the other OpenStack
/// clients (Python's requests reads them, libcurl does not).
TransportConfig transport_config(const Cloud& cloud,
                                 const std::map<std::string, std::string>& environment);

/// Keeps finished connections for the next exchange with the same host. The only user of libcurl.
class CurlTransport : public Transport {
 public:
  explicit CurlTransport(TransportConfig config);
  ~CurlTransport() override;
  Response perform(const Request& request, Operation operation, Source* source, Sink* sink,
                   std::stop_token stop) override;

 private:
  struct Pool;
  const TransportConfig config_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace glancefs::client
