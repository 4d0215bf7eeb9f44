// GET /v2/images: who sees what, one page of it, and the useless `next`.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/devcloud/glance.h"
#include "tests/devcloud/image_query.h"

namespace glancefs::devcloud {
namespace {

bool member_sees(const Image& image, const Caller& caller, const std::string& status) {
  if (image.visibility != "shared") return false;
  const auto found = image.members.find(caller.project_id);
  return found != image.members.end() && (status == "all" || found->second.status == status);
}

bool listed(const Image& image, const Caller& caller, const ImageQuery& query) {
  if (image.status == "killed") return false;
  const bool own = caller.owns(image);
  if (!query.visibility) {
    if (image.visibility == "community" && !own) return false;
  } else if (*query.visibility != "all" && image.visibility != *query.visibility) {
    return false;
  }
  return caller.admin || own || image.visibility == "public" || image.visibility == "community" ||
         member_sees(image, caller, query.member_status);
}

// As Python's dict() of the parameters: of a repeated one only the last is left.
std::string link(const Fields& parameters, const std::string* marker) {
  Fields kept;
  for (const auto& [key, value] : parameters) {
    if (key == "marker") continue;
    const auto found = std::find_if(
        kept.begin(), kept.end(),
        [&, name = std::string_view(key)](const auto& field) { return field.first == name; });
    if (found == kept.end())
      kept.emplace_back(key, value);
    else
      found->second = value;
  }
  if (marker != nullptr) kept.emplace_back("marker", *marker);
  std::string query;
  for (const auto& [key, value] : kept)
    query += fmt::format("{}{}={}", query.empty() ? "?" : "&", url_encode(key), url_encode(value));
  return "/v2/images" + query;
}

}  // namespace

Response Glance::list(Call& call) {
  const ImageQuery query = parse_image_query(config_, call.request.query);
  const Lock lock(catalogue_.mutex);
  const Image* marker = nullptr;
  if (query.marker) {
    const auto gone = catalogue_.deleted.find(*query.marker);
    if (gone != catalogue_.deleted.end() && call.caller.admin) {
      marker = &gone->second;
    } else if (!catalogue_.images.contains(*query.marker)) {
      throw Problem(400, fmt::format("No image found with ID {}", *query.marker));
    } else {
      try {
        marker = &find(call, *query.marker, Access::kSee);
      } catch (const Problem&) {
        throw Problem(403, "Forbidden image access");
      }
    }
  }
  std::vector<const Image*> found;
  for (const auto& [id, image] : catalogue_.images)
    if (listed(image, call.caller, query) && query.matches(image) &&
        (marker == nullptr || after_marker(image, *marker, query.order)))
      found.push_back(&image);
  const std::size_t count = std::min(query.limit, found.size());
  std::partial_sort(
      found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(),
      [&](const Image* a, const Image* b) { return comes_before(*a, *b, query.order); });
  found.resize(count);

  Json body{{"images", Json::array()},
            {"first", link(call.request.query, nullptr)},
            {"schema", "/v2/schemas/images"}};
  for (const Image* image : found) body["images"].push_back(record(*image));
  if (count != 0 && count == query.limit)
    body["next"] = link(call.request.query, &found.back()->id);
  return json_response(body);
}

}  // namespace glancefs::devcloud
