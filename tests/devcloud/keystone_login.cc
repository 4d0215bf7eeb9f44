#include "tests/devcloud/keystone_login.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace glancefs::devcloud {
namespace {

constexpr auto kReceiptLife = std::chrono::minutes(5);

KeystoneError expecting(std::string_view what, std::string_view where) {
  return {400,
          fmt::format("Expecting to find {} in {}. The server could not comply with the request "
                      "since it is either malformed or otherwise incorrect. The client is "
                      "assumed to be in error.",
                      what, where)};
}

bool is_default_domain(const Json& domain) {
  return text(domain, "id") == "default" || text(domain, "name") == "Default";
}

const User& find_user(const Identity& identity, const Json& user) REQUIRES(identity.mutex) {
  const std::string id = text(user, "id");
  if (!id.empty()) {
    const auto found = identity.users.find(id);
    if (found == identity.users.end()) throw unauthorized();
    return found->second;
  }
  if (!member(user, "name").is_string()) throw expecting("id or name", "user");
  if (!member(user, "domain").is_object()) throw expecting("domain", "user");
  const User* found = identity.user_by_name(text(user, "name"));
  if (found == nullptr || !is_default_domain(member(user, "domain"))) throw unauthorized();
  return *found;
}

std::vector<std::string> known_methods(const Config& config) {
  std::vector<std::string> known{"password", "token", "application_credential"};
  if (config.totp_enabled) known.emplace_back("totp");
  return known;
}

// The one refusal that says what would have been right.
KeystoneError unsupported(const std::vector<std::string>& known) {
  KeystoneError error(401, "Attempted to authenticate with an unsupported method.");
  error.extra = {{"error",
                  {{"code", 401},
                   {"identity", {{"methods", known}}},
                   {"message", error.what()},
                   {"title", "Unauthorized"}}}};
  return error;
}

/// One login while it is being judged.
class Login {
 public:
  Login(Identity& identity, const Config& config, const Json& auth)
      : identity_(identity),
        config_(config),
        auth_(auth) {
    token_.issued_at = std::chrono::system_clock::now();
    token_.expires_at = token_.issued_at + config.token_lifetime;
  }

  Token run(const std::string* receipt) REQUIRES(identity_.mutex) {
    take_receipt(receipt);
    const Json& identity = member(auth_, "identity");
    const Json& methods = member(identity, "methods");
    if (!methods.is_array() || methods.empty()) throw expecting("methods", "identity");
    for (const Json& method : methods) prove(method.is_string() ? method.get<std::string>() : "");
    for (const Json& method : methods) done_.insert(method.get<std::string>());
    require_factors();
    token_.methods.assign(done_.begin(), done_.end());
    scope();
    return token_;
  }

 private:
  void take_receipt(const std::string* receipt) REQUIRES(identity_.mutex) {
    if (receipt == nullptr) return;
    const auto found = identity_.receipts.find(*receipt);
    if (found == identity_.receipts.end() || found->second.expires_at < token_.issued_at)
      throw unauthorized();
    token_.user_id = found->second.user_id;
    done_.insert(found->second.methods.begin(), found->second.methods.end());
  }

  void prove(const std::string& method) REQUIRES(identity_.mutex) {
    const Json& data = member(member(auth_, "identity"), method);
    if (!data.is_object()) throw expecting(method, "identity");
    const auto known = known_methods(config_);
    if (std::ranges::find(known, method) == known.end()) throw unsupported(known);
    if (method == "password") prove_password(member(data, "user"));
    if (method == "totp") prove_totp(member(data, "user"));
    if (method == "token") prove_token(text(data, "id"));
    if (method == "application_credential") prove_credential(data);
  }

  void become(const std::string& user_id) {
    if (!token_.user_id.empty() && token_.user_id != user_id) throw unauthorized();
    token_.user_id = user_id;
  }

  void prove_password(const Json& asked) REQUIRES(identity_.mutex) {
    User& user = identity_.users.at(find_user(identity_, asked).id);
    if (config_.lockout_after > 0 && user.failures >= config_.lockout_after) throw unauthorized();
    if (text(asked, "password") != user.password) {
      ++user.failures;
      throw unauthorized();
    }
    user.failures = 0;
    become(user.id);
  }

  void prove_totp(const Json& asked) REQUIRES(identity_.mutex) {
    const User& user = find_user(identity_, asked);
    if (user.totp_passcode.empty() || text(asked, "passcode") != user.totp_passcode)
      throw unauthorized();
    become(user.id);
  }

  void prove_token(const std::string& id) REQUIRES(identity_.mutex) {
    const auto found = identity_.tokens.find(id);
    if (found == identity_.tokens.end() || found->second.revoked ||
        found->second.expires_at <= token_.issued_at)
      throw KeystoneError(404, fmt::format("Could not find token: {}.", id));
    previous_ = found->second;
    become(previous_->user_id);
    // A life is inherited, never extended.
    token_.expires_at = previous_->expires_at;
    done_.insert(previous_->methods.begin(), previous_->methods.end());
  }

