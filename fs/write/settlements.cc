#include "fs/write/settlements.h"

#include <algorithm>
#include <chrono>

#include "base/fd.h"
#include "base/log.h"
#include "fs/read/blocks.h"
#include "fs/waker.h"

namespace glancefs::fs {
namespace {

// How long readers wait for a writer who does not let go.
constexpr std::chrono::seconds kPatience{1};

}  // namespace

void Settlements::expect(const UploadPtr& upload) {
  const Lock lock(mutex_);
  open_[upload.get()] = upload;
}

void Settlements::settle(const UploadPtr& upload, const std::stop_token& ending) {
  if (upload->shared() && upload->has_writers()) return;
  if (!upload->claim_settling()) return;
  try {
    finish(upload, ending);
  } catch (const std::system_error& error) {  // what is in the journal stays there
    log::error("settling image {}: {}", upload->id(), error.what());
  }
  const Lock lock(mutex_);
  open_.erase(upload.get());
  changed_.notify_all();
}

void Settlements::finish(const UploadPtr& upload, const std::stop_token& ending) {
  const client::Image image = upload->image();
  const bool changed = upload->changed();
  if (changed && !upload->removed()) return keep_late_(upload);
  if (!changed && image.status == client::Status::kActive && !image.hash.empty()) {
    store_.adopt(cache_key(endpoint_, image), upload->spool().path(), ending);
  }
  upload->spool().discard();
}

bool Settlements::wait(const std::string& image_id, const std::stop_token& stop) {
  const auto is_its = [&](const auto& entry) { return entry.second->id() == image_id; };
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const Waker waker(stop, mutex_, changed_);
  const Lock lock(mutex_);
  while (true) {
    const auto found = std::ranges::find_if(open_, is_its);
    if (found == open_.end()) return true;
    if (stop.stop_requested()) throw_errno(ECANCELED, "interrupted");
    // Without writers the cache is taking the file over, which has an end.
    if (!found->second->has_writers()) {
      changed_.wait(mutex_);
    } else if (!changed_.wait_until(mutex_, until)) {
      return false;
    }
  }
}

void Settlements::image_removed(const std::string& image_id) {
  const Lock lock(mutex_);
  for (const auto& [key, upload] : open_) {
    if (upload->id() == image_id) upload->forsake();
  }
}

}  // namespace glancefs::fs
