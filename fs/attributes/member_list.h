// The members of an image as one line of text, PROJECT=status,…, and back. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"
#include "client/members.h"

namespace glancefs::fs {

/// The attribute user.glance.members, without its prefix.
inline constexpr std::string_view kMembersKey = "members";

/// What somebody wants to be true of a project.
struct WantedMember {
  std::string project;
  std::optional<client::MemberStatus> status;  ///< absent: whatever it says
  bool operator==(const WantedMember&) const = default;
};

/// "P=accepted,Q=pending", in the order given; '\' before a comma, an equals sign or a backslash in
/// a project's name.
std::string member_list(const std::vector<client::Member>& members);

/// The members that `text` names, sorted by project, each once; "=status" may be left out. Throws
/// system_error: EINVAL (an empty or too long name, an unknown status, a project with two of them),
/// EILSEQ.
std::vector<WantedMember> parse_member_list(std::string_view text);

/// Throws EPERM: `status` is for `project` to give, and it is another's.
[[noreturn]] void throw_others_answer(const std::string& project, client::MemberStatus status);

/// `text` as it is remembered of `image`, a file being written; empty: nobody. Throws
/// system_error: as parse_member_list, EINVAL (not to be shared), EPERM (a status that only the
/// project itself can give).
std::string members_of_file(const client::Image& image, std::string_view text);

}  // namespace glancefs::fs
