#include "fs/write/removals.h"

#include "base/fd.h"
#include "base/log.h"
#include "fs/catalogue/names.h"
#include "fs/read/blocks.h"
#include "fs/write/unfinished.h"
#include "fs/write/upload.h"

namespace glancefs::fs {

using client::Image;
using client::Status;

void Removals::check_replaceable(const Node& node) const {
  const Image& image = *node.image;
  if (!node.ours) {
    throw_errno(EACCES, "image " + image.id + " belongs to project " + image.owner);
  }
  if (node.upload || is_being_written(image)) {
    throw_errno(EBUSY, "the file of this name is not complete at Glance yet");
  }
  if (image.status != Status::kActive) {
    throw_errno(EPERM, "image " + image.id + " is " + image.status_word + ", it is not replaced");
  }
  if (image.is_protected) {
    throw_errno(EPERM, "image " + image.id + " is protected, it is not replaced");
  }
  const auto holder =
      tree_.find(tree_.directories().home(image), escape_name(image.name.value_or("")));
  const bool has_name = holder && (holder->id == node.id ||
                                   (holder->upload && holder->upload->replaces() == image.id));
  if (!has_name) {
    throw_errno(EPERM, "image " + image.id + " is not what its name leads to, it is not replaced");
  }
}

void Removals::remove(const Image& image, std::stop_token stop) {
  try {
    images_.remove(image.id, std::move(stop));
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) tree_.erase(image.id);
    throw;
  }
  gone_(image.id);
  tree_.erase(image.id);
  // Whoever has it open keeps what is here.
  store_.drop(cache_key(config_.endpoint, image).source);
}

void Removals::hide(const std::string& id, std::stop_token stop) {
  Image hidden = images_.update(id, {{.key = "os_hidden", .value = true}}, std::move(stop));
  tree_.put(std::make_shared<const Image>(std::move(hidden)));
}

void Removals::take_place(const std::string& id, const Image& heir, std::stop_token stop) {
  const std::optional<Image> old = images_.show(id, stop);
  if (!old) return tree_.erase(id);
  if (old->hidden || old->name != heir.name || old->visibility != heir.visibility) {
    log::info("image {} has got another place meanwhile, image {} leaves it alone", id, heir.id);
    return tree_.put(std::make_shared<const Image>(*old));
  }
  if (old->is_protected) {
    throw_errno(EPERM,
                "image " + id + " has been protected meanwhile, it stays beside the new one");
  }
  try {
    retire(*old, std::move(stop));
  } catch (...) {
    if (!has_left(id)) throw;
  }
}

void Removals::retire(const Image& old, std::stop_token stop) {
  if (config_.replaced == Replaced::kHide) return hide(old.id, std::move(stop));
  try {
    remove(old, stop);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::device_or_resource_busy) throw;
    log::info("image {} is in use, it is hidden instead of deleted: {}", old.id, error.what());
    hide(old.id, std::move(stop));
  }
}

// An answer may have been lost although all went well.
bool Removals::has_left(const std::string& id) noexcept {
  try {
    const std::optional<Image> now = images_.show(id, {});
    if (!now) tree_.erase(id);
    if (now && now->hidden) tree_.put(std::make_shared<const Image>(*now));
    return !now || now->hidden;
  } catch (const std::exception& error) {
    log::debug("what became of image {}: {}", id, error.what());
    return false;
  }
}

}  // namespace glancefs::fs
