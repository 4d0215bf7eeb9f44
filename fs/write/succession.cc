#include "fs/write/succession.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "fs/catalogue/names.h"

namespace glancefs::fs {

template <typename Action>
void Succession::unless_refused(const std::string& id, Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const std::system_error& error) {
    const bool for_good = error.code() == std::errc::permission_denied ||
                          error.code() == std::errc::operation_not_permitted;
    if (!for_good) throw;
    failures_.record("replacing", node_of_image(id), std::current_exception(), id);
  }
}

void Succession::take_name(Upload& upload, client::Image& image, std::stop_token stop) {
  const std::string old = upload.replaces();
  if (old.empty()) return;
  if (image.visibility == client::Visibility::kShared) {
    unless_refused(image.id, [&] { offer_to_members(old, image, stop); });
  }
  const bool hidden = upload.image().hidden;
  if (image.hidden != hidden) {
    image = images_.update(image.id, {{.key = "os_hidden", .value = hidden}}, std::move(stop));
  }
  upload.set_named();
}

// They see it in their lists once they have accepted it: that is theirs to say.
void Succession::offer_to_members(const std::string& old, const client::Image& image,
                                  const std::stop_token& stop) {
  const auto before = images_.show(old, stop);
  if (!before || before->visibility != client::Visibility::kShared) return;
  const std::vector<client::Member> there = images_.members(image.id, stop);
  for (const client::Member& member : images_.members(old, stop)) {
    const auto is_it = [&](const client::Member& other) { return other.project == member.project; };
    if (std::ranges::none_of(there, is_it)) images_.offer(image.id, member.project, stop);
  }
}

void Succession::take_place(Upload& upload, const client::Image& image, std::stop_token stop) {
  const std::string old = upload.replaces();
  if (old.empty()) return;
  {
    const Turns::Turn turn = turns_.take(node_of_image(old), stop);
    unless_refused(old, [&] { removals_.take_place(old, image, std::move(stop)); });
  }
  upload.forget_replaced();
}

bool Succession::is_surpassed(const Upload& upload) const {
  const Upload::Place place = upload.place();
  if (place.replaces.empty()) return false;
  const auto holder = tree_.find(directory_of(place.visibility), escape_name(place.name));
  return holder && holder->ours && holder->image->id != upload.id() &&
         holder->image->id != place.replaces;
}

void Succession::step_behind(const Upload& upload) {
  if (!upload.replaces().empty() && !upload.named()) tree_.set_behind(upload.id(), true);
}

}  // namespace glancefs::fs
