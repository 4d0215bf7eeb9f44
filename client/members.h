// Sharing: the projects an image of visibility "shared" has been offered to, and what they say.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace glancefs::client {

/// What a project says to an image that was offered to it. Whatever it says, it can show and
/// download the image by its id; but lists hold only what it has accepted.
enum class MemberStatus { kPending, kAccepted, kRejected };

/// Glance's words for them, and back (nullopt: not such a word).
std::string_view to_string(MemberStatus status);
std::optional<MemberStatus> member_status_of(std::string_view word);

/// A project that an image has been offered to.
struct Member {
  std::string
      project;  ///< its id, or whatever the owner wrote: Glance does not look whether it is one
  MemberStatus status = MemberStatus::kPending;
  bool operator==(const Member&) const = default;
};

/// Thread-safe. Methods block and throw as those of Images; all throw EINVAL when the image is not
/// shared, and ENOENT when it is not there or not ours to see. None of them changes the image's
/// `updated`. Members outlive a change of visibility: they are back when it is shared again.
class Members {
 public:
  virtual ~Members() = default;

  /// All of them, sorted by project, for the owner and for administrators; for a member only
  /// itself.
  virtual std::vector<Member> members(std::string_view id, std::stop_token stop) = 0;
  /// Makes `project` a member, which then is kPending. EEXIST: it is one; EACCES: not our image, or
  /// not shared (here Glance does not tell which); ENOSPC: more than the site allows (128).
  virtual void offer(std::string_view id, std::string_view project, std::stop_token stop) = 0;
  /// It is no member any more. ENODATA: it was none; EACCES: not our image, and members cannot
  /// leave by themselves.
  virtual void withdraw(std::string_view id, std::string_view project, std::stop_token stop) = 0;
  /// What `project` says from now on; only it may, and administrators: EACCES for the owner.
  /// ENODATA: it is no member.
  virtual void answer(std::string_view id, std::string_view project, MemberStatus status,
                      std::stop_token stop) = 0;
};

}  // namespace glancefs::client
