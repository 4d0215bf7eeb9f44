#include "tests/devcloud/glance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace glancefs::devcloud {
namespace {

constexpr std::size_t kRequestIdLimit = 64;

// With several stores and without the cache: no 2.14 and no 2.16.
constexpr std::array<std::string_view, 15> kMinors{"2.17", "2.15", "2.13", "2.12", "2.11",
                                                   "2.10", "2.9",  "2.8",  "2.7",  "2.6",
                                                   "2.5",  "2.4",  "2.3",  "2.2",  "2.1"};

bool is_version(std::string_view segment) {
  if (segment == "v2" || segment == "v2.0") return true;
  return segment.starts_with("v") &&
         std::find(kMinors.begin(), kMinors.end(), segment.substr(1)) != kMinors.end();
}

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

}  // namespace

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

Response problem_response(const Problem& problem, const Request& request) {
  const std::string status = fmt::format("{} {}", problem.status(), reason(problem.status()));
  const std::string accept = request.header_or("Accept", "");
  Response response;
  response.status = problem.status();
  if (accept == "application/json" && !problem.plain) {
    const Json body{
        {"message", fmt::format("{}<br /><br />\n{}\n\n", problem.explanation(), problem.detail())},
        {"code", status},
        {"title", std::string(reason(problem.status()))}};
    response = json_response(body, problem.status());
  } else if (!problem.plain && (accept.find("*/*") != std::string::npos ||
                                accept.find("text/html") != std::string::npos)) {
    response.set("Content-Type", "text/html; charset=UTF-8");
    response.body = fmt::format(
        "<html>\n <head>\n  <title>{0}</title>\n </head>\n <body>\n  <h1>{0}</h1>\n  {1}<br /><br "
        "/>\n{2}\n\n\n </body>\n</html>",
        status, html_escape(problem.explanation()), html_escape(problem.detail()));
  } else {
    response.set("Content-Type", "text/plain; charset=UTF-8");
    response.body =
        fmt::format("{}\n\n{}\n\n{}   ", status, problem.explanation(), problem.detail());
  }
  for (const auto& [name, value] : problem.headers) response.set(name, value);
  return response;
}

Json json_body(Exchange& exchange) {
  const std::string body = exchange.whole_body();
  if (body.empty()) throw Problem(400, "Body expected in request.");
  // Python's parser takes lone surrogates, which the database then cannot store.
  Json parsed = Json::parse(body, nullptr, false);
  if (parsed.is_discarded()) {
    if (body.find("\\ud") != std::string::npos || body.find("\\uD") != std::string::npos)
      throw Problem(500, "", "'utf-8' codec can't encode character: surrogates not allowed");
    throw Problem(400, "Malformed JSON in request body.");
  }
  return parsed;
}

Glance::Glance(const Config& config, Catalogue& catalogue, Identity& identity, Traffic& traffic)
    : config_(config),
      catalogue_(catalogue),
      identity_(identity),
      traffic_(traffic) {}

Glance::~Glance() {
  std::vector<std::jthread> ending;
  {
    const Lock lock(workers_mutex_);
    ending.swap(workers_);
  }
}

const StoreConfig* Glance::store(const std::string& id) const {
  const auto found = std::find_if(config_.stores.begin(), config_.stores.end(),
                                  [&](const StoreConfig& s) { return s.id == id; });
  return found == config_.stores.end() ? nullptr : &*found;
}

std::string Glance::default_store() const {
  for (const StoreConfig& candidate : config_.stores)
    if (candidate.is_default) return candidate.id;
  return config_.stores.empty() ? "" : config_.stores.front().id;
}

Response Glance::handle(Exchange& exchange) {
  const Request& request = exchange.request();
  const std::string* own_id = request.header("X-OpenStack-Request-ID");
  bool reached = false;
  Response response;
  try {
    if (own_id != nullptr && own_id->size() > kRequestIdLimit)
      throw Crash("the request id is too long");
    response = dispatch(exchange, reached);
  } catch (const Problem& problem) {
    response = problem_response(problem, request);
  } catch (const BrokenBody& broken) {
    response = problem_response(broken.malformed() ? Problem(400, broken.what()) : Problem(500, ""),
                                request);
    response.close = true;
  }
  if (reached)
    response.set("X-Openstack-Request-Id", own_id != nullptr ? *own_id : "req-" + new_uuid());
  return response;
}

Response Glance::plain_versions(const Request& request, int status) const {
  Json versions = Json::array();
  const std::string_view current = config_.inspects ? kMinors.at(0) : kMinors.at(1);
  const std::string self = fmt::format("http://{}/v2/", request.header_or("Host", "127.0.0.1"));
  for (const std::string_view minor : kMinors) {
    if (minor == kMinors.at(0) && minor != current) continue;
    if (config_.stores.empty() &&
        (minor == "2.8" || minor == "2.10" || minor == "2.11" || minor == "2.12"))
      continue;
    versions.push_back({{"id", fmt::format("v{}", minor)},
                        {"status", minor == current ? "CURRENT" : "SUPPORTED"},
                        {"links", {{{"rel", "self"}, {"href", self}}}}});
  }
  versions.push_back(
      {{"id", "v2.0"}, {"status", "SUPPORTED"}, {"links", {{{"rel", "self"}, {"href", self}}}}});
  return json_response({{"versions", versions}}, status);
}