  void prove_credential(const Json& asked) REQUIRES(identity_.mutex) {
    const AppCredential* credential = nullptr;
    if (const std::string id = text(asked, "id"); !id.empty()) {
      const auto found = identity_.app_credentials.find(id);
      if (found == identity_.app_credentials.end())
        throw KeystoneError(404, fmt::format("Could not find Application Credential: {}.", id));
      credential = &found->second;
    } else {
      credential =
          credential_by_name(text(asked, "name"), find_user(identity_, member(asked, "user")).id);
    }
    if (credential == nullptr || text(asked, "secret") != credential->secret) throw unauthorized();
    become(credential->user_id);
    by_credential_ = true;
  }

  const AppCredential* credential_by_name(const std::string& name, const std::string& user) const
      REQUIRES(identity_.mutex) {
    for (const auto& [id, credential] : identity_.app_credentials)
      if (credential.name == name && credential.user_id == user) return &credential;
    return nullptr;
  }

  void require_factors() REQUIRES(identity_.mutex) {
    const User& user = identity_.users.at(token_.user_id);
    if (!user.mfa || previous_ || (done_.contains("password") && done_.contains("totp"))) return;
    Receipt receipt{user.id, {done_.begin(), done_.end()}, token_.issued_at + kReceiptLife};
    KeystoneError error = unauthorized();
    error.extra = {{"receipt",
                    {{"methods", receipt.methods},
                     {"user",
                      {{"id", user.id},
                       {"name", user.name},
                       {"domain", {{"id", "default"}, {"name", "Default"}}}}},
                     {"issued_at", iso_time_micro(token_.issued_at)},
                     {"expires_at", iso_time_micro(receipt.expires_at)}}},
                   {"required_auth_methods", {{"totp", "password"}}}};
    const std::string id = new_token();
    error.headers.emplace_back("Openstack-Auth-Receipt", id);
    identity_.receipts[id] = std::move(receipt);
    throw error;
  }

  void scope() REQUIRES(identity_.mutex) {
    const Json& wanted = member(auth_, "scope");
    const User& user = identity_.users.at(token_.user_id);
    if (by_credential_) {
      if (!wanted.is_null())
        throw KeystoneError(401, "Application credentials cannot request a scope.");
      return to_project(user.project_id);
    }
    if (previous_ && !wanted.is_null() && wanted != "unscoped") refuse_rescope();
    if (wanted.is_null()) {
      if (!user.default_project.empty()) to_project(user.default_project);
    } else if (wanted.contains("project")) {
      to_project(project_of(member(wanted, "project")));
    } else if (wanted.contains("domain")) {
      elsewhere(Scope::kDomain, is_default_domain(member(wanted, "domain")));
    } else if (wanted.contains("system")) {
      elsewhere(Scope::kSystem, true);
    } else if (wanted.contains("OS-TRUST:trust")) {
      to_trust(text(member(wanted, "OS-TRUST:trust"), "id"));
    }
  }

  void refuse_rescope() const {
    const bool credential = std::find(previous_->methods.begin(), previous_->methods.end(),
                                      "application_credential") != previous_->methods.end();
    if (credential || previous_->scope == Scope::kTrust)
      throw KeystoneError(403,
                          "You are not authorized to perform the requested action: rescope a "
                          "scoped token.");
  }

  std::string project_of(const Json& asked) const REQUIRES(identity_.mutex) {
    if (const std::string id = text(asked, "id"); !id.empty()) return id;
    if (!member(asked, "domain").is_object()) throw expecting("domain", "project");
    const Project* project = identity_.project_by_name(text(asked, "name"));
    if (project == nullptr || !is_default_domain(member(asked, "domain"))) throw unauthorized();
    return project->id;
  }

  void to_project(const std::string& project) REQUIRES(identity_.mutex) {
    const User& user = identity_.users.at(token_.user_id);
    if (user.project_id != project) throw unauthorized();
    token_.scope = Scope::kProject;
    token_.project_id = project;
    token_.role = user.role;
  }

  void elsewhere(Scope scope, bool exists) REQUIRES(identity_.mutex) {
    const User& user = identity_.users.at(token_.user_id);
    if (!exists || user.role != "admin") throw unauthorized();
    token_.scope = scope;
    token_.role = user.role;
  }

  void to_trust(const std::string& id) REQUIRES(identity_.mutex) {
    const auto found = identity_.trusts.find(id);
    if (found == identity_.trusts.end() || found->second.trustee_id != token_.user_id ||
        found->second.remaining_uses == 0)
      throw unauthorized();
    Trust& trust = found->second;
    if (trust.remaining_uses > 0) --trust.remaining_uses;
    const User& trustor = identity_.users.at(trust.trustor_id);
    token_.user_id = trustor.id;
    token_.scope = Scope::kTrust;
    token_.project_id = trustor.project_id;
    token_.role = trustor.role;
    token_.trust_id = id;
  }

  Identity& identity_;
  const Config& config_;
  const Json& auth_;
  Token token_;
  std::set<std::string> done_;
  std::optional<Token> previous_;
  bool by_credential_ = false;
};

}  // namespace

KeystoneError unauthorized() { return {401, "The request you have made requires authentication."}; }

Token log_in(Identity& identity, const Config& config, const Json& body,
             const std::string* receipt) {
  const Json& auth = member(body, "auth");
  if (!auth.is_object()) throw expecting("auth", "request body");
  return Login(identity, config, auth).run(receipt);
}

}  // namespace glancefs::devcloud
