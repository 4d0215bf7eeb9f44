#include "tests/devcloud/fetch.h"

#include <httplib.h>

#include <regex>

namespace glancefs::devcloud {
namespace {

const std::regex& loopback_uri() {
  static const std::regex shape(R"((http://(?:127\.0\.0\.1|localhost)(?::\d+)?)(/.*)?)");
  return shape;
}

}  // namespace

bool may_fetch(const std::string& uri) { return std::regex_match(uri, loopback_uri()); }

std::optional<std::string> fetch(const std::string& uri) {
  std::smatch parts;
  if (!std::regex_match(uri, parts, loopback_uri())) return std::nullopt;
  httplib::Client client(parts[1].str());
  client.set_follow_location(true);
  client.set_connection_timeout(5);
  client.set_read_timeout(10);
  const std::string path = parts[2].length() == 0 ? "/" : parts[2].str();
  const auto result = client.Get(path);
  if (!result || result->status != 200) return std::nullopt;
  return result->body;
}

}  // namespace glancefs::devcloud
