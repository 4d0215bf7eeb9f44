// A Keystone and a Glance of our own, on loopback, for tests and demonstrations: they behave as
// Keystone 22 and Glance 25.1 under eventlet do, traps included, and can be made to fail in every
// way a network or a cloud fails.
//
//   DevCloud cloud(Config{});
//   cloud.add_image(image_named("cirros"), Blob("bytes"));
//   … log in at cloud.auth_url() as cloud.demo() …
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/devcloud/catalogue.h"
#include "tests/devcloud/config.h"
#include "tests/devcloud/faults.h"
#include "tests/devcloud/identity.h"
#include "tests/devcloud/traffic.h"

namespace glancefs::devcloud {

/// What a client logs in with; the domain is Default (id "default").
struct Account {
  std::string user_name;
  std::string user_id;
  std::string project_name;
  std::string project_id;
  std::string password;
};

/// The running cloud. Thread-safe.
class DevCloud {
 public:
  /// Listens when it returns. Throws system_error when a port is taken.
  explicit DevCloud(Config config = {});
  /// Drops all connections.
  ~DevCloud();
  DevCloud(const DevCloud&) = delete;
  DevCloud& operator=(const DevCloud&) = delete;

  /// "http://127.0.0.1:PORT/v3" and "http://127.0.0.1:PORT", https with TLS.
  std::string auth_url() const;
  std::string glance_url() const;

  /// admin has the role of its name; demo and other are members of their own projects.
  Account admin() const { return account("admin"); }
  Account demo() const { return account("demo"); }
  Account other() const { return account("other"); }
  /// Needs password and totp (kTotpPasscode).
  Account mfa() const { return account("mfa"); }
  Account account(const std::string& user_name) const;
  /// demo's application credential.
  AppCredential app_credential() const;
  /// The trust by which other acts as demo.
  Trust trust() const;
  /// Without scope in the login, `user_name` gets a token for its project.
  void set_default_project(const std::string& user_name);
  void set_password(const std::string& user_name, const std::string& password);

  /// A token without HTTP, scoped to the user's project.
  std::string issue_token(const std::string& user_name, std::chrono::seconds life);
  /// All tokens become unknown, also to Glance.
  void revoke_tokens();
  /// All tokens are past their time.
  void expire_tokens();
  /// Refuses connections; Glance then takes only tokens it has seen.
  void keystone_down(bool down);
  void glance_down(bool down);

  /// Puts an image into the catalogue. Empty fields are filled: id, owner (demo's project), times,
  /// store. With `data` it becomes active: its hashes are computed unless `hashes` are given.
  /// Returns the id.
  std::string add_image(Image image, std::optional<Blob> data = std::nullopt,
                        std::optional<Hashes> hashes = std::nullopt);
  /// A copy of the record; none: not there, or deleted.
  std::optional<Image> image(const std::string& id) const;
  std::vector<std::string> image_ids() const;
  /// Changes a record behind the API's back; updated_at is bumped. False: no such image.
  bool change_image(const std::string& id, const std::function<void(Image&)>& change);
  /// As an operator deletes it: 404 from now on.
  bool delete_image(const std::string& id);
  /// The blob vanishes from the store: active, and GET is 204.
  bool erase_data(const std::string& id);
  /// The blob is shorter than the record says.
  bool truncate_data(const std::string& id, std::uint64_t size);
  /// The blob holds other bytes at `offset` than the hash says.
  bool corrupt_data(const std::string& id, std::uint64_t offset, std::string bytes);
  bool set_status(const std::string& id, const std::string& status);

  /// While held, imports go no further than "importing".
  void hold_imports(bool hold);

  int add_fault(Fault fault);
  void remove_fault(int id);
  void clear_faults();
  /// Lets go on whom it stalls.
  void release_fault(int id);
  int fault_hits(int id) const;

  std::vector<LogEntry> log() const;
  void clear_log();
  /// Requests so far: `pattern` is the path with {id} for UUIDs; empty strings match all.
  std::size_t requests(std::string_view method = {}, std::string_view pattern = {}) const;
  int connections() const;
  int open_connections() const;
  /// Waits until `predicate` holds, asked again after everything that happens in the cloud.
  bool wait_until(const std::function<bool()>& predicate,
                  std::chrono::milliseconds timeout = std::chrono::seconds(10)) const;

  const Config& config() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// A queued image of demo's with that name, raw and bare, private.
Image image_named(std::string name);

}  // namespace glancefs::devcloud
