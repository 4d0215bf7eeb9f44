// Keystone's answers and a matching cloud, for tests that make up HTTP.
#pragma once

#include <string>

#include "client/cloud.h"
#include "tests/support/fake_transport.h"

namespace glancefs::test {

inline client::Cloud password_cloud() {
  client::Cloud cloud;
  cloud.name = "prod";
  cloud.auth_url = "https://ks.example:5000/v3";
  cloud.user = {.id = {}, .name = "ann", .domain_id = {}, .domain_name = "Default"};
  cloud.project = {.id = {}, .name = "demo", .domain_id = "default", .domain_name = {}};
  cloud.password = "secret-word";
  return cloud;
}

/// A 201 with a token that lives `life` seconds by the server's clock.
inline Answer token_answer(const std::string& token, int life = 3600) {
  const std::string expires = life < 3600
                                  ? "2026-03-01T12:00:" + std::to_string(10 + life) + ".000000Z"
                                  : "2026-03-01T13:00:10.000000Z";
  return answer(201, R"({"token": {"expires_at": ")" + expires + R"(", "issued_at":
                "2026-03-01T12:00:10.000000Z", "project": {"id": "p1", "name": "demo"},
                "user": {"id": "u1", "name": "ann"},
                "roles": [{"name": "reader"}, {"name": "member"}], "catalog": [
                  {"type": "identity", "name": "keystone", "endpoints": []},
                  {"type": "image", "name": "glance", "endpoints": [
                    {"interface": "internal", "region_id": "RegionOne", "url": "http://in:9292"},
                    {"interface": "public", "region_id": "RegionOne",
                     "url": "https://images.example/image/v2/"}]}]}})",
                {{"X-Subject-Token", token}, {"Date", "Sun, 01 Mar 2026 12:00:10 GMT"}});
}

inline Answer schema_answer() { return answer(200, R"({"name": "image", "properties": {}})"); }

}  // namespace glancefs::test
