#include "client/members.h"

#include <algorithm>
#include <array>
#include <utility>

namespace glancefs::client {
namespace {

constexpr std::array<std::pair<MemberStatus, std::string_view>, 3> kStatuses{{
    {MemberStatus::kPending, "pending"},
    {MemberStatus::kAccepted, "accepted"},
    {MemberStatus::kRejected, "rejected"},
}};

}  // namespace

std::string_view to_string(MemberStatus status) {
  return std::ranges::find(kStatuses, status, &std::pair<MemberStatus, std::string_view>::first)
      ->second;
}

std::optional<MemberStatus> member_status_of(std::string_view word) {
  for (const auto& [status, known] : kStatuses) {
    if (known == word) return status;
  }
  return std::nullopt;
}

}  // namespace glancefs::client
