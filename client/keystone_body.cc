#include "client/keystone_body.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/fd.h"
#include "client/bounded_json.h"

namespace glancefs::client {
namespace {

using nlohmann::json;

json domain_of(const Named& named) {
  return named.domain_id.empty() ? json{{"name", named.domain_name}}
                                 : json{{"id", named.domain_id}};
}

// By id alone, or by name within a domain: Keystone refuses a name without one.
json reference(const Named& named) {
  if (!named.id.empty()) return {{"id", named.id}};
  return {{"name", named.name}, {"domain", domain_of(named)}};
}

json user_with(const Named& user, const char* secret_key, const std::string& secret) {
  json described = reference(user);
  described[secret_key] = secret;
  return {{"user", std::move(described)}};
}

json application_credential(const Cloud& cloud) {
  json credential{{"secret", cloud.application_credential_secret}};
  if (!cloud.application_credential_id.empty()) {
    credential["id"] = cloud.application_credential_id;
  } else {
    credential["name"] = cloud.application_credential_name;
    credential["user"] = reference(cloud.user);
  }
  return credential;
}

json method_body(const Cloud& cloud, const std::string& method) {
  if (method == "password") return user_with(cloud.user, "password", cloud.password);
  if (method == "totp") return user_with(cloud.user, "passcode", cloud.passcode);
  if (method == "token") return {{"id", cloud.token}};
  return application_credential(cloud);
}

// Null: none is sent, and Keystone takes the user's default project, if there is one.
json scope(const Cloud& cloud) {
  if (cloud.auth_type == AuthType::kApplicationCredential) return nullptr;
  if (!cloud.trust_id.empty()) return {{"OS-TRUST:trust", {{"id", cloud.trust_id}}}};
  if (!cloud.project.empty()) return {{"project", reference(cloud.project)}};
  return nullptr;
}

std::string describe(std::string_view what, const Named& named) {
  std::string text = fmt::format("{} \"{}\"", what, named.id.empty() ? named.name : named.id);
  const std::string& domain = named.domain_name.empty() ? named.domain_id : named.domain_name;
  if (named.id.empty() && !domain.empty()) text += fmt::format(" (domain {})", domain);
  return text;
}

}  // namespace

std::vector<std::string> login_methods(const Cloud& cloud) {
  switch (cloud.auth_type) {
    case AuthType::kToken:
      return {"token"};
    case AuthType::kApplicationCredential:
      return {"application_credential"};
    case AuthType::kTotp:
      return {"totp"};
    case AuthType::kMultifactor:
      return cloud.auth_methods;
    default:
      return {"password"};
  }
}

std::string login_body(const Cloud& cloud, const std::vector<std::string>& methods) {
  json identity{{"methods", methods}};
  for (const std::string& method : methods) identity[method] = method_body(cloud, method);
  json auth{{"identity", std::move(identity)}};
  if (json wanted = scope(cloud); !wanted.is_null()) auth["scope"] = std::move(wanted);
  try {
    return json{{"auth", std::move(auth)}}.dump();
  } catch (const json::type_error&) {
    throw_errno(EILSEQ, "names and passwords for Keystone must be UTF-8");
  }
}

std::string describe_login(const Cloud& cloud) {
  std::string text = "token";
  if (cloud.auth_type == AuthType::kApplicationCredential) {
    const bool by_id = !cloud.application_credential_id.empty();
    text = fmt::format("application credential \"{}\"",
                       by_id ? cloud.application_credential_id : cloud.application_credential_name);
  } else if (cloud.auth_type != AuthType::kToken) {
    text = describe("user", cloud.user);
  }
  if (!cloud.trust_id.empty()) return text + fmt::format(", trust \"{}\"", cloud.trust_id);
  if (!cloud.project.empty()) text += ", " + describe("project", cloud.project);
  return text;
}

}  // namespace glancefs::client
