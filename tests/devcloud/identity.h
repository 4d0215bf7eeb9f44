// Keystone's database: users, projects, tokens, and who a login is for.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/devcloud/catalogue.h"
#include "tests/devcloud/config.h"

namespace glancefs::devcloud {

struct Project {
  std::string id;
  std::string name;
};

struct User {
  std::string id;
  std::string name;
  std::string password;
  std::string role;             ///< on its own project
  std::string project_id;       ///< its own project
  std::string default_project;  ///< empty: a login without scope is unscoped
  std::string totp_passcode;    ///< accepted passcode; empty: none
  bool mfa = false;             ///< password and totp are both required
  int failures = 0;             ///< wrong passwords in a row
};

struct AppCredential {
  std::string id;
  std::string name;
  std::string secret;
  std::string user_id;
};

/// A trust: `trustee` acts as `trustor` in the trustor's project.
struct Trust {
  std::string id;
  std::string trustor_id;
  std::string trustee_id;
  int remaining_uses = -1;  ///< -1: any number
};

enum class Scope { kUnscoped, kProject, kDomain, kSystem, kTrust };

struct Token {
  std::string user_id;
  std::string project_id;  ///< empty: not scoped to a project
  std::string role;
  std::string trust_id;
  Scope scope = Scope::kUnscoped;
  std::vector<std::string> methods;
  Time issued_at;
  Time expires_at;
  bool revoked = false;
  bool seen_by_glance = false;  ///< Glance's middleware has it in its cache
};

/// A login that lacks a factor.
struct Receipt {
  std::string user_id;
  std::vector<std::string> methods;
  Time expires_at;
};

/// Keystone's database. Hold `mutex` while touching the maps.
struct Identity {
  /// Users admin, demo, other and mfa, each in a project of its name; passwords "secret".
  Identity();

  mutable Mutex mutex;
  std::map<std::string, Project> projects GUARDED_BY(mutex);  ///< by id
  std::map<std::string, User> users GUARDED_BY(mutex);        ///< by id
  std::map<std::string, AppCredential> app_credentials GUARDED_BY(mutex);
  std::map<std::string, Trust> trusts GUARDED_BY(mutex);
  std::map<std::string, Token> tokens GUARDED_BY(mutex);
  std::map<std::string, Receipt> receipts GUARDED_BY(mutex);
  bool reachable GUARDED_BY(mutex) = true;  ///< false: Glance cannot ask Keystone

  const User* user_by_name(const std::string& name) const REQUIRES(mutex);
  const Project* project_by_name(const std::string& name) const REQUIRES(mutex);

  /// The token as Glance's middleware sees it now; none: 401.
  std::optional<Token> validate_for_glance(const std::string& token, bool caching);
};

/// A random token of the length Fernet tokens have.
std::string new_token();

/// The name of demo's application credential.
inline constexpr const char* kDemoCredential = "demo-credential";
inline constexpr const char* kPassword = "secret";
inline constexpr const char* kTotpPasscode = "123456";

}  // namespace glancefs::devcloud
