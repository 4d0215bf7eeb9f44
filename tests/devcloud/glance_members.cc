// Sharing: members of an image.
#include <fmt/format.h>

#include "tests/devcloud/glance.h"

namespace glancefs::devcloud {
namespace {

constexpr std::size_t kMemberQuota = 128;

Json member_json(const Image& image, const std::string& id) {
  const Member& member = image.members.at(id);
  return {{"member_id", id},
          {"image_id", image.id},
          {"status", member.status},
          {"created_at", iso_time(member.created_at)},
          {"updated_at", iso_time(member.updated_at)},
          {"schema", "/v2/schemas/member"}};
}

bool manages(const Caller& caller, const Image& image) {
  return caller.admin || caller.owns(image);
}

}  // namespace

Response Glance::members(Call& call) {
  const std::string& method = call.request.method;
  const bool sends = method == "POST" || method == "PUT";
  const Json body = sends ? json_body(call.exchange) : Json();
  const Lock lock(catalogue_.mutex);
  Image& image = find(call, call.path[1], Access::kSee);
  if (image.visibility != "shared") {
    throw Problem(403, method == "POST"
                           ? "Not allowed to create members for image " + image.id + "."
                           : "Only shared images have members.");
  }
  if (method == "POST") {
    const Json& wanted = member(body, "member");
    if (!wanted.is_string() || wanted.get<std::string>().empty())
      throw Problem(400, "Member can't be empty");
    call.path.push_back(wanted.get<std::string>());
    return add_member(call, image);
  }
  if (call.path.size() == 3) {
    Json rows = Json::array();
    for (const auto& [id, row] : image.members)
      if (manages(call.caller, image) || id == call.caller.project_id)
        rows.push_back(member_json(image, id));
    return json_response({{"members", rows}, {"schema", "/v2/schemas/members"}});
  }
  if (method == "PUT") call.path.push_back(text(body, "status"));
  return one_member(call, image);
}

Response Glance::add_member(Call& call, Image& image) {
  const std::string& id = call.path[3];
  if (!manages(call.caller, image)) throw Problem(403, "You do not own this image");
  if (image.members.contains(id))
    throw Problem(409, fmt::format("The target member {} is already associated with image {}.", id,
                                   image.id));
  if (image.members.size() >= kMemberQuota)
    throw Problem(413, fmt::format("The limit has been exceeded on the number of allowed image "
                                   "members for this image. Attempted: {}, Maximum: {}",
                                   image.members.size() + 1, kMemberQuota));
  const auto now = std::chrono::system_clock::now();
  image.members[id] = Member{"pending", now, now};
  traffic_.changed();
  return json_response(member_json(image, id));
}

Response Glance::one_member(Call& call, Image& image) {
  const std::string& id = call.path[3];
  const bool manager = manages(call.caller, image);
  const auto found = image.members.find(id);
  if (found == image.members.end() || (!manager && id != call.caller.project_id))
    throw Problem(404,
                  fmt::format("{} not found in the member list of the image {}.", id, image.id));
  if (call.request.method == "GET") return json_response(member_json(image, id));
  if (call.request.method == "DELETE") {
    if (!manager) throw Problem(403, "You do not own this image");
    image.members.erase(found);
    traffic_.changed();
    return no_content();
  }
  const std::string& status = call.path[4];
  if (!call.caller.admin && id != call.caller.project_id)
    throw Problem(403, "You are not permitted to modify 'status' on this image member.");
  if (status != "pending" && status != "accepted" && status != "rejected")
    throw Problem(400,
                  "Provided object does not match schema 'member': status is not one of the "
                  "allowed values");
  found->second.status = status;
  found->second.updated_at = std::chrono::system_clock::now();
  traffic_.changed();
  return json_response(member_json(image, id));
}

}  // namespace glancefs::devcloud
