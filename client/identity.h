// Who a login is for, and at which image service: all that decides which images are seen.
#pragma once

#include <optional>
#include <string>

#include "client/cloud.h"

namespace glancefs::client {

/// What a login told of itself. Holds no secret.
struct Identity {
  std::string endpoint;    ///< of the image service, without /v2
  std::string project_id;  ///< empty without Keystone
  std::string project_name;
  std::string user_id;  ///< without Keystone the user's name, empty where there is none
  std::string roles;    ///< sorted, as in "admin,member"
  bool is_admin = false;

  /// Whether both see the same images: all is equal but the name of the project.
  bool sees_as(const Identity& other) const;
  bool operator==(const Identity&) const = default;
};

/// Names all that decides which images are seen: who has not the same key must not be shown them.
/// nullopt: not known, because nobody says whose token it is.
std::optional<std::string> catalogue_key(const Cloud& cloud, const Identity& identity);

/// Names who would log in, where and into which project, before it is done. Holds no secret.
/// nullopt: only a login could tell, because there is but a token.
std::optional<std::string> login_key(const Cloud& cloud);

}  // namespace glancefs::client
