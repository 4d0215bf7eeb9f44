#include "client/identity.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

namespace glancefs::client {
namespace {

// Each word with its length, so that no two lists of words are one text.
std::string joined(std::string_view kind, std::initializer_list<std::string_view> words) {
  std::string text(kind);
  for (const std::string_view word : words) text += fmt::format(" {}:{}", word.size(), word);
  return text;
}

std::string text_of(const Named& named) {
  return joined("", {named.id, named.name, named.domain_id, named.domain_name});
}

}  // namespace

bool Identity::sees_as(const Identity& other) const {
  Identity renamed = other;
  renamed.project_name = project_name;
  return *this == renamed;
}

std::optional<std::string> catalogue_key(const Cloud& cloud, const Identity& identity) {
  if (cloud.auth_type == AuthType::kAdminToken) return std::nullopt;
  return joined("catalogue", {identity.endpoint, identity.project_id, identity.user_id,
                              identity.roles, identity.is_admin ? "admin" : ""});
}

std::optional<std::string> login_key(const Cloud& cloud) {
  if (cloud.auth_type == AuthType::kAdminToken || cloud.auth_type == AuthType::kToken) {
    return std::nullopt;
  }
  std::string interfaces;
  for (const std::string& interface : cloud.interfaces) interfaces += interface + ",";
  return joined("login", {std::to_string(static_cast<int>(cloud.auth_type)), cloud.auth_url,
                          text_of(cloud.user), cloud.application_credential_id,
                          cloud.application_credential_name, text_of(cloud.project), cloud.trust_id,
                          cloud.region, interfaces, cloud.endpoint_override, cloud.service_name});
}

}  // namespace glancefs::client
