#include "fs/succession.h"

#include <system_error>

#include "fs/names.h"

namespace glancefs::fs {

void Succession::take_name(Upload& upload, client::Image& image, std::stop_token stop) {
  if (upload.replaces().empty()) return;
  const bool hidden = upload.image().hidden;
  if (image.hidden != hidden) {
    image = images_.update(image.id, {{.key = "os_hidden", .value = hidden}}, std::move(stop));
  }
  upload.set_named();
}

void Succession::take_place(Upload& upload, const client::Image& image, std::stop_token stop) {
  const std::string old = upload.replaces();
  if (old.empty()) return;
  const NodeId node = node_of_image(old);
  {
    const Turns::Turn turn = turns_.take(node, stop);
    try {
      removals_.take_place(old, image, std::move(stop));
    } catch (const std::system_error& error) {
      const bool for_good = error.code() == std::errc::permission_denied ||
                            error.code() == std::errc::operation_not_permitted;
      if (!for_good) throw;
      failures_.record("replacing", node, std::current_exception());
    }
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
