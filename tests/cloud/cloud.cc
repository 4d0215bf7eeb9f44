#include "tests/cloud/cloud.h"

#include <fmt/format.h>

#include <cstdlib>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace glancefs::cloud {
namespace {

constexpr auto kPatchType = "application/openstack-images-v2.1-json-patch";

std::optional<std::string> environment(const char* name) {
  const auto* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string required(const char* name) {
  if (auto value = environment(name)) return *value;
  throw std::runtime_error(std::string(name) + " is not set; start this through tests/cloud/run");
}

Flavour parse_flavour(const std::string& name) {
  if (name == "eventlet") return Flavour::kEventlet;
  if (name == "uwsgi") return Flavour::kUwsgi;
  if (name == "devcloud") return Flavour::kDevcloud;
  throw std::runtime_error("GLANCEFS_CLOUD_FLAVOUR: eventlet, uwsgi or devcloud, not " + name);
}

std::optional<Limits> parse_limits(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  Limits limits;
  std::istringstream(*text) >> limits.size_total >> limits.count_total;
  return limits;
}

Reply request_token(const Server& keystone, const Json& identity, const Json& scope,
                    const std::string& query) {
  Json auth{{"identity", identity}};
  if (!scope.is_null()) auth["scope"] = scope;
  return keystone.send("POST", "/v3/auth/tokens" + query, {{"Content-Type", "application/json"}},
                       Json{{"auth", auth}}.dump());
}

std::string image_endpoint(const Json& token) {
  for (const auto& service : token.at("catalog")) {
    if (service.at("type") != "image") continue;
    for (const auto& endpoint : service.at("endpoints")) {
      if (endpoint.at("interface") == "public") return endpoint.at("url");
    }
  }
  throw std::runtime_error("no public image endpoint in the catalog");
}

/// Logs the user in and completes it; the token's body is the result.
Json complete(const Server& keystone, User& user) {
  const auto reply = request_token(keystone, password_identity(user), project_scope(user), "");
  if (reply.status != 201) {
    throw std::runtime_error("no token for " + user.name + ": " + std::to_string(reply.status));
  }
  auto token = reply.json().at("token");
  user.token = reply.header("X-Subject-Token");
  user.id = token.at("user").at("id");
  user.project_id = token.at("project").at("id");
  return token;
}

Cloud connect() {
  Cloud cloud;
  cloud.flavour = parse_flavour(required("GLANCEFS_CLOUD_FLAVOUR"));
  auto url = required("OS_AUTH_URL");
  if (url.ends_with("/v3")) url.resize(url.size() - 3);
  cloud.keystone = Server(url);
  cloud.admin = {"admin", required("GLANCEFS_CLOUD_ADMIN_PASSWORD"), "", "", ""};
  cloud.demo = {"demo", required("GLANCEFS_CLOUD_DEMO_PASSWORD"), "", "", ""};
  cloud.other = {"other", required("GLANCEFS_CLOUD_OTHER_PASSWORD"), "", "", ""};
  cloud.blobs = environment("GLANCEFS_CLOUD_BLOBS");
  cloud.limits = parse_limits(environment("GLANCEFS_CLOUD_LIMITS"));
  if (const auto bytes = environment("GLANCEFS_CLOUD_STORAGE_QUOTA")) {
    cloud.storage_quota = std::stoull(*bytes);
  }
  complete(cloud.keystone, cloud.admin);
  complete(cloud.keystone, cloud.other);
  cloud.glance_url = image_endpoint(complete(cloud.keystone, cloud.demo));
  cloud.glance = Server(cloud.glance_url);
  return cloud;
}

std::mt19937_64& dice() {
  static std::mt19937_64 engine(std::random_device{}());
  return engine;
}

Headers joined(Headers first, const Headers& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

}  // namespace

const Cloud& Cloud::get() {
  static const Cloud cloud = connect();
  return cloud;
}

Headers as(const User& user, const Headers& more) {
  return joined({{"X-Auth-Token", user.token}, {"Accept", "application/json"}}, more);
}

Headers octets(const User& user, const Headers& more) {
  return as(user, joined({{"Content-Type", "application/octet-stream"}}, more));
}

Reply log_in(const Json& identity, const Json& scope, const std::string& query) {
  return request_token(Cloud::get().keystone, identity, scope, query);
}

Json password_identity(const User& user) {
  return {
      {"methods", {"password"}},
      {"password",
       {{"user",
         {{"name", user.name}, {"domain", {{"name", "Default"}}}, {"password", user.password}}}}}};
}

Json project_scope(const User& user) {
  return {{"project", {{"name", user.name}, {"domain", {{"name", "Default"}}}}}};
}

std::string new_uuid() {
  const auto high = dice()();
  const auto low = dice()();
  return fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xfff, low >> 48 & 0xfff, low & 0xffffffffffff);
}

std::string some_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::minstd_rand engine(static_cast<unsigned>(size) + 1);
  for (auto& byte : bytes) byte = static_cast<char>(engine() >> 8);
  return bytes;
}

