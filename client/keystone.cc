#include "client/keystone.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "client/bounded_json.h"
#include "client/images.h"
#include "client/keystone_body.h"
#include "client/session.h"

namespace glancefs::client {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeLimit{30};

std::size_t path_begin(const std::string& url) {
  const std::size_t scheme = url.find("://");
  return std::min(url.find('/', scheme == std::string::npos ? 0 : scheme + 3), url.size());
}

// So that an operator finds the request in Keystone's log, as those to Glance in Glance's.
void add_usual_headers(Request& request) {
  request.headers.add("Accept", "application/json");
  request.headers.add("X-OpenStack-Request-ID", "req-" + new_uuid());
}

bool is_json(const Response& response) {
  const std::string* type = response.headers.find("Content-Type");
  return type != nullptr && type->find("json") != std::string::npos;
}

// The path of version 3 in an answer of GET auth_url; empty when there is none. The link's scheme
// and host are what Keystone believes, not what we can reach.
std::string path_of_v3(const json& document) {
  const json& many = member(member(document, "versions"), "values");
  const json one = json::array({member(document, "version")});
  for (const json& version : many.is_array() ? many : one) {
    if (!text_at(version, "id").value_or("").starts_with("v3")) continue;
    for (const json& link : member(version, "links")) {
      const std::string href = text_at(link, "href").value_or("");
      if (text_at(link, "rel") == "self" && !href.empty()) return href.substr(path_begin(href));
    }
  }
  return {};
}

}  // namespace

std::string keystone_url(const std::string& auth_url) {
  std::string url = auth_url;
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v3")) return url;
  if (url.ends_with("/v2.0")) url.resize(url.size() - 5);
  return url + "/v3";
}

void throw_unreachable(const Cloud& cloud, const std::string& url, const HttpError& error) {
  const std::string origin = url.substr(0, path_begin(url));
  if (error.failure() == Failure::kTls) {
    const bool trust = error.message().find("certificate") != std::string::npos;
    throw LoginError(EACCES, fmt::format("{}: {}: {}", cloud.label(), origin, error.message()),
                     trust ? "os-cacert=FILE (OS_CACERT) names the CA to trust" : "");
  }
  const int code = error.failure() == Failure::kProtocol ? EIO : error.code().value();
  throw LoginError(code,
                   fmt::format("{}: cannot reach {}: {}", cloud.label(), origin, error.message()));
}

Keystone::Keystone(const Cloud& cloud, Transport& transport)
    : cloud_(cloud),
      transport_(transport),
      url_(keystone_url(cloud.auth_url)) {}

Response Keystone::post(const std::vector<std::string>& methods, bool with_catalogue,
                        const std::string& receipt, const std::stop_token& stop) {
  Request request{.method = "POST",
                  .url = url_ + (with_catalogue ? "/auth/tokens" : "/auth/tokens?nocatalog"),
                  .headers = {},
                  .body = login_body(cloud_, methods),
                  .time_limit = kTimeLimit};
  request.headers.add("Content-Type", "application/json");
  add_usual_headers(request);
  if (!receipt.empty()) request.headers.add("Openstack-Auth-Receipt", receipt);
  return transport_.perform(request, Operation::kLogin, nullptr, nullptr, stop);
}

// The usual rule for the path has failed: asks what is at auth_url.
bool Keystone::discover(const std::stop_token& stop) {
  Request request{.url = cloud_.auth_url, .headers = {}, .body = {}, .time_limit = kTimeLimit};
  add_usual_headers(request);
  const Response answer = transport_.perform(request, Operation::kLogin, nullptr, nullptr, stop);
  const auto document = parse_bounded(answer.body);
  const std::string path = document ? path_of_v3(*document) : std::string();
  if (path.empty()) return false;
  std::string found = cloud_.auth_url.substr(0, path_begin(cloud_.auth_url)) + path;
  while (found.ends_with('/')) found.pop_back();
  if (found == url_) return false;
  url_ = std::move(found);
  return true;
}

// The account wants more than a password. With a passcode configured the missing half is sent, with
// the receipt for the first.
Response Keystone::second_factor(const Response& refusal, bool with_catalogue,
                                 const std::stop_token& stop) {
  const std::string* receipt = refusal.headers.find("Openstack-Auth-Receipt");
  if (receipt == nullptr) return refusal;
  if (cloud_.passcode.empty()) {
    throw LoginError(EACCES,
                     fmt::format("{}: the login needs another factor for {}", cloud_.label(),
                                 describe_login(cloud_)),
                     "os-passcode (OS_PASSCODE) gives the code of the moment; unattended mounts "
                     "are better served by an application credential");
  }
  return post({"totp"}, with_catalogue, *receipt, stop);
}

Token Keystone::log_in(bool with_catalogue, std::stop_token stop) {
  try {
    const auto methods = login_methods(cloud_);
    Response answer = post(methods, with_catalogue, {}, stop);
    if (answer.status == 404 && !is_json(answer) && discover(stop)) {
      answer = post(methods, with_catalogue, {}, stop);
    }
    if (answer.status == 401) answer = second_factor(answer, with_catalogue, stop);
    if (answer.status / 100 != 2) refused(answer);
    auto token = parse_token(answer);
    if (!token) refused(answer);
    return *std::move(token);
  } catch (const HttpError& error) {
    throw_unreachable(cloud_, url_, error);
  }
}

void Keystone::refused(const Response& answer) const {
  const int status = answer.status;
  const std::string message = error_message(answer);
  if (!is_json(answer) && status < 500 && status != 429) {
    throw LoginError(EPROTO,
                     fmt::format("{}: {} is not a Keystone v3: {} {}", cloud_.label(), url_, status,
                                 message.substr(0, 80)),
                     "auth_url usually ends in :5000/v3 or /identity/v3");
  }
  const int error = errno_of_status(Operation::kLogin, status, message, false);
  const std::string* id = answer.headers.find("X-Openstack-Request-Id");
  const std::string request = id == nullptr ? std::string() : " (" + id->substr(0, 64) + ")";
  const std::string text = fmt::format("{}: login refused by {} for {}: {}", cloud_.label(), url_,
                                       describe_login(cloud_), status);
  if (status == 401 || status == 403 || status == 404) {
    throw LoginError(error, text + request,
                     "Keystone does not say which is wrong: the name, the secret, the domain or "
                     "the project");
  }
  throw LoginError(error, text + " " + message + request);
}

void Keystone::revoke(const std::string& token, std::stop_token stop) {
  constexpr std::chrono::seconds kPatience{5};
  Request request{.method = "DELETE",
                  .url = url_ + "/auth/tokens",
                  .headers = {},
                  .body = {},
                  .time_limit = kPatience};
  request.headers.add("X-Auth-Token", token);
  request.headers.add("X-Subject-Token", token);
  add_usual_headers(request);
  transport_.perform(request, Operation::kLogin, nullptr, nullptr, std::move(stop));
}

}  // namespace glancefs::client
