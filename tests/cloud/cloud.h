// The cloud under test and what its tests share: three users, images that are cleaned up, waiting.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/cloud/server.h"

namespace glancefs::cloud {

/// Which server answers, for the few places where servers differ.
enum class Flavour {
  kEventlet,  ///< Glance's own server
  kUwsgi,     ///< Glance under uWSGI
  kDevcloud,  ///< the stand-in, which imitates eventlet
};

/// Keystone's limits for every project when the cloud has any; sizes in MiB.
struct Limits {
  int size_total = 0;
  int count_total = 0;
};

/// One user of the cloud, project of the same name, both in the domain Default.
struct User {
  std::string name;
  std::string password;
  std::string id;
  std::string project_id;
  std::string token;
};

/// Taken from the environment, once:
///   OS_AUTH_URL                                Keystone, ending in /v3
///   GLANCEFS_CLOUD_{ADMIN,DEMO,OTHER}_PASSWORD of the users admin, demo and other
///   GLANCEFS_CLOUD_FLAVOUR                     eventlet, uwsgi or devcloud
///   GLANCEFS_CLOUD_BLOBS      (optional)       directory of the store "fast", one file per image
///   GLANCEFS_CLOUD_LIMITS     (optional)       "SIZE_MIB COUNT" when Keystone's limits are on
///   GLANCEFS_CLOUD_STORAGE_QUOTA (optional)    Glance's own quota of a project, in bytes
/// Throws std::runtime_error when a variable is missing or a login fails.
struct Cloud {
  Flavour flavour = Flavour::kEventlet;
  Server keystone;  ///< base without /v3
  Server glance;
  std::string glance_url;
  User admin;
  User demo;
  User other;
  std::optional<std::string> blobs;
  std::optional<Limits> limits;
  std::optional<std::size_t> storage_quota;

  /// The one cloud of this program.
  static const Cloud& get();
};

/// The headers of an ordinary request: token, and JSON as the only language of answers.
[[nodiscard]] Headers as(const User& user, const Headers& more = {});
[[nodiscard]] Headers octets(const User& user, const Headers& more = {});

/// POST /v3/auth/tokens with the given identity and, unless null, scope.
[[nodiscard]] Reply log_in(const Json& identity, const Json& scope = nullptr,
                           const std::string& query = "");
[[nodiscard]] Json password_identity(const User& user);
[[nodiscard]] Json project_scope(const User& user);

/// A fresh random UUID, or word.
[[nodiscard]] std::string new_uuid();
/// Bytes that look like no image format.
[[nodiscard]] std::string some_bytes(std::size_t size);

/// Calls `done` every few milliseconds until it says true; false when the bound is over.
bool eventually(const std::function<bool()>& done,
                std::chrono::milliseconds bound = std::chrono::seconds(15));

/// Matches a Reply with this status whose body contains this text.
MATCHER_P2(Answers, status, text, "") {
  return arg.status == status && arg.body.find(text) != std::string::npos;
}
MATCHER_P(Answers, status, "") { return arg.status == status; }

/// Base of every case: images made through it are gone afterwards, whatever became of them.
class CloudTest : public testing::Test {
 protected:
  void TearDown() override;

  [[nodiscard]] static Reply get(const User& user, const std::string& path,
                                 const Headers& more = {});
  [[nodiscard]] static Reply del(const User& user, const std::string& path);
  /// A JSON value to `path`.
  [[nodiscard]] static Reply post(const User& user, const std::string& path, const Json& body);
  [[nodiscard]] static Reply put_json(const User& user, const std::string& path, const Json& body);
  [[nodiscard]] static Reply patch(const User& user, const std::string& id, const Json& operations);
  /// Shorthand for one operation on one property.
  [[nodiscard]] static Reply patch_one(const User& user, const std::string& id,
                                       const std::string& op, const std::string& path,
                                       const Json& value = nullptr);
  [[nodiscard]] static Reply upload(const User& user, const std::string& id,
                                    const std::string& bytes, const Headers& more = {});
  [[nodiscard]] static Reply download(const User& user, const std::string& id,
                                      const Headers& more = {});

  /// POST /v2/images; what is created is deleted with the test.
  Reply try_create(const User& user, const Json& fields);
  /// A queued image of raw/bare unless the fields say otherwise. Throws when it is refused.
  std::string create(const User& user, Json fields = Json::object());
  /// The same with data in it.
  std::string create_active(const User& user, const std::string& bytes,
                            const Json& fields = Json::object());
  void clean_up(const std::string& id) { created_.push_back(id); }

  [[nodiscard]] static Json record(const User& user, const std::string& id);
  [[nodiscard]] static std::string status_of(const std::string& id);
  /// Waits for a status; false when it does not come.
  static bool becomes(const std::string& id, const std::string& status);
  /// The ids a listing answers, in its order. The query begins after the '?'.
  [[nodiscard]] static std::vector<std::string> list(const User& user, const std::string& query);

  static const Cloud& cloud() { return Cloud::get(); }
  static bool is(Flavour flavour) { return cloud().flavour == flavour; }

 private:
  std::vector<std::string> created_;
};

}  // namespace glancefs::cloud
