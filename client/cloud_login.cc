#include "client/cloud_login.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace glancefs::client {
namespace {

constexpr std::array<std::pair<std::string_view, AuthType>, 12> kAuthTypes{{
    {"password", AuthType::kPassword},
    {"v3password", AuthType::kPassword},
    {"token", AuthType::kToken},
    {"v3token", AuthType::kToken},
    {"v3applicationcredential", AuthType::kApplicationCredential},
    {"v3totp", AuthType::kTotp},
    {"v3multifactor", AuthType::kMultifactor},
    {"none", AuthType::kNone},
    {"noauth", AuthType::kNone},
    {"admin_token", AuthType::kAdminToken},
    {"token_endpoint", AuthType::kAdminToken},
    {"http_basic", AuthType::kHttpBasic},
}};

std::string value_of(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second;
}

bool has(const Settings& settings, const std::string& name) { return settings.contains(name); }

AuthType auth_type_of(const Settings& settings, const Cloud& cloud) {
  const std::string word = value_of(settings, "auth_type");
  if (word.empty()) {
    // The files of some clouds' web pages leave it out; the secret says it all.
    if (has(settings, "application_credential_secret")) return AuthType::kApplicationCredential;
    if (has(settings, "token") && !has(settings, "password")) return AuthType::kToken;
    return AuthType::kPassword;
  }
  for (const auto& [known, type] : kAuthTypes) {
    if (known == word) return type;
  }
  throw CloudError(fmt::format("{}: auth_type \"{}\" is not supported", cloud.label(), word),
                   "supported: password, token, v3applicationcredential, v3totp, v3multifactor, "
                   "none, admin_token, http_basic");
}

std::string method_of(const std::string& word, const Cloud& cloud) {
  std::string method = word.starts_with("v3") ? word.substr(2) : word;
  if (method == "password" || method == "totp" || method == "token") return method;
  if (method == "applicationcredential" || method == "application_credential") {
    return "application_credential";
  }
  throw CloudError(fmt::format("{}: auth method \"{}\" is not supported", cloud.label(), word),
                   "supported: v3password, v3totp, v3token, v3applicationcredential");
}

Named named(const Settings& settings, const char* id_key, const char* name_key,
            const std::string& domain_prefix) {
  Named result{value_of(settings, id_key), value_of(settings, name_key),
               value_of(settings, domain_prefix + "_domain_id"),
               value_of(settings, domain_prefix + "_domain_name")};
  // Beside a project, domain_* is where both live unless they say otherwise.
  for (const char* fallback : {"domain", "default_domain"}) {
    if (!result.domain_id.empty() || !result.domain_name.empty()) break;
    result.domain_id = value_of(settings, std::string(fallback) + "_id");
    result.domain_name = value_of(settings, std::string(fallback) + "_name");
  }
  // As the openstack command does; Keystone would refuse a name alone.
  if (!result.name.empty() && result.domain_id.empty() && result.domain_name.empty()) {
    result.domain_id = "default";
  }
  return result;
}

void require(const Cloud& cloud, bool present, const std::string& what, const std::string& hint) {
  if (!present) throw CloudError(fmt::format("{}: no {} given", cloud.label(), what), hint);
}

void set_scope(const Settings& settings, Cloud& cloud) {
  if (has(settings, "system_scope")) {
    throw CloudError(cloud.label() + ": system scope cannot be used: images belong to projects",
                     "name a project instead: os-project-name (OS_PROJECT_NAME)");
  }
  cloud.trust_id = value_of(settings, "trust_id");
  cloud.project = named(settings, "project_id", "project_name", "project");
  const bool domain = has(settings, "domain_id") || has(settings, "domain_name");
  if (domain && cloud.project.empty() && cloud.trust_id.empty()) {
    throw CloudError(cloud.label() + ": domain scope cannot be used: images belong to projects",
                     "name a project: os-project-name (OS_PROJECT_NAME)");
  }
}

void check_secrets(const Cloud& cloud) {
  const auto uses = [&cloud](AuthType type, const char* method) {
    return cloud.auth_type == type ||
           (cloud.auth_type == AuthType::kMultifactor &&
            std::ranges::find(cloud.auth_methods, method) != cloud.auth_methods.end());
  };
  if (uses(AuthType::kPassword, "password")) {
    require(cloud, !cloud.user.empty(), "user name", "os-username (OS_USERNAME)");
    require(cloud, !cloud.password.empty(), "password", "OS_PASSWORD, or secure.yaml");
  }
  if (uses(AuthType::kTotp, "totp")) {
    require(cloud, !cloud.user.empty(), "user name", "os-username (OS_USERNAME)");
    require(cloud, !cloud.passcode.empty(), "passcode", "OS_PASSCODE");
  }
  if (uses(AuthType::kToken, "token")) require(cloud, !cloud.token.empty(), "token", "OS_TOKEN");
  if (uses(AuthType::kApplicationCredential, "application_credential")) {
    require(cloud,
            !cloud.application_credential_id.empty() ||
                (!cloud.application_credential_name.empty() && !cloud.user.empty()),
            "application credential id, nor a name with its user", "OS_APPLICATION_CREDENTIAL_ID");
    require(cloud, !cloud.application_credential_secret.empty(), "application credential secret",
            "OS_APPLICATION_CREDENTIAL_SECRET, or secure.yaml");
  }
}

void set_keystone_login(const Settings& settings, Cloud& cloud) {
  if (cloud.auth_type == AuthType::kMultifactor) {
    for (const std::string& word : words_of(value_of(settings, "auth_methods"))) {
      cloud.auth_methods.push_back(method_of(word, cloud));
    }
    require(cloud, !cloud.auth_methods.empty(), "auth_methods",
            "for example auth_methods: [v3password, v3totp]");
  }
  require(cloud, !cloud.auth_url.empty(), "auth_url", "os-auth-url (OS_AUTH_URL)");
  // An application credential brings its project; Keystone refuses one beside it.
  if (cloud.auth_type != AuthType::kApplicationCredential) set_scope(settings, cloud);
  check_secrets(cloud);
}

// A Glance without Keystone: only its address is needed.
void set_plain_login(const Settings& settings, Cloud& cloud) {
  if (cloud.endpoint_override.empty()) cloud.endpoint_override = value_of(settings, "endpoint");
  require(cloud, !cloud.endpoint_override.empty(), "endpoint",
          "os-endpoint (OS_ENDPOINT) is needed without Keystone");
  if (cloud.auth_type == AuthType::kAdminToken) {
    require(cloud, !cloud.token.empty(), "token", "OS_TOKEN");
  }
  if (cloud.auth_type == AuthType::kHttpBasic) {
    require(cloud, !cloud.user.name.empty(), "user name", "os-username (OS_USERNAME)");
    require(cloud, !cloud.password.empty(), "password", "OS_PASSWORD");
  }
}

}  // namespace

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words(1);
  for (const char c : list) {
    if (c == ',') {
      words.emplace_back();
    } else if (c != ' ') {
      words.back() += c;
    }
  }
  std::erase(words, std::string());
  return words;
}

void set_login(const Settings& settings, Cloud& cloud) {
  cloud.auth_type = auth_type_of(settings, cloud);
  cloud.user = named(settings, "user_id", "username", "user");
  cloud.password = value_of(settings, "password");
  cloud.passcode = value_of(settings, "passcode");
  cloud.token = value_of(settings, "token");
  cloud.application_credential_id = value_of(settings, "application_credential_id");
  cloud.application_credential_name = value_of(settings, "application_credential_name");
  cloud.application_credential_secret = value_of(settings, "application_credential_secret");
  switch (cloud.auth_type) {
    case AuthType::kNone:
    case AuthType::kAdminToken:
    case AuthType::kHttpBasic:
      set_plain_login(settings, cloud);
      break;
    default:
      set_keystone_login(settings, cloud);
  }
}

}  // namespace glancefs::client