bool eventually(const std::function<bool()>& done, std::chrono::milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
  }
  return true;
}

void CloudTest::TearDown() {
  for (const auto& id : created_) {
    if (del(cloud().admin, "/v2/images/" + id).status != 403) continue;
    EXPECT_THAT(patch_one(cloud().admin, id, "replace", "/protected", false), Answers(200));
    EXPECT_THAT(del(cloud().admin, "/v2/images/" + id), Answers(204));
  }
}

Reply CloudTest::get(const User& user, const std::string& path, const Headers& more) {
  return cloud().glance.send("GET", path, as(user, more));
}

Reply CloudTest::del(const User& user, const std::string& path) {
  return cloud().glance.send("DELETE", path, as(user));
}

Reply CloudTest::post(const User& user, const std::string& path, const Json& body) {
  return cloud().glance.send("POST", path, as(user, {{"Content-Type", "application/json"}}),
                             body.dump());
}

Reply CloudTest::put_json(const User& user, const std::string& path, const Json& body) {
  return cloud().glance.send("PUT", path, as(user, {{"Content-Type", "application/json"}}),
                             body.dump());
}

Reply CloudTest::patch(const User& user, const std::string& id, const Json& operations) {
  return cloud().glance.send("PATCH", "/v2/images/" + id, as(user, {{"Content-Type", kPatchType}}),
                             operations.dump());
}

Reply CloudTest::patch_one(const User& user, const std::string& id, const std::string& op,
                           const std::string& path, const Json& value) {
  Json operation{{"op", op}, {"path", path}};
  if (op != "remove") operation["value"] = value;
  return patch(user, id, Json::array({operation}));
}

Reply CloudTest::upload(const User& user, const std::string& id, const std::string& bytes,
                        const Headers& more) {
  return cloud().glance.send("PUT", "/v2/images/" + id + "/file", octets(user, more), bytes);
}

Reply CloudTest::download(const User& user, const std::string& id, const Headers& more) {
  return get(user, "/v2/images/" + id + "/file", more);
}

Reply CloudTest::try_create(const User& user, const Json& fields) {
  auto reply = post(user, "/v2/images", fields);
  if (reply.status == 201) clean_up(reply.json().at("id"));
  return reply;
}

std::string CloudTest::create(const User& user, Json fields) {
  fields.emplace("disk_format", "raw");
  fields.emplace("container_format", "bare");
  const auto reply = try_create(user, fields);
  if (reply.status != 201)
    throw std::runtime_error("create answers " + testing::PrintToString(reply));
  return reply.json().at("id");
}

std::string CloudTest::create_active(const User& user, const std::string& bytes,
                                     const Json& fields) {
  auto id = create(user, fields);
  const auto reply = upload(user, id, bytes);
  if (reply.status != 204)
    throw std::runtime_error("upload answers " + testing::PrintToString(reply));
  return id;
}

Json CloudTest::record(const User& user, const std::string& id) {
  return get(user, "/v2/images/" + id).json();
}

std::string CloudTest::status_of(const std::string& id) {
  const auto image = record(cloud().admin, id);
  return image.is_object() ? image.value("status", "") : "";
}

bool CloudTest::becomes(const std::string& id, const std::string& status) {
  return eventually([&] { return status_of(id) == status; });
}

std::vector<std::string> CloudTest::list(const User& user, const std::string& query) {
  const auto reply = get(user, "/v2/images?" + query);
  if (reply.status != 200)
    throw std::runtime_error("list answers " + testing::PrintToString(reply));
  std::vector<std::string> ids;
  const auto page = reply.json();
  for (const auto& image : page.at("images")) ids.push_back(image.at("id"));
  return ids;
}

}  // namespace glancefs::cloud
