#include "client/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "client/bounded_json.h"
#include "client/image_json.h"
#include "client/retry.h"
#include "client/session.h"

namespace glancefs::client {
namespace {

using nlohmann::json;

std::string text_or_empty(const json& object, std::string_view key) {
  return text_at(object, key).value_or(std::string());
}

// Catalogues of old clouds say publicURL.
std::string plain_interface(std::string name) {
  if (name.ends_with("URL")) name.resize(name.size() - 3);
  return name;
}

void add_endpoints(const json& service, std::vector<Endpoint>& endpoints) {
  if (text_or_empty(service, "type") != "image") return;
  for (const json& entry : member(service, "endpoints")) {
    Endpoint endpoint{.service_name = text_or_empty(service, "name"),
                      .interface = plain_interface(text_or_empty(entry, "interface")),
                      .region = text_or_empty(entry, "region_id"),
                      .url = text_or_empty(entry, "url")};
    if (endpoint.region.empty()) endpoint.region = text_or_empty(entry, "region");
    if (!endpoint.url.empty()) endpoints.push_back(std::move(endpoint));
  }
}

std::vector<std::string> roles_of(const json& token) {
  std::vector<std::string> names;
  for (const json& role : member(token, "roles")) names.push_back(text_or_empty(role, "name"));
  std::ranges::sort(names);
  return names;
}

// Counted by the server's clock alone: from its Date, or from when it says it issued the token.
std::optional<std::chrono::seconds> life_of(const json& token, const Headers& headers) {
  const auto expires = parse_time(text_or_empty(token, "expires_at"));
  if (!expires) return std::nullopt;
  const std::string* date = headers.find("Date");
  auto now = date == nullptr ? std::nullopt : parse_http_date(*date);
  if (!now) now = parse_time(text_or_empty(token, "issued_at"));
  if (!now) return std::nullopt;
  return std::max(*expires - *now, std::chrono::seconds(0));
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string what_exists(const std::vector<Endpoint>& endpoints) {
  std::map<std::string, std::vector<std::string>> by_region;
  for (const Endpoint& endpoint : endpoints) {
    auto& interfaces = by_region[endpoint.region];
    if (std::ranges::find(interfaces, endpoint.interface) == interfaces.end()) {
      interfaces.push_back(endpoint.interface);
    }
  }
  std::vector<std::string> regions;
  regions.reserve(by_region.size());
  for (const auto& [region, interfaces] : by_region) {
    regions.push_back((region.empty() ? "no region" : region) + " " + join(interfaces, ", "));
  }
  return join(regions, "; ");
}

[[noreturn]] void nothing_fits(const Cloud& cloud, const std::vector<Endpoint>& endpoints) {
  std::string text = cloud.label() + ": the service catalogue has no image service";
  if (endpoints.empty()) throw LoginError(ENODEV, text);
  text += fmt::format(" with interface \"{}\"", join(cloud.interfaces, "\" or \""));
  if (!cloud.region.empty()) text += fmt::format(" in region \"{}\"", cloud.region);
  if (!cloud.service_name.empty()) text += fmt::format(" called \"{}\"", cloud.service_name);
  throw LoginError(ENODEV, text + " (has: " + what_exists(endpoints) + ")");
}

bool is_version(std::string_view segment) {
  return segment.size() > 1 && segment.front() == 'v' &&
         segment.find_first_not_of("0123456789.", 1) == std::string_view::npos;
}

}  // namespace

std::optional<Token> parse_token(const Response& answer) {
  const std::string* value = answer.headers.find("X-Subject-Token");
  const auto document = parse_bounded(answer.body);
  if (value == nullptr || value->empty() || !document) return std::nullopt;
  const json& body = member(*document, "token");
  if (!body.is_object()) return std::nullopt;
  Token token;
  token.value = *value;
  token.life = life_of(body, answer.headers);
  token.project_id = text_or_empty(member(body, "project"), "id");
  token.project_name = text_or_empty(member(body, "project"), "name");
  token.user_id = text_or_empty(member(body, "user"), "id");
  const std::vector<std::string> roles = roles_of(body);
  token.roles = join(roles, ",");
  token.admin = std::ranges::find(roles, "admin") != roles.end();
  for (const json& service : member(body, "catalog")) add_endpoints(service, token.image_endpoints);
  return token;
}

std::string choose_endpoint(const Cloud& cloud, const std::vector<Endpoint>& endpoints) {
  for (const std::string& wanted : cloud.interfaces) {
    const std::string interface = plain_interface(wanted);
    for (const Endpoint& endpoint : endpoints) {
      if (endpoint.interface == interface &&
          (cloud.region.empty() || endpoint.region == cloud.region) &&
          (cloud.service_name.empty() || endpoint.service_name == cloud.service_name)) {
        return without_version(endpoint.url);
      }
    }
  }
  nothing_fits(cloud, endpoints);
}

std::string without_version(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  const std::size_t slash = url.rfind('/');
  if (slash != std::string::npos && slash > 0 && url[slash - 1] != '/' &&
      is_version(std::string_view(url).substr(slash + 1))) {
    url.resize(slash);
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace glancefs::client
