// How an import goes, as far as the image's record tells. Glance reports the end of an import
// nowhere else, and the same status means different things with and without a task.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"

namespace glancefs::client {

enum class ImportPhase {
  kNone,     ///< no import runs, and no sign that one did
  kWaiting,  ///< accepted, not begun: still queued or uploading, but with a task
  kRunning,
  kDone,    ///< active, in every store that was wanted
  kFailed,  ///< over, and not done: queued again, importing for ever, or active in some stores only
};

/// Whether an import in `phase` may still do something by itself.
constexpr bool goes_on(ImportPhase phase) noexcept {
  return phase == ImportPhase::kWaiting || phase == ImportPhase::kRunning;
}

struct ImportState {
  ImportPhase phase = ImportPhase::kNone;
  std::vector<std::string> left;    ///< stores it is still being brought into
  std::vector<std::string> failed;  ///< stores that it did not get into
};

/// `wanted`: the stores that the import is for; empty: whatever the site chose. An active image
/// that never was imported is done, too, if it is in the wanted stores.
ImportState import_state(const Image& image, const std::vector<std::string>& wanted);

/// The names in a list as Glance writes it, "fast,slow": each once, in order, none empty.
std::vector<std::string> split_list(std::string_view list);

}  // namespace glancefs::client
