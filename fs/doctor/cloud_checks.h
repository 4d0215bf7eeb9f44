// The way to the cloud, step by step: name, connection, TLS, clock, login, endpoint, list, stores.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "client/cloud.h"
#include "client/curl_transport.h"
#include "client/glance.h"
#include "client/session.h"
#include "fs/doctor/finding.h"

namespace glancefs::fs {

/// scheme://host:port of a URL, taken apart.
struct Origin {
  std::string scheme, host;
  int port = 0;
};
/// nullopt: it is no URL of http or https.
std::optional<Origin> origin_of(const std::string& url);

/// The proxy that `environment` names for `origin`, as libcurl reads it, without user and password;
/// empty: none.
std::string proxy_for(const Origin& origin, const std::map<std::string, std::string>& environment);

/// Whether the host's name has an address.
Finding check_name(const Origin& origin);
/// Whether somebody listens there.
Finding check_connection(const Origin& origin, std::chrono::milliseconds limit);
/// Whether our clock and the server's agree. `date`: what the server said, as HTTP writes it.
Finding check_clock(const std::string& date, std::chrono::system_clock::time_point now);

/// Checks that need HTTP. They are to be made in the order in which they stand here, none after one
/// that failed; log_in() is made once, since Keystone locks accounts. Not thread-safe.
class CloudChecks {
 public:
  CloudChecks(const client::Cloud& cloud, const client::TransportConfig& config);
  ~CloudChecks();
  CloudChecks(const CloudChecks&) = delete;
  CloudChecks& operator=(const CloudChecks&) = delete;

  /// Whether the server at `url` answers, and with TLS, whether its certificate is trusted.
  Finding answer(const std::string& url);
  /// The server's Date in that answer; empty: it did not say.
  const std::string& date() const noexcept { return date_; }

  Finding login();
  Finding endpoint();
  Finding list();
  /// One byte in the middle of an image of each store: whether it gives parts of images.
  std::vector<Finding> stores();

 private:
  Finding store(const std::string& name, const client::Image& image);

  const client::Cloud cloud_;
  const Clock clock_;
  client::CurlTransport transport_;
  client::Session session_;
  client::Glance glance_;
  std::string date_;
  Finding endpoint_found_;
  std::map<std::string, client::Image> samples_;  ///< by store: the smallest image to read from
};

}  // namespace glancefs::fs
