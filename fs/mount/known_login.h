// Logging in for a mount, or going on as who was logged in last.
#pragma once

#include <functional>
#include <string>

#include "cache/snapshots.h"
#include "client/identity.h"
#include "client/session.h"

namespace glancefs::fs {

struct KnownLogin {
  client::Identity identity;
  bool offline = false;  ///< nobody answered: it is that of an earlier mount
};

/// Logs `session` in, and notes in `snapshots` (may be null) who that is. When nobody answers and
/// `offline` is wanted, the session assumes who an earlier mount with the same settings was, if
/// that one kept its catalogue, under `catalogue_key` of it (empty: none is kept). Throws
/// LoginError otherwise, always when a login was refused.
KnownLogin log_in(client::Session& session, cache::Snapshots* snapshots, bool offline,
                  const std::function<std::string(const client::Identity&)>& catalogue_key);

}  // namespace glancefs::fs
