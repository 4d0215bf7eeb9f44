#include "fs/mount/known_login.h"

#include <string>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "fs/read/blob.h"

namespace glancefs::fs {
namespace {

using client::Identity;

// Any change of the format is a new version: older ones are then not known.
constexpr std::uint64_t kVersion = 1;
constexpr const char* kRow = "identity";

std::string encode(const Identity& who) {
  BlobWriter blob;
  blob.number(kVersion);
  for (const std::string* text :
       {&who.endpoint, &who.project_id, &who.project_name, &who.user_id, &who.roles}) {
    blob.text(*text);
  }
  blob.number(who.is_admin ? 1 : 0);
  return blob.take();
}

std::optional<Identity> decode(std::string_view bytes) {
  BlobReader blob(bytes);
  if (blob.number() != kVersion) return std::nullopt;
  Identity who;
  for (std::string* text :
       {&who.endpoint, &who.project_id, &who.project_name, &who.user_id, &who.roles}) {
    *text = blob.text();
  }
  who.is_admin = blob.number() != 0;
  return blob.done() ? std::optional(std::move(who)) : std::nullopt;
}

void keep(cache::Snapshots& snapshots, const std::string& key, const Identity& who) {
  try {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string_view row = kRow;
    snapshots.replace(key, now, {&row, 1}, [&](std::size_t) { return encode(who); });
  } catch (const std::system_error& error) {
    log::warning("the login is not kept for later: {}", error.what());
  }
}

// Who an earlier mount with these settings was, if its catalogue is there, too.
std::optional<Identity> kept(cache::Snapshots& snapshots, const client::Cloud& cloud,
                             const std::function<std::string(const Identity&)>& catalogue_key) {
  const auto key = client::login_key(cloud);
  if (!key) return std::nullopt;
  std::optional<Identity> who;
  try {
    snapshots.load(*key, [&](std::string_view row, std::string_view blob) {
      if (row == kRow) who = decode(blob);
    });
    if (!who) return std::nullopt;
    const std::string catalogue = catalogue_key(*who);
    if (catalogue.empty() || !snapshots.taken(catalogue)) return std::nullopt;
    // Both are used together, so they are forgotten together.
    snapshots.use(*key);
    snapshots.use(catalogue);
  } catch (const std::system_error& error) {
    log::warning("the last login cannot be used: {}", error.what());
  }
  return who;
}

}  // namespace

KnownLogin log_in(client::Session& session, cache::Snapshots* snapshots, bool offline,
                  const std::function<std::string(const Identity&)>& catalogue_key) {
  const auto shared = session.cloud();
  const client::Cloud& cloud = *shared;
  try {
    session.log_in({});
  } catch (const client::LoginError& error) {
    if (!error.is_outage() || (!offline && !error.hint().empty())) throw;
    const auto who = snapshots != nullptr ? kept(*snapshots, cloud, catalogue_key) : std::nullopt;
    if (!offline) {
      if (!who) throw;
      throw client::LoginError(error.code().value(), error.text(),
                               "offline=yes mounts what was seen last");
    }
    if (!who) {
      throw client::LoginError(error.code().value(), error.text(),
                               "offline=yes needs an earlier mount of the same user and project "
                               "with this cache-dir");
    }
    session.assume(*who);
    log::warning("{}; going on with what was seen last", error.text());
    return {.identity = *who, .offline = true};
  }
  const Identity who = session.identity();
  const auto key = client::login_key(cloud);
  if (snapshots != nullptr && key) keep(*snapshots, *key, who);
  return {.identity = who};
}

}  // namespace glancefs::fs
