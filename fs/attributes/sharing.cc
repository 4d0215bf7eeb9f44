#include "fs/attributes/sharing.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "fs/attributes/image_xattrs.h"
#include "fs/attributes/xattrs.h"
#include "fs/write/upload.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::Images;
using client::Member;
using client::MemberStatus;

void check_shared(const Image& image) {
  if (image.visibility == client::Visibility::kShared) return;
  throw_errno(EINVAL, "only shared images have members, and image " + image.id + " is " +
                          std::string(to_string(image.visibility)) + "; mv it to shared/");
}

const Member* find_member(const std::vector<Member>& members, std::string_view project) {
  const auto found = std::ranges::find(members, project, &Member::project);
  return found == members.end() ? nullptr : &*found;
}

/// What makes members out of members.
struct Plan {
  std::vector<std::string> withdraw, offer;
  std::vector<Member> answer;
};

Plan plan_for(const std::vector<Member>& present, const std::vector<WantedMember>& wanted) {
  Plan plan;
  for (const Member& member : present) {
    const bool stays =
        std::ranges::find(wanted, member.project, &WantedMember::project) != wanted.end();
    if (!stays) plan.withdraw.push_back(member.project);
  }
  for (const WantedMember& member : wanted) {
    const Member* known = find_member(present, member.project);
    if (known == nullptr) plan.offer.push_back(member.project);
    const MemberStatus status = known == nullptr ? MemberStatus::kPending : known->status;
    if (member.status && *member.status != status) {
      plan.answer.push_back({.project = member.project, .status = *member.status});
    }
  }
  return plan;
}

// Glance would say it, too, but not before the rest has been done.
void check_ours(const Plan& plan) {
  if (plan.answer.empty()) return;
  const Member& first = plan.answer.front();
  throw_others_answer(first.project, first.status);
}

void check_offered(const Plan& plan, const std::string& project) {
  const bool others = std::ranges::any_of(
      plan.answer, [&](const Member& member) { return member.project != project; });
  if (plan.withdraw.empty() && plan.offer.empty() && !others) return;
  throw_errno(EPERM, "the image was offered to us: all we can say of it is " + project +
                         "=accepted, =rejected or =pending");
}

/// Does one thing after the other, and remembers which, for whoever hears of the end.
class Steps {
 public:
  /// `done_already` is an error that says so.
  void step(const std::string& what, int done_already, const std::function<void()>& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      if (error.code().value() != done_already || done_already == 0) fail(what, error);
    }
    done_.push_back(what);
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::system_error& error) const {
    if (done_.empty()) throw error;
    throw std::system_error(error.code(), fmt::format("{}; {} was not, but before that it was {}",
                                                      error.what(), what, fmt::join(done_, ", ")));
  }
  std::vector<std::string> done_;
};

// Withdrawn first: that makes room for others, and who is to see it no more does not, whatever
// comes then.
void carry_out(Images& images, const std::string& id, const Plan& plan,
               const std::stop_token& stop) {
  Steps steps;
  for (const std::string& project : plan.withdraw) {
    steps.step("withdrawn from " + log::printable(project), ENODATA,
               [&] { images.withdraw(id, project, stop); });
  }
  for (const std::string& project : plan.offer) {
    steps.step("offered to " + log::printable(project), EEXIST,
               [&] { images.offer(id, project, stop); });
  }
  for (const Member& member : plan.answer) {
    steps.step(
        fmt::format("{} by {}", client::to_string(member.status), log::printable(member.project)),
        0, [&] { images.answer(id, member.project, member.status, stop); });
  }
}

}  // namespace

std::optional<std::string> Sharing::text(NodeId node, std::stop_token stop) const {
  const std::optional<Node> known = tree_.node(node);
  if (!known) return std::nullopt;
  if (known->upload) return field_text(known->upload->image(), kMembersKey);
  if (known->image->visibility != client::Visibility::kShared) return std::nullopt;
  const std::vector<Member> members = images_.members(known->image->id, std::move(stop));
  return members.empty() ? std::nullopt : std::optional(member_list(members));
}

void Sharing::set(const Node& node, std::string_view list, XattrMode mode, std::stop_token stop) {
  const Image& image = *node.image;
  check_shared(image);
  const std::vector<WantedMember> wanted = parse_member_list(list);
  const Turns::Turn turn = turns_.take(node.id, stop);
  const std::vector<Member> present = images_.members(image.id, stop);
  check_mode(mode, !present.empty());
  const Plan plan = plan_for(present, wanted);
  if (!config_.is_admin && node.ours) check_ours(plan);
  if (!config_.is_admin && !node.ours) check_offered(plan, config_.project_id);
  carry_out(images_, image.id, plan, stop);
}

void share_new_image(Images& images, const Image& image, std::string_view list,
                     const std::stop_token& stop) {
  check_shared(image);
  // Where an earlier try came this far, some are members already.
  const std::vector<Member> present = images.members(image.id, stop);
  Plan plan = plan_for(present, parse_member_list(list));
  plan.withdraw.clear();
  carry_out(images, image.id, plan, stop);
}

}  // namespace glancefs::fs
