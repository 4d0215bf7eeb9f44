#include "fs/doctor/system_checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <regex>
#include <sstream>

#include "base/file_text.h"
#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

Finding refusal(const StartError& error) { return failed(error.what(), error.hint()); }

}  // namespace

std::string word_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFailed:
      return "failed";
    case Verdict::kSkipped:
      break;
  }
  return "skipped";
}

Finding check_fuse(const SystemPlaces& places, const Person& person) {
  try {
    MountPoint(person, places.mount).check_fuse(default_options());
  } catch (const StartError& error) {
    return refusal(error);
  }
  if (person.uid == 0) return ok(places.mount.fuse_device + " can be opened");
  return ok(places.mount.fuse_device + " can be opened, fusermount3 is set-uid root");
}

Finding check_allow_other(const SystemPlaces& places, const Person& person, bool wanted) {
  if (person.uid == 0) return ok("root may let others in");
  const std::string& file = places.mount.fuse_conf;
  if (allows_user_allow_other(file_text(file))) return ok("user_allow_other is in " + file);
  const std::string what = "user_allow_other is not in " + file;
  const std::string hint = "with that line people may mount with allow_other";
  return wanted ? failed(what, hint) : ok(what + "; only you will see your mounts");
}

Finding check_helpers(const SystemPlaces& places) {
  constexpr std::array<std::string_view, 3> kHelpers{"mount.glancefs", "mount.fuse.glancefs",
                                                     "umount.fuse.glancefs"};
  std::string missing;
  for (const std::string_view helper : kHelpers) {
    const std::string path = fmt::format("{}/{}", places.helper_directory, helper);
    if (::access(path.c_str(), X_OK) != 0) missing += (missing.empty() ? "" : ", ") + path;
  }
  if (missing.empty()) return ok("mount(8) and umount(8) find them in " + places.helper_directory);
  return warning("not there: " + missing,
                 "mount -t glancefs, /etc/fstab and waiting for uploads at umount need them: "
                 "install with GLANCEFS_MOUNT_HELPER_DIR=" +
                     places.helper_directory + ", or link them to glancefs");
}

bool prunes_glancefs(std::string_view updatedb_conf) {
  static const std::regex assignment(R"re(^\s*PRUNEFS\s*=\s*"([^"]*)".*$)re");
  std::istringstream lines{std::string(updatedb_conf)};
  bool pruned = false;
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (!std::regex_match(line, parts, assignment)) continue;
    pruned = false;  // the last line counts
    std::istringstream words{parts[1].str()};
    for (std::string word; words >> word;) pruned |= word == "fuse.glancefs";
  }
  return pruned;
}

Finding check_updatedb(const SystemPlaces& places) {
  std::error_code error;
  if (!std::filesystem::exists(places.updatedb_conf, error)) {
    return ok("there is no " + places.updatedb_conf);
  }
  if (prunes_glancefs(file_text(places.updatedb_conf))) {
    return ok(places.updatedb_conf + " leaves fuse.glancefs out");
  }
  return warning(places.updatedb_conf + " does not leave fuse.glancefs out",
                 "add fuse.glancefs to PRUNEFS, or updatedb walks through each mount that root "
                 "can see");
}

Finding check_mount_point(const SystemPlaces& places, const Person& person,
                          const std::string& path) {
  const auto mounts = glancefs_mounts(places.mount.mountinfo);
  const auto mounted = std::ranges::find(mounts, path, &MountEntry::target);
  if (mounted != mounts.end() && is_dead(path)) {
    return warning(fmt::format("the glancefs that was mounted on {} has died", path),
                   "mount it again, which replaces it, or: umount " + path);
  }
  if (mounted != mounts.end()) return ok(fmt::format("{} is a mount of {}", path, mounted->source));
  try {
    const auto checked = MountPoint(person, places.mount).check_directory(path, {});
    if (checked.notes.empty()) return ok(path + " can be mounted on");
    return warning(checked.notes.front(), "choose an empty directory");
  } catch (const StartError& error) {
    return refusal(error);
  }
}

}  // namespace glancefs::fs
