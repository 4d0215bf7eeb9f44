#include "fs/attributes/image_xattrs.h"

#include <fmt/format.h>

#include "base/fd.h"
#include "client/import_state.h"
#include "fs/attributes/member_list.h"
#include "fs/attributes/property_rules.h"
#include "fs/attributes/xattrs.h"
#include "fs/write/destination.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kStatusKey = "status";
constexpr std::string_view kActive = "active", kDeactivated = "deactivated";
// A file may become an image while something is set on it, and be filled again by somebody else.
constexpr int kRounds = 3;

using client::Change;
using client::Image;

std::string_view key_of_xattr(std::string_view name) {
  if (!name.starts_with(kXattrPrefix)) {
    throw_errno(ENOTSUP, "only user.glance.* attributes can be set");
  }
  return name.substr(kXattrPrefix.size());
}

// Of a file being written they say where it shall go. Refused here, a program that copies
// attributes can go on without them.
Change stores_change(client::Images& images, std::string_view value, const std::stop_token& stop) {
  Destination destination{.import = false, .stores = client::split_list(value)};
  if (destination.stores.empty()) {
    throw_errno(EINVAL, "user.glance.stores takes names of stores, separated by commas");
  }
  check_destination(destination, images, stop);
  return {.key = std::string(kStoresKey),
          .value = fmt::format("{}", fmt::join(destination.stores, ","))};
}

// A copy of an image is called and lies where the copying program has put it, also when that copies
// attributes. During the upload mv cannot be had, and nobody copies any more.
void check_place(const Upload& upload, std::string_view key) {
  if ((key != "name" && key != "visibility") || upload.state() == Upload::State::kUploading) return;
  throw_errno(EPERM, fmt::format("user.glance.{} follows the path of a file that is not at Glance "
                                 "yet: mv it",
                                 key));
}

[[noreturn]] void throw_restless() {
  throw_errno(EBUSY, "the file is being written and uploaded again and again");
}

}  // namespace

void check_mode(XattrMode mode, bool exists) {
  if (exists && mode == XattrMode::kCreate) throw_errno(EEXIST, "the attribute exists");
  if (!exists && mode == XattrMode::kReplace) throw_errno(ENODATA, "no such attribute");
}

void ImageXattrs::set(NodeId node, std::string_view name, std::string_view value, XattrMode mode,
                      std::stop_token stop) {
  const std::string_view key = key_of_xattr(name);
  for (int round = 0; round < kRounds; ++round) {
    const Node known = changeable(config_, tree_, node);
    const bool done = known.upload ? set_on_file(known, key, value, mode, stop)
                                   : set_on_image(known, key, value, mode, stop);
    if (done) return;
  }
  throw_restless();
}

bool ImageXattrs::set_on_image(const Node& node, std::string_view key, std::string_view value,
                               XattrMode mode, const std::stop_token& stop) {
  if (key == kMembersKey) {
    sharing_.set(node, value, mode, stop);
    return true;
  }
  if (key == kStoresKey) {
    copies_.set(node, value, mode, stop);
    return true;
  }
  if (key == kStatusKey) {
    set_status(node.id, std::string(value), mode, stop);
    return true;
  }
  const auto rules = rules_for(key, stop);
  const auto wanted = [&](const Image& image) -> std::vector<Change> {
    if (mode != XattrMode::kSet) check_mode(mode, field_text(image, key).has_value());
    const std::optional<Change> change = set_change(image, key, value);
    if (!change) return {};
    if (rules) rules->check(key, value);
    return {*change};
  };
  const auto record = mode == XattrMode::kSet ? Patches::Record::kKnown : Patches::Record::kFresh;
  return patches_.apply(node.id, record, wanted, stop);
}

// Before the turn is taken: to ask the site for them takes a while.
std::shared_ptr<const PropertyRules> ImageXattrs::rules_for(std::string_view key,
                                                            const std::stop_token& stop) {
  return kind_of(key) == KeyKind::kCustom ? checks_.rules(stop) : nullptr;
}

