// Application credentials of a user: made, shown, deleted.
#include <utility>

#include "tests/devcloud/keystone.h"
#include "tests/devcloud/keystone_login.h"

namespace glancefs::devcloud {
namespace {

Json credential_json(const AppCredential& credential, const std::string& project) {
  return {{"id", credential.id},    {"name", credential.name}, {"user_id", credential.user_id},
          {"project_id", project},  {"description", nullptr},  {"expires_at", nullptr},
          {"unrestricted", nullptr}};
}

AppCredential made(const Json& body, const std::string& user) {
  const Json& wanted = member(body, "application_credential");
  if (text(wanted, "name").empty()) throw KeystoneError(400, "'name' is a required property");
  AppCredential credential;
  credential.id = new_uuid();
  std::erase(credential.id, '-');
  credential.name = text(wanted, "name");
  credential.secret = text(wanted, "secret", new_token());
  credential.user_id = user;
  return credential;
}

}  // namespace

Response Keystone::app_credentials(Exchange& exchange) {
  const Request& request = exchange.request();
  const std::string& user = request.segments[2];
  const bool creates = request.method == "POST" && request.segments.size() == 4;
  const Json body = creates ? Json::parse(exchange.whole_body(), nullptr, false) : Json();
  const Lock lock(identity_.mutex);
  const auto caller = identity_.tokens.find(request.header_or("X-Auth-Token", ""));
  if (caller == identity_.tokens.end() || caller->second.revoked) throw unauthorized();
  if (caller->second.user_id != user)
    throw KeystoneError(403, "You are not authorized to perform the requested action.");
  const std::string& project = identity_.users.at(user).project_id;
  if (creates) {
    AppCredential credential = made(body, user);
    Json shown = credential_json(credential, project);
    shown["secret"] = credential.secret;
    identity_.app_credentials[credential.id] = std::move(credential);
    return json_response({{"application_credential", shown}}, 201);
  }
  const std::string id = request.segments.size() == 5 ? request.segments[4] : "";
  const auto found = identity_.app_credentials.find(id);
  if (found == identity_.app_credentials.end() || found->second.user_id != user)
    throw KeystoneError(404, "Could not find Application Credential: " + id + ".");
  if (request.method == "GET")
    return json_response({{"application_credential", credential_json(found->second, project)}});
  if (request.method != "DELETE")
    throw KeystoneError(405, "The method is not allowed for the requested URL.");
  identity_.app_credentials.erase(found);
  Response response;
  response.status = 204;
  return response;
}

}  // namespace glancefs::devcloud
