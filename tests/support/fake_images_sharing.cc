// Members, actions and definitions of FakeImages.
#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "client/import_state.h"
#include "tests/support/fake_images.h"
#include "tests/support/fake_images_internal.h"

namespace glancefs::test {

using client::Image;
using client::Member;
using client::MemberStatus;
using client::Operation;
using client::Status;

void FakeImages::set_member(const std::string& id, const std::string& project,
                            MemberStatus status) {
  const Lock lock(mutex_);
  records_.at(id).members[project] = status;
}

void FakeImages::set_definitions(std::vector<client::PropertyDefinition> definitions) {
  const Lock lock(mutex_);
  definitions_ = std::move(definitions);
}

void FakeImages::set_active(std::string_view id, bool active, std::stop_token stop) {
  Passage passage(*this, Call::kAction, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Image& image = own(Operation::kAction, id, "POST").image;
  if (image.status != Status::kActive && image.status != Status::kDeactivated) {
    refuse(Operation::kAction, 403, "POST",
           "Not allowed to deactivate image in status '" + image.status_word + "'");
  }
  set_status(image, active ? Status::kActive : Status::kDeactivated);
  image.updated = tick();
}

void FakeImages::remove_from_store(std::string_view id, std::string_view store,
                                   std::stop_token stop) {
  Passage passage(*this, Call::kAction, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Image& image = own(Operation::kAction, id, "DELETE").image;
  const std::string* here = client::find_property(image.properties, "stores");
  auto stores = here == nullptr ? std::vector<std::string>() : client::split_list(*here);
  if (stores.size() == 1) {
    refuse(Operation::kAction, 403, "DELETE",
           "Cannot delete image data from the only store containing it.");
  }
  if (std::erase(stores, store) == 0) {
    refuse(Operation::kAction, 404, "DELETE", "Image is not stored on " + std::string(store));
  }
  set_own(image, "stores", fmt::format("{}", fmt::join(stores, ",")));
  image.updated = tick();
}

FakeImages::Record& FakeImages::shared(std::string_view id, std::string_view request) {
  const auto found = records_.find(id);
  if (found == records_.end() || !may_see(found->second)) {
    refuse(Operation::kAction, 404, request, "No image found with ID " + std::string(id));
  }
  if (found->second.image.visibility != client::Visibility::kShared) {
    refuse(Operation::kAction, 403, request,
           request == "POST" ? "Not allowed to create members for image " + std::string(id)
                             : "Only shared images have members.");
  }
  return found->second;
}

std::vector<Member> FakeImages::members(std::string_view id, std::stop_token stop) {
  Passage passage(*this, Call::kMembers, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  const Record& record = shared(id, "GET");
  std::vector<Member> members;
  for (const auto& [project, status] : record.members) {
    if (admin_ || record.image.owner == project_ || project == project_) {
      members.push_back({.project = project, .status = status});
    }
  }
  return members;
}

void FakeImages::offer(std::string_view id, std::string_view project, std::stop_token stop) {
  constexpr std::size_t kMost = 128;
  Passage passage(*this, Call::kMembers, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = shared(id, "POST");
  static_cast<void>(own(Operation::kAction, id, "POST"));
  if (record.members.contains(project)) {
    refuse(Operation::kAction, 409, "POST", "The target member is already associated with image");
  }
  if (record.members.size() >= kMost) {
    refuse(Operation::kAction, 413, "POST",
           "The limit has been exceeded on the number of allowed image members for this image.");
  }
  record.members.emplace(project, MemberStatus::kPending);
}

void FakeImages::withdraw(std::string_view id, std::string_view project, std::stop_token stop) {
  Passage passage(*this, Call::kMembers, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = shared(id, "DELETE");
  static_cast<void>(own(Operation::kAction, id, "DELETE"));
  const auto found = record.members.find(project);
  if (found == record.members.end()) {
    refuse(Operation::kAction, 404, "DELETE", "not found in the member list of the image");
  }
  record.members.erase(found);
}

void FakeImages::answer(std::string_view id, std::string_view project, MemberStatus status,
                        std::stop_token stop) {
  Passage passage(*this, Call::kMembers, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = shared(id, "PUT");
  const auto found = record.members.find(project);
  const bool sees = admin_ || record.image.owner == project_ || project == project_;
  if (found == record.members.end() || !sees) {
    refuse(Operation::kAction, 404, "PUT", "not found in the member list of the image");
  }
  if (!admin_ && project != project_) {
    refuse(Operation::kAction, 403, "PUT",
           "You are not permitted to modify 'status' on this image member.");
  }
  found->second = status;
}

std::vector<client::PropertyDefinition> FakeImages::definitions(std::stop_token stop) {
  Passage passage(*this, Call::kDefinitions, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  return definitions_;
}

}  // namespace glancefs::test