Response Glance::dispatch(Exchange& exchange, bool& reached) {
  const Request& request = exchange.request();
  const auto& segments = request.segments;
  if (request.method == "OPTIONS") return Response{};
  if (segments.size() == 1 && segments[0] == "versions") return plain_versions(request, 200);
  if (segments.size() == 1 && segments[0] == "healthcheck") {
    Response response;
    response.set("Content-Type", "text/plain; charset=UTF-8");
    response.body = "OK";
    return response;
  }
  const bool vendor_type =
      request.header_or("Accept", "").starts_with("application/vnd.openstack.images-v2");
  const bool versioned = !segments.empty() && is_version(segments[0]);
  if (!versioned && (segments.empty() || !vendor_type)) return plain_versions(request, 300);

  Call call{exchange, request, authenticate(request), segments};
  if (versioned) call.path.erase(call.path.begin());
  if (call.path.empty() && request.path.back() != '/') {
    Response response;
    response.status = 302;
    response.set("Location", fmt::format("http://{}/v2/", request.header_or("Host", "127.0.0.1")));
    return response;
  }
  reached = true;
  return route(call);
}

Caller Glance::authenticate(const Request& request) {
  const std::string* id = request.header("X-Auth-Token");
  std::optional<Token> token;
  if (id != nullptr) token = identity_.validate_for_glance(*id, config_.glance_caches_tokens);
  if (!token) {
    Problem problem(401, "");
    problem.headers.emplace_back("Www-Authenticate",
                                 fmt::format("Keystone uri=\"{}\"", keystone_url_));
    throw problem;
  }
  return Caller{token->user_id, token->project_id, token->role == "admin"};
}

Response Glance::route(Call& call) {
  if (call.path.empty()) throw Problem(404, "");
  if (call.request.method == "HEAD") throw Problem(405, "");
  const std::string& root = call.path.front();
  if (root == "images") return images(call);
  if (root == "schemas") return schema(call);
  if (root == "info") return info(call);
  if (root == "metadefs") return metadefs(call);
  if (root == "stores" && call.path.size() == 3) return remove_from_store(call);
  if (root == "tasks")
    throw Problem(403, "You are not authorized to complete tasks_api_access action.");
  if (root == "cache") {
    if (!call.caller.admin)
      throw Problem(403, "You are not authorized to complete cache_list action.");
    throw Problem(404, "Caching via API is not supported at this site.");
  }
  throw Problem(404, "");
}

Response Glance::images(Call& call) {
  const std::string& method = call.request.method;
  if (call.path.size() == 1) {
    if (method == "GET") return list(call);
    if (method == "POST") return create(call);
    throw Problem(405, "");
  }
  if (call.path.size() == 2) {
    if (method == "GET") return show(call);
    if (method == "PATCH") return patch(call);
    if (method == "DELETE") return remove(call);
    throw Problem(405, "");
  }
  return image_resource(call);
}

Response Glance::image_resource(Call& call) {
  struct Route {
    std::string_view name;
    std::string_view methods;
    std::size_t depth;  ///< segments at most
    Response (Glance::*handler)(Call&);
  };
  static constexpr std::array kRoutes{
      Route{"file", "GET", 3, &Glance::download},
      Route{"file", "PUT", 3, &Glance::upload},
      Route{"stage", "PUT", 3, &Glance::stage},
      Route{"import", "POST", 3, &Glance::import},
      Route{"tasks", "GET", 3, &Glance::tasks},
      Route{"actions", "POST", 4, &Glance::action},
      Route{"tags", "PUT DELETE", 4, &Glance::tag},
      Route{"members", "GET POST", 3, &Glance::members},
      Route{"members", "GET PUT DELETE", 4, &Glance::members},
  };
  bool known = false;
  for (const Route& route : kRoutes) {
    const bool deep = route.name == "actions" || route.name == "tags";
    if (route.name != call.path[2] || call.path.size() > route.depth ||
        (deep && call.path.size() < 4) || (route.depth == 4 && call.path.size() != 4))
      continue;
    known = true;
    const auto methods = split(route.methods, ' ');
    if (std::find(methods.begin(), methods.end(), call.request.method) != methods.end())
      return (this->*route.handler)(call);
  }
  throw Problem(known ? 405 : 404, "");
}

void Glance::touch(Image& image) {
  image.updated_at = std::chrono::system_clock::now();
  traffic_.changed();
}

Image& Glance::find(const Call& call, const std::string& id, Access access) {
  const auto found = catalogue_.images.find(id);
  const auto visible = [&](const Image& image) {
    return call.caller.admin || !image.owner || call.caller.owns(image) ||
           image.visibility == "public" || image.visibility == "community" ||
           (image.visibility == "shared" && image.members.contains(call.caller.project_id));
  };
  if (found == catalogue_.images.end() || !visible(found->second))
    throw Problem(404, fmt::format("No image found with ID {}", id));
  if (access == Access::kModify && !call.caller.admin && !call.caller.owns(found->second))
    throw Problem(403, "You do not own this image");
  return found->second;
}

}  // namespace glancefs::devcloud
