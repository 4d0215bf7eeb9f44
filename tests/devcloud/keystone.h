// Keystone v3: discovery, logging in, ending tokens.
#pragma once

#include <string>

#include "tests/devcloud/exchange.h"
#include "tests/devcloud/identity.h"
#include "tests/devcloud/json.h"

namespace glancefs::devcloud {

class Keystone {
 public:
  Keystone(const Config& config, Identity& identity) : config_(config), identity_(identity) {}

  /// Where the catalog says the services are; set before the first login.
  void set_urls(std::string keystone, std::string glance);
  Response handle(Exchange& exchange);

 private:
  Response route(Exchange& exchange);
  Response versions(const Request& request) const;
  Response create_token(const Request& request, const std::string& body);
  Response show_token(const Request& request);
  Response revoke_token(const Request& request);
  /// keystone_credentials.cc: /v3/users/{user}/application_credentials[/{id}]
  Response app_credentials(Exchange& exchange);
  Json token_body(const Token& token, bool catalog) const REQUIRES(identity_.mutex);
  Json catalog() const;

  const Config& config_;
  Identity& identity_;
  std::string keystone_url_;
  std::string glance_url_;
};

}  // namespace glancefs::devcloud
