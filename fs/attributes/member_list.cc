#include "fs/attributes/member_list.h"

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"
#include "fs/catalogue/names.h"

namespace glancefs::fs {
namespace {

using client::Member;
using client::MemberStatus;

constexpr std::size_t kNowhere = std::string::npos;

void add_escaped(std::string& text, std::string_view project) {
  for (const char c : project) {
    if (c == ',' || c == '=' || c == '\\') text += '\\';
    text += c;
  }
}

// One item, unescaped, and where its last '=' was.
struct Item {
  std::string text;
  std::size_t equals = kNowhere;
};

std::vector<Item> split_items(std::string_view text) {
  std::vector<Item> items(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      items.emplace_back();
      continue;
    }
    Item& item = items.back();
    if (text[i] == '=') item.equals = item.text.size();
    const bool escaped = text[i] == '\\' && i + 1 < text.size();
    item.text += text[escaped ? ++i : i];
  }
  return items;
}

WantedMember member_of(const Item& item) {
  WantedMember member{.project = item.text.substr(0, item.equals), .status = std::nullopt};
  if (item.equals != kNowhere) {
    const std::string word = item.text.substr(item.equals + 1);
    member.status = client::member_status_of(word);
    if (!member.status) {
      throw_errno(EINVAL, "a member is pending, accepted or rejected, not " + log::printable(word));
    }
  }
  const int error = check_new_name(member.project);
  if (error == EILSEQ) throw_errno(EILSEQ, "Glance takes no such project");
  if (member.project.empty() || error == ENAMETOOLONG) {
    throw_errno(EINVAL, "user.glance.members takes ids of projects, separated by commas");
  }
  return member;
}

}  // namespace

std::string member_list(const std::vector<Member>& members) {
  std::string text;
  for (const Member& member : members) {
    if (!text.empty()) text += ',';
    add_escaped(text, member.project);
    text.append("=").append(client::to_string(member.status));
  }
  return text;
}

std::vector<WantedMember> parse_member_list(std::string_view text) {
  std::vector<WantedMember> members;
  if (text.empty()) return members;
  for (const Item& item : split_items(text)) {
    WantedMember member = member_of(item);
    const auto same = std::ranges::find(members, member.project, &WantedMember::project);
    if (same == members.end()) {
      members.push_back(std::move(member));
    } else if (!same->status) {
      same->status = member.status;
    } else if (member.status && member.status != same->status) {
      throw_errno(EINVAL, "project " + log::printable(member.project) + " has two statuses");
    }
  }
  std::ranges::sort(members, {}, &WantedMember::project);
  return members;
}

void throw_others_answer(const std::string& project, MemberStatus status) {
  throw_errno(EPERM, "only project " + log::printable(project) + " can say that it is " +
                         std::string(client::to_string(status)));
}

std::string members_of_file(const client::Image& image, std::string_view text) {
  const std::vector<WantedMember> members = parse_member_list(text);
  if (!members.empty() && image.visibility != client::Visibility::kShared) {
    throw_errno(EINVAL, "only shared images have members; mv it to shared/");
  }
  std::string list;
  for (const WantedMember& member : members) {
    if (member.status.value_or(MemberStatus::kPending) != MemberStatus::kPending) {
      throw_others_answer(member.project, *member.status);
    }
    if (!list.empty()) list += ',';
    add_escaped(list, member.project);
  }
  return list;
}

}  // namespace glancefs::fs
