#include "fs/write/unfinished.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "client/import_state.h"

namespace glancefs::fs {
namespace {

using client::Status;

// Most uploads are over by then; a server that died in one leaves it "saving" for ever.
constexpr std::chrono::hours kLong{1};

}  // namespace

bool is_being_written(const client::Image& image) {
  return image.status == Status::kSaving || image.status == Status::kUploading ||
         image.status == Status::kImporting;
}

bool is_poisoned(const client::Image& image) {
  return image.status == Status::kQueued && !image.checksum.empty();
}

std::string stuck_reason(const client::Image& image, std::chrono::system_clock::time_point now) {
  if (is_poisoned(image)) {
    return "Glance has refused its data after storing them, and takes no others for it; rm removes "
           "it";
  }
  const client::ImportState import = client::import_state(image, {});
  if (import.phase == client::ImportPhase::kFailed && image.status != Status::kActive) {
    // What was fetched from elsewhere is queued again and can be imported anew.
    return fmt::format(
        "its import into {} has failed{}",
        import.failed.empty() ? "its stores" : fmt::format("{}", fmt::join(import.failed, ", ")),
        image.status == Status::kQueued ? "" : "; only rm gets it out of this state");
  }
  const bool saving = image.status == Status::kSaving || image.status == Status::kUploading;
  if (saving && import.phase == client::ImportPhase::kNone && now - image.updated >= kLong) {
    return fmt::format(
        "its upload has begun at {:%Y-%m-%dT%H:%M:%SZ}; if nobody sends it any more, "
        "only rm gets it out of this state",
        fmt::gmtime(image.updated));
  }
  return {};
}

}  // namespace glancefs::fs
