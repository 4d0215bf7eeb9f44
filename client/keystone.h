// One login at Keystone v3.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "client/catalogue.h"
#include "client/cloud.h"
#include "client/http.h"

namespace glancefs::client {

/// Where Keystone v3 is, by the usual rule: `auth_url` itself when it ends in /v3, else with /v3
/// appended.
std::string keystone_url(const std::string& auth_url);

/// Not thread-safe. `cloud` and `transport` must outlive it.
class Keystone {
 public:
  Keystone(const Cloud& cloud, Transport& transport);

  /// Logs in once. Throws LoginError: EACCES refused, EINVAL incomplete, EPROTO not a Keystone,
  /// EHOSTUNREACH and ETIMEDOUT no answer, EIO out of order; system_error(ECANCELED) after `stop`.
  Token log_in(bool with_catalogue, std::stop_token stop);

  /// Gives `token` back. Throws what the transport throws.
  void revoke(const std::string& token, std::stop_token stop);

 private:
  Response post(const std::vector<std::string>& methods, bool with_catalogue,
                const std::string& receipt, const std::stop_token& stop);
  bool discover(const std::stop_token& stop);
  Response second_factor(const Response& refusal, bool with_catalogue, const std::stop_token& stop);
  [[noreturn]] void refused(const Response& answer) const;

  const Cloud& cloud_;
  Transport& transport_;
  std::string url_;
};

/// The LoginError for an exchange with `url` that got no answer.
[[noreturn]] void throw_unreachable(const Cloud& cloud, const std::string& url,
                                    const HttpError& error);

}  // namespace glancefs::client
