#include "client/import_state.h"

#include <algorithm>

namespace glancefs::client {
namespace {

std::string_view property(const Image& image, std::string_view name) {
  const std::string* value = find_property(image.properties, name);
  return value == nullptr ? std::string_view() : *value;
}

bool has(const std::vector<std::string>& list, std::string_view one) {
  return std::ranges::find(list, one) != list.end();
}

bool has_all(const std::vector<std::string>& list, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const std::string& one) { return has(list, one); });
}

ImportPhase phase_of(const Image& image, const ImportState& state,
                     const std::vector<std::string>& wanted) {
  const bool has_task = !property(image, "os_glance_import_task").empty();
  const ImportPhase over = state.failed.empty() ? ImportPhase::kNone : ImportPhase::kFailed;
  switch (image.status) {
    case Status::kActive:
      // The task outlives the last store by a moment; only the list says that no store is to come.
      if (state.left.empty() && has_all(split_list(property(image, "stores")), wanted)) {
        return ImportPhase::kDone;
      }
      return has_task || !state.left.empty() ? ImportPhase::kRunning : ImportPhase::kFailed;
    case Status::kImporting:
      // A failed import of staged data leaves the image so for ever.
      return has_task || state.failed.empty() ? ImportPhase::kRunning : ImportPhase::kFailed;
    case Status::kQueued:
    case Status::kUploading:
      return has_task ? ImportPhase::kWaiting : over;
    default:
      return ImportPhase::kNone;
  }
}

}  // namespace

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view name = list.substr(begin, end - begin);
    if (!name.empty() && !has(names, name)) names.emplace_back(name);
    begin = end + 1;
  }
  return names;
}

ImportState import_state(const Image& image, const std::vector<std::string>& wanted) {
  ImportState state;
  state.left = split_list(property(image, "os_glance_importing_to_stores"));
  state.failed = split_list(property(image, "os_glance_failed_import"));
  state.phase = phase_of(image, state, wanted);
  return state;
}

}  // namespace glancefs::client
