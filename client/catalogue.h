// Keystone's answer to a login, and the choice of an image endpoint from its catalogue.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cloud.h"
#include "client/http.h"

namespace glancefs::client {

/// One way to an image service, as the catalogue lists it.
struct Endpoint {
  std::string service_name, interface, region, url;
};

/// A scoped token.
struct Token {
  std::string value;
  /// How long it lives from the moment of the answer, by the server's clock; nullopt: not said.
  std::optional<std::chrono::seconds> life;
  std::string project_id, project_name;  ///< empty: not scoped to a project
  std::string user_id;
  std::string roles;   ///< their names, sorted, as in "admin,member"
  bool admin = false;  ///< carries the role admin
  std::vector<Endpoint> image_endpoints;
};

/// The token in a 201 answer; nullopt when it is none of Keystone's.
std::optional<Token> parse_token(const Response& answer);

/// The endpoint that `cloud` wants: the first in catalogue order for its first interface that has
/// one. Throws LoginError(ENODEV) that says what exists.
std::string choose_endpoint(const Cloud& cloud, const std::vector<Endpoint>& endpoints);

/// `url` without its trailing slash and one trailing version: https://h/image/v2/ → https://h/image
std::string without_version(std::string url);

}  // namespace glancefs::client
