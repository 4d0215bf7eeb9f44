// Sharing.
#include "client/glance.h"
#include "client/glance_request.h"
#include "client/member_json.h"
#include "client/url_text.h"

namespace glancefs::client {
namespace {

std::string members_path(std::string_view id) { return image_path(id) + "/members"; }

std::string member_path(std::string_view id, std::string_view project) {
  return members_path(id) + "/" + url_encoded(project);
}

}  // namespace

std::vector<Member> Glance::members(std::string_view id, std::stop_token stop) {
  const std::string path = members_path(id);
  const Response answer = session_.call(request_for("GET", path), Operation::kAction, true, nullptr,
                                        nullptr, std::move(stop));
  auto members = parse_members(answer.body);
  if (!members) not_as_asked(Operation::kAction, "GET " + path, answer, "not a list of members");
  return *std::move(members);
}

void Glance::offer(std::string_view id, std::string_view project, std::stop_token stop) {
  // Twice is a conflict.
  session_.call(json_request("POST", members_path(id), offer_json(project)), Operation::kAction,
                false, nullptr, nullptr, std::move(stop));
}

void Glance::withdraw(std::string_view id, std::string_view project, std::stop_token stop) {
  session_.call(request_for("DELETE", member_path(id, project)), Operation::kAction, false, nullptr,
                nullptr, std::move(stop));
}

void Glance::answer(std::string_view id, std::string_view project, MemberStatus status,
                    std::stop_token stop) {
  session_.call(json_request("PUT", member_path(id, project), answer_json(status)),
                Operation::kAction, true, nullptr, nullptr, std::move(stop));
}

}  // namespace glancefs::client
