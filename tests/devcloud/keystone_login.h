// The rules of POST /v3/auth/tokens: who the caller proves to be, and for which scope.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "tests/devcloud/identity.h"
#include "tests/devcloud/json.h"
#include "tests/devcloud/message.h"

namespace glancefs::devcloud {

/// A refusal of Keystone: its body is another shape than Glance's.
class KeystoneError : public std::runtime_error {
 public:
  KeystoneError(int status, const std::string& message)
      : std::runtime_error(message),
        status_(status) {}
  int status() const noexcept { return status_; }
  Json extra;  ///< members beside "error"; with "receipt" it replaces the body
  Fields headers;

 private:
  int status_;
};

/// "The request you have made requires authentication.": the same for every failed login.
KeystoneError unauthorized();

/// The token a login with this body earns. Throws KeystoneError.
Token log_in(Identity& identity, const Config& config, const Json& body, const std::string* receipt)
    REQUIRES(identity.mutex);

}  // namespace glancefs::devcloud
