// What Keystone v3 is asked for a token with.
#pragma once

#include <string>
#include <vector>

#include "client/cloud.h"

namespace glancefs::client {

/// The methods of Keystone that `cloud` logs in with: "password", "token", "totp" …
std::vector<std::string> login_methods(const Cloud& cloud);

/// The body of POST /v3/auth/tokens for `methods`, with the scope of `cloud`. Holds secrets.
/// Throws system_error(EILSEQ) when a text is not UTF-8.
std::string login_body(const Cloud& cloud, const std::vector<std::string>& methods);

/// Who logs in, for messages: `user "ann" (domain Default), project "demo"`. No secrets.
std::string describe_login(const Cloud& cloud);

}  // namespace glancefs::client
