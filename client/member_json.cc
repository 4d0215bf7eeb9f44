#include "client/member_json.h"

#include <algorithm>

#include "client/bounded_json.h"

namespace glancefs::client {

using nlohmann::json;

std::optional<std::vector<Member>> parse_members(std::string_view text) {
  const auto document = parse_bounded(text);
  if (!document) return std::nullopt;
  const json& rows = member(*document, "members");
  if (!rows.is_array()) return std::nullopt;
  std::vector<Member> members;
  for (const json& row : rows) {
    auto project = text_at(row, "member_id");
    const auto status = member_status_of(text_at(row, "status").value_or(std::string()));
    if (project && !project->empty() && status) members.push_back({*std::move(project), *status});
  }
  std::ranges::sort(members, {}, &Member::project);
  return members;
}

std::string offer_json(std::string_view project) { return written({{"member", project}}); }

std::string answer_json(MemberStatus status) { return written({{"status", to_string(status)}}); }

}  // namespace glancefs::client
