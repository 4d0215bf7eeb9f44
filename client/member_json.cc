#include "client/member_json.h"

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
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

std::string offer_json(std::string_view project) {
  try {
    return json{{"member", project}}.dump();
  } catch (const json::type_error&) {
    throw_errno(EILSEQ, "a text for Glance must be UTF-8");
  }
}

std::string answer_json(MemberStatus status) { return json{{"status", to_string(status)}}.dump(); }

}  // namespace glancefs::client
