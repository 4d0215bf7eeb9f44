#include "fs/write/late_changes.h"

#include <algorithm>
#include <variant>

#include "client/change.h"
#include "fs/attributes/member_list.h"
#include "fs/attributes/sharing.h"

namespace glancefs::fs {
namespace {

using client::Change;
using client::Image;

}  // namespace

Image apply_late(client::Images& images, Image image, std::vector<Change> changes,
                 const std::function<void(std::exception_ptr)>& failed,
                 const std::stop_token& stop) {
  const auto attempt = [&](const std::function<void()>& action) {
    try {
      action();
    } catch (...) {
      failed(std::current_exception());
    }
  };
  std::vector<Change> offers;
  std::ranges::copy_if(changes, std::back_inserter(offers),
                       [](const Change& change) { return change.key == kMembersKey; });
  std::erase_if(changes, [&](const Change& change) {
    return change.key == kMembersKey || shows(image, change);
  });
  if (changes.size() > 1) {
    try {
      image = images.update(image.id, changes, stop);
      changes.clear();
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): each for itself, below
    }
  }
  for (const Change& change : changes) {
    attempt([&] { image = images.update(image.id, {change}, stop); });
  }
  for (const Change& offer : offers) {
    if (!offer.value) continue;
    attempt([&] { share_new_image(images, image, std::get<std::string>(*offer.value), stop); });
  }
  return image;
}

}  // namespace glancefs::fs
