#include "tests/devcloud/keystone.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "tests/devcloud/keystone_login.h"

namespace glancefs::devcloud {
namespace {

Response not_found() {
  Response response;
  response.status = 404;
  response.set("Content-Type", "text/html; charset=utf-8");
  response.body =
      "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The "
      "requested URL was not found on the server. If you entered the URL manually please check "
      "your "
      "spelling and try again.</p>\n";
  return response;
}

Response refusal(const KeystoneError& error) {
  Json body = error.extra;
  if (body.is_null())
    body = {{"error",
             {{"code", error.status()},
              {"message", error.what()},
              {"title", std::string(reason(error.status()))}}}};
  Response response = json_response(body, error.status());
  for (const auto& [name, value] : error.headers) response.set(name, value);
  return response;
}

Json domain() { return {{"id", "default"}, {"name", "Default"}}; }

}  // namespace

void Keystone::set_urls(std::string keystone, std::string glance) {
  keystone_url_ = std::move(keystone);
  glance_url_ = std::move(glance);
}

Response Keystone::handle(Exchange& exchange) {
  Response response;
  try {
    response = route(exchange);
  } catch (const KeystoneError& error) {
    response = refusal(error);
    if (error.status() == 401)
      response.set("WWW-Authenticate", fmt::format("Keystone uri=\"{}\"", keystone_url_));
  }
  response.set("Vary", "X-Auth-Token");
  response.set("x-openstack-request-id", "req-" + new_uuid());
  return response;
}

Response Keystone::route(Exchange& exchange) {
  const Request& request = exchange.request();
  const auto& path = request.segments;
  if (path.empty() || (path.size() == 1 && path[0] == "v3")) return versions(request);
  if (path.size() >= 4 && path.size() <= 5 && path[0] == "v3" && path[1] == "users" &&
      path[3] == "application_credentials")
    return app_credentials(exchange);
  if (path.size() != 3 || path[0] != "v3" || path[1] != "auth" || path[2] != "tokens")
    return not_found();
  if (request.method == "POST") return create_token(request, exchange.whole_body());
  if (request.method == "GET") return show_token(request);
  if (request.method == "DELETE") return revoke_token(request);
  return refusal(KeystoneError(405, "The method is not allowed for the requested URL."));
}

Response Keystone::versions(const Request& request) const {
  const std::string self = fmt::format("http://{}/v3/", request.header_or("Host", "127.0.0.1"));
  const Json v3{
      {"id", "v3.14"},
      {"status", "stable"},
      {"updated", "2020-04-07T00:00:00Z"},
      {"links", {{{"rel", "self"}, {"href", self}}}},
      {"media-types",
       {{{"base", "application/json"}, {"type", "application/vnd.openstack.identity-v3+json"}}}}};
  if (!request.segments.empty()) return json_response({{"version", v3}});
  Response response = json_response({{"versions", {{"values", Json::array({v3})}}}}, 300);
  response.set("Location", self);
  return response;
}

Json Keystone::catalog() const {
  const auto endpoint = [](const std::string& region, const std::string& interface,
                           const std::string& url) {
    return Json{{"id", new_uuid()},
                {"interface", interface},
                {"region_id", region},
                {"region", region},
                {"url", url}};
  };
  Json keystone = Json::array();
  Json glance = Json::array();
  for (const char* interface : {"public", "internal", "admin"}) {
    keystone.push_back(endpoint("RegionOne", interface, keystone_url_));
    glance.push_back(endpoint("RegionOne", interface, glance_url_ + config_.endpoint_suffix));
  }
  for (const EndpointConfig& extra : config_.extra_endpoints)
    glance.push_back(endpoint(extra.region, extra.interface, extra.url));
  return Json::array(
      {{{"type", "identity"}, {"name", "keystone"}, {"id", "i"}, {"endpoints", keystone}},
       {{"type", "image"}, {"name", "glance"}, {"id", "g"}, {"endpoints", glance}}});
}

Json Keystone::token_body(const Token& token, bool with_catalog) const {
  const User& user = identity_.users.at(token.user_id);
  Json body{{"methods", token.methods},
            {"user",
             {{"id", user.id},
              {"name", user.name},
              {"domain", domain()},
              {"password_expires_at", nullptr}}},
            {"audit_ids", {new_uuid().substr(0, 22)}},
            {"issued_at", iso_time_micro(token.issued_at)},
            {"expires_at", iso_time_micro(token.expires_at)}};
  if (token.scope == Scope::kUnscoped) return body;
  if (!token.project_id.empty()) {
    const Project& project = identity_.projects.at(token.project_id);
    body["project"] = {{"id", project.id}, {"name", project.name}, {"domain", domain()}};
    body["is_domain"] = false;
  }
  if (token.scope == Scope::kDomain) body["domain"] = domain();
  if (token.scope == Scope::kSystem) body["system"] = {{"all", true}};
  if (token.scope == Scope::kTrust)
    body["OS-TRUST:trust"] = {{"id", token.trust_id}, {"impersonation", true}};
  body["roles"] = Json::array({{{"id", "r-" + token.role}, {"name", token.role}}});
  if (token.role == "member") body["roles"].push_back({{"id", "r-reader"}, {"name", "reader"}});
  if (with_catalog) body["catalog"] = catalog();
  return body;
}

Response Keystone::create_token(const Request& request, const std::string& body) {
  const Json parsed = Json::parse(body, nullptr, false);
  if (parsed.is_discarded())
    throw KeystoneError(400, "The request body is empty or not valid JSON.");
  const Lock lock(identity_.mutex);
  const Token token = log_in(identity_, config_, parsed, request.header("Openstack-Auth-Receipt"));
  const std::string id = new_token();
  identity_.tokens[id] = token;
  const bool catalog = find_field(request.query, "nocatalog") == nullptr;
  Response response = json_response({{"token", token_body(token, catalog)}}, 201);
  response.set("X-Subject-Token", id);
  return response;
}

Response Keystone::show_token(const Request& request) {
  const Lock lock(identity_.mutex);
  const auto now = std::chrono::system_clock::now();
  const auto usable = [&](const std::string& id) REQUIRES(identity_.mutex) {
    const auto found = identity_.tokens.find(id);
    const bool good =
        found != identity_.tokens.end() && !found->second.revoked && found->second.expires_at > now;
    return good ? &found->second : nullptr;
  };
  if (usable(request.header_or("X-Auth-Token", "")) == nullptr) throw unauthorized();
  const std::string subject = request.header_or("X-Subject-Token", "");
  const Token* token = usable(subject);
  if (token == nullptr) throw KeystoneError(404, "Could not find token.");
  const bool catalog = find_field(request.query, "nocatalog") == nullptr;
  Response response = json_response({{"token", token_body(*token, catalog)}});
  response.set("X-Subject-Token", subject);
  return response;
}

Response Keystone::revoke_token(const Request& request) {
  const Lock lock(identity_.mutex);
  const auto caller = identity_.tokens.find(request.header_or("X-Auth-Token", ""));
  if (caller == identity_.tokens.end() || caller->second.revoked) throw unauthorized();
  const auto subject = identity_.tokens.find(request.header_or("X-Subject-Token", ""));
  if (subject == identity_.tokens.end()) throw KeystoneError(404, "Could not find token.");
  subject->second.revoked = true;
  Response response;
  response.status = 204;
  return response;
}

}  // namespace glancefs::devcloud
