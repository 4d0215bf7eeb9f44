// Members of images as Glance writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/members.h"

namespace glancefs::client {

/// The members in `text`, sorted by project; nullopt when it is not JSON of that shape. Rows that
/// make no sense (no project, a status that is no word of Glance's) are left out.
std::optional<std::vector<Member>> parse_members(std::string_view text);

/// The body that makes `project` a member. Throws system_error(EILSEQ) when it is not UTF-8.
std::string offer_json(std::string_view project);
/// The body that changes what a member says.
std::string answer_json(MemberStatus status);

}  // namespace glancefs::client
