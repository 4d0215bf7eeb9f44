// The calls of client::Images on FakeImages.
#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "tests/support/fake_images.h"
#include "tests/support/fake_images_internal.h"

namespace glancefs::test {

using client::ByteRange;
using client::Change;
using client::Image;
using client::Operation;
using client::Status;

void FakeImages::give(Passage& passage, const Bytes& data, ByteRange range, int status,
                      client::Sink& sink) {
  client::Response head;
  head.status = status;
  head.headers.add("Content-Length", std::to_string(range.length));
  sink.begin(head);
  const auto all = std::as_bytes(std::span(*data)).subspan(range.offset, range.length);
  for (std::size_t at = 0; at < all.size();) {
    passage.at(at);
    const std::size_t size = std::min(all.size() - at, passage.until_stop(at));
    sink.write(all.subspan(at, size));
    at += size;
  }
  passage.at(all.size());
}

void FakeImages::list(const client::ListQuery& query, const std::function<void(Image&&)>& each,
                      std::stop_token stop) {
  Passage passage(*this, Call::kList, stop);
  passage.at(0);
  for (Image& image : matching(query)) {
    if (stop.stop_requested()) throw_errno(ECANCELED, "list");
    each(std::move(image));
  }
}

std::optional<Image> FakeImages::show(std::string_view id, std::stop_token stop) {
  Passage passage(*this, Call::kShow, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  const auto found = records_.find(id);
  if (found == records_.end() || !may_see(found->second)) return std::nullopt;
  advance_import(found->second);
  return found->second.image;
}

client::Delivery FakeImages::download(const Image& image, ByteRange range, client::Sink& sink,
                                      std::stop_token stop) {
  Passage passage(*this, Call::kDownload, std::move(stop));
  bool refused = false;
  const bool all = range.length == image.size;
  {
    const Lock lock(mutex_);
    ranges_[image.id].push_back(range);
    refused = ranges_refused_ && !all;
    if (ranges_lie_) range.offset = 0;
  }
  passage.at(0);
  if (refused) return client::Delivery::kRangesRefused;
  const Bytes data = content(image.id);
  if (data->size() != image.size || range.offset + range.length > data->size()) {
    refuse(Operation::kDownload, 416, "GET file", "not that range");
  }
  give(passage, data, range, 206, sink);
  return client::Delivery::kComplete;
}

void FakeImages::stream(const Image& image, client::Sink& sink, std::stop_token stop) {
  Passage passage(*this, Call::kStream, std::move(stop));
  passage.at(0);
  const Bytes data = content(image.id);
  give(passage, data, {.offset = 0, .length = data->size()}, 200, sink);
  if (data->size() != image.size) throw_errno(EIO, "the data is not as long as the record says");
}

Image FakeImages::create(const client::Draft& draft, std::stop_token stop) {
  Passage passage(*this, Call::kCreate, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  const auto old = records_.find(draft.id);
  if (old != records_.end() && old->second.image.status == Status::kQueued &&
      old->second.image.owner == project_ && old->second.image.name == draft.name) {
    return old->second.image;
  }
  if (used_ids_.contains(draft.id)) refuse(Operation::kCreate, 409, "POST", "id exists");
  Image image;
  image.id = draft.id;
  image.name = draft.name;
  image.owner = project_;
  if (!draft.disk_format.empty()) image.disk_format = draft.disk_format;
  if (!draft.container_format.empty()) image.container_format = draft.container_format;
  set_status(image, Status::kQueued);
  set_visibility(Operation::kCreate, image, draft.visibility);
  for (const Change& change : draft.fields) apply(Operation::kCreate, image, change);
  image.created = image.updated = tick();
  used_ids_.insert(image.id);
  records_[image.id] = {.image = image, .data = nullptr};
  return image;
}

std::string FakeImages::receive(Passage& passage, const std::string& id, client::Source& data) {
  std::string bytes;
  try {
    std::vector<std::byte> piece(kPiece);
    for (bool more = true; more;) {
      passage.at(bytes.size());
      const std::size_t room = passage.until_stop(bytes.size());
      const std::size_t size = data.read(std::span(piece).first(room));
      bytes.append(reinterpret_cast<const char*>(piece.data()), size);
      more = size > 0;
    }
    if (bytes.size() != data.size()) throw_errno(EIO, "the source gave another size");
  } catch (...) {
    abort_upload(id);
    throw;
  }
  return bytes;
}

void FakeImages::upload(std::string_view id, client::Source& data, std::string_view store,
                        std::stop_token stop) {
  Passage passage(*this, Call::kUpload, std::move(stop));
  const std::string key(id);
  {
    const Lock lock(mutex_);
    check_store(Operation::kUpload, 400, store);
  }
  begin_upload(key, Status::kSaving);
  finish_upload(key, receive(passage, key, data), store);
}

Image FakeImages::update(std::string_view id, const std::vector<Change>& changes,
                         std::stop_token stop) {
  Passage passage(*this, Call::kUpdate, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  Record& record = own(Operation::kUpdate, id, "PATCH");
  Image image = record.image;
  for (const Change& change : changes) apply(Operation::kUpdate, image, change);
  if (!changes.empty()) image.updated = tick();
  record.image = image;
  return image;
}

void FakeImages::remove(std::string_view id, std::stop_token stop) {
  Passage passage(*this, Call::kRemove, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  if (own(Operation::kRemove, id, "DELETE").image.is_protected) {
    refuse(Operation::kRemove, 403, "DELETE", "Image is protected and cannot be deleted.");
  }
  records_.erase(std::string(id));
}

client::Quota FakeImages::quota(std::stop_token stop) {
  Passage passage(*this, Call::kQuota, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  return quota_;
}

client::Site FakeImages::site(std::stop_token stop) {
  Passage passage(*this, Call::kSite, std::move(stop));
  passage.at(0);
  const Lock lock(mutex_);
  return site_;
}

}  // namespace glancefs::test