void ImageXattrs::remove(NodeId node, std::string_view name, std::stop_token stop) {
  const std::string_view key = key_of_xattr(name);
  const auto wanted = [&](const Image& image) -> std::vector<Change> {
    return {remove_change(image, key)};
  };
  for (int round = 0; round < kRounds; ++round) {
    const Node known = changeable(config_, tree_, node);
    if (known.upload) {
      if (remove_from_file(known, key, stop)) return;
      continue;
    }
    if (key == kMembersKey) return sharing_.set(known, {}, XattrMode::kReplace, stop);
    if (patches_.apply(node, Patches::Record::kKnown, wanted, stop)) return;
  }
  throw_restless();
}

bool ImageXattrs::set_on_file(const Node& node, std::string_view key, std::string_view value,
                              XattrMode mode, const std::stop_token& stop) {
  const auto rules = rules_for(key, stop);
  const Turns::Turn turn = turns_.take(node.id, stop);
  const Image image = node.upload->image();
  if (mode != XattrMode::kSet) check_mode(mode, field_text(image, key).has_value());
  if (key == kMembersKey) {
    const std::string list = members_of_file(image, value);
    const Change change{.key = std::string(key),
                        .value = list.empty() ? std::nullopt : std::optional<client::Value>(list)};
    return apply_to_file(node, change, list);
  }
  if (key == kStoresKey) {
    const Change change = stores_change(images_, value, stop);
    return apply_to_file(node, change, std::get<std::string>(*change.value));
  }
  const std::optional<Change> change = set_change(image, key, value);
  if (!change) return true;
  check_place(*node.upload, key);
  uploads_.formats().check_word(key, value);
  if (rules) rules->check(key, value);
  return apply_to_file(node, *change, value);
}

bool ImageXattrs::remove_from_file(const Node& node, std::string_view key,
                                   const std::stop_token& stop) {
  const Turns::Turn turn = turns_.take(node.id, stop);
  Image image = node.upload->image();
  const bool ours = (key == kStoresKey || key == kMembersKey) && field_text(image, key);
  const Change change =
      ours ? Change{.key = std::string(key), .value = {}} : remove_change(image, key);
  if (!ours && !change.value) remove_from_filled(*node.upload, change, stop);
  apply_change(image, change);
  return apply_to_file(node, change, field_text(image, key).value_or(""));
}

// The journal keeps what was set. What somebody else's queued image has must go there and then.
void ImageXattrs::remove_from_filled(const Upload& upload, const Change& change,
                                     const std::stop_token& stop) {
  if (!upload.found() || upload.state() == Upload::State::kUploading) return;
  try {
    images_.update(upload.id(), {change}, stop);
  } catch (const client::HttpError& error) {
    // It was only set here, or the image is gone.
    if (error.status() != 409 && error.status() != 404) throw;
  }
}

bool ImageXattrs::apply_to_file(const Node& node, const Change& change, std::string_view text) {
  if (!node.upload->apply(change, change.key, text)) return false;
  // Whoever sets something on a file that was refused is putting right what it was refused for.
  if (node.upload->state() == Upload::State::kFailed) uploads_.publish_later(node.upload);
  return true;
}

void ImageXattrs::set_status(NodeId node, const std::string& word, XattrMode mode,
                             const std::stop_token& stop) {
  check_mode(mode, true);
  const Turns::Turn turn = turns_.take(node, stop);
  const Node known = changeable(config_, tree_, node);
  const std::string& id = known.image->id;
  if (field_text(*known.image, kStatusKey) == word) return;
  if (word != kActive && word != kDeactivated) {
    throw_errno(EINVAL,
                "user.glance.status takes active and deactivated; the rest is decided by Glance");
  }
  images_.set_active(id, word == kActive, stop);
  if (std::optional<Image> now = images_.show(id, stop)) {
    tree_.put(std::make_shared<const Image>(*std::move(now)));
  }
}

}  // namespace glancefs::fs
