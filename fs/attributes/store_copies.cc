#include "fs/attributes/store_copies.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "client/http.h"
#include "client/import_state.h"
#include "fs/attributes/image_xattrs.h"
#include "fs/attributes/patches.h"
#include "fs/write/destination.h"
#include "fs/write/import_watch.h"

namespace glancefs::fs {
namespace {

using client::Image;
using Stores = std::vector<std::string>;

Stores stores_of(const Image& image) {
  const std::string* here = client::find_property(image.properties, kStoresKey);
  return here == nullptr ? Stores() : client::split_list(*here);
}

Stores without(const Stores& all, const Stores& some) {
  Stores rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const std::string& store) {
    return std::ranges::find(some, store) == some.end();
  });
  return rest;
}

void check_copyable(const Image& image, client::Images& images, const std::stop_token& stop) {
  if (image.status != client::Status::kActive) {
    throw_errno(EINVAL, "only active images can be copied, and image " + image.id + " is " +
                            image.status_word);
  }
  if (!offers_import(images, "copy-image", stop)) {
    throw_errno(EOPNOTSUPP, "the site offers no copies from store to store (copy-image)");
  }
}

[[noreturn]] void throw_refused_copy(const client::HttpError& error, const std::string& id) {
  if (error.status() != 403) throw error;
  throw client::HttpError(
      error.operation(), error.status(), fmt::format("POST /v2/images/{}/import", id),
      error.message() + "; most sites leave copies to administrators", error.request_id());
}

}  // namespace

/// What is told of a copy, as long as somebody waits for it.
class StoreCopies::News {
 public:
  News(StoreCopies& copies, NodeId node) : copies_(copies), node_(node) { tell("waiting"); }
  ~News() {
    const Lock lock(copies_.mutex_);
    copies_.news_.erase(node_);
  }
  News(const News&) = delete;
  News& operator=(const News&) = delete;

  void tell(const std::string& news) {
    const Lock lock(copies_.mutex_);
    copies_.news_[node_] = "copying: " + news;
  }

 private:
  StoreCopies& copies_;
  const NodeId node_;
};

std::optional<std::string> StoreCopies::progress(NodeId node) const {
  const Lock lock(mutex_);
  const auto found = news_.find(node);
  if (found == news_.end()) return std::nullopt;
  return log::printable(found->second);
}

Image StoreCopies::record(NodeId node, const std::string& id, const std::stop_token& stop) {
  Image image = shown(images_, tree_, id, stop);
  const std::optional<Node> known = tree_.node(node);
  if (known && !known->upload) tree_.put(std::make_shared<const Image>(image));
  return image;
}

void StoreCopies::set(const Node& node, std::string_view list, XattrMode mode,
                      std::stop_token stop) {
  const Stores wanted = client::split_list(list);
  const auto differ = [&](const Stores& here) {
    return !without(wanted, here).empty() || !without(here, wanted).empty();
  };
  const Stores known = stores_of(*node.image);
  check_mode(mode, !known.empty());
  if (!differ(known) && !wanted.empty()) return;
  if (wanted.empty()) {
    throw_errno(EINVAL, "user.glance.stores takes names of stores, separated by commas");
  }
  check_stores(wanted, images_, stop);
  Image image = record(node.id, node.image->id, stop);
  const Stores fresh = without(wanted, stores_of(image));
  if (!fresh.empty()) image = copy(node.id, image, fresh, stop);
  drop(node.id, image, without(stores_of(image), wanted), stop);
}

// The turn is for the order only: the record can be changed while the copy runs.
Image StoreCopies::copy(NodeId node, const Image& image, const Stores& stores,
                        const std::stop_token& stop) {
  check_copyable(image, images_, stop);
  News news(*this, node);
  try {
    const Turns::Turn turn = turns_.take(node, stop);
    images_.copy(image.id, stores, stop);
  } catch (const client::HttpError& error) {
    throw_refused_copy(error, image.id);
  }
  ImportWatch watch({.poll_interval = config_.upload_pause, .patience = config_.import_patience},
                    images_, stores);
  std::optional<Image> now;
  try {
    now = watch.wait(
        image.id, [&](const std::string& text) { news.tell(text); }, stop);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::operation_canceled) throw;
    throw_errno(ECANCELED, fmt::format("stopped waiting; Glance goes on copying image {} to {}",
                                       image.id, fmt::join(stores, ", ")));
  }
  if (!now) throw_errno(ENOENT, "image " + image.id + " was deleted while it was copied");
  tree_.put(std::make_shared<const Image>(*now));
  if (!watch.arrived(*now)) watch.fail(*now, "Glance may still end it", stop);
  return *std::move(now);
}

void StoreCopies::drop(NodeId node, const Image& image, const Stores& stores,
                       const std::stop_token& stop) {
  if (stores.empty()) return;
  const Turns::Turn turn = turns_.take(node, stop);
  for (const std::string& store : stores) {
    try {
      images_.remove_from_store(image.id, store, stop);
    } catch (const client::HttpError& error) {
      // Somebody else has done it; or the image is gone, which the record will show.
      if (error.code().value() != ENOENT) throw;
    }
  }
  record(node, image.id, stop);
}

}  // namespace glancefs::fs
