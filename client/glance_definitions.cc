// The metadata definitions catalogue.
#include "client/definition_json.h"
#include "client/glance.h"
#include "client/glance_request.h"
#include "client/url_text.h"

namespace glancefs::client {
namespace {

constexpr std::string_view kNamespaces = "/v2/metadefs/namespaces";
// Only with the resource type are properties called as images call them: with their prefix.
constexpr std::string_view kForImages = "OS::Glance::Image";
// Glance itself brings some thirty. A server that goes on for ever must not fill the memory.
constexpr std::size_t kMostNamespaces = 1000;

// nullopt: there is no such catalogue.
std::optional<std::vector<std::string>> list_namespaces(Session& session,
                                                        const std::stop_token& stop) {
  std::vector<std::string> names;
  for (bool more = true; more && names.size() < kMostNamespaces;) {
    std::string path =
        std::string(kNamespaces) + "?limit=100&resource_types=" + url_encoded(kForImages);
    if (!names.empty()) path += "&marker=" + url_encoded(names.back());
    const auto answer = optional_answer(session, path, stop);
    if (!answer) return std::nullopt;
    const auto page = parse_namespaces(answer->body);
    if (!page) not_as_asked(Operation::kOther, "GET " + path, *answer, "not a list of namespaces");
    names.insert(names.end(), page->names.begin(), page->names.end());
    more = page->has_next && !page->names.empty();
  }
  return names;
}

}  // namespace

std::vector<PropertyDefinition> Glance::definitions(std::stop_token stop) {
  std::vector<PropertyDefinition> all;
  const auto names = list_namespaces(session_, stop);
  if (!names) return all;
  for (const std::string& name : *names) {
    const std::string path = std::string(kNamespaces) + "/" + url_encoded(name) +
                             "?resource_type=" + url_encoded(kForImages);
    const auto answer = optional_answer(session_, path, stop);
    if (!answer) continue;  // deleted meanwhile
    const auto found = parse_namespace(answer->body);
    if (!found) not_as_asked(Operation::kOther, "GET " + path, *answer, "not a namespace");
    all.insert(all.end(), found->begin(), found->end());
  }
  return all;
}

}  // namespace glancefs::client
