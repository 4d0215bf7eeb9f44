#include "fs/catalogue/shown_part.h"

#include <fmt/format.h>

#include "base/log.h"
#include "fs/catalogue/project_name.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {

void check_shown_part(const Config& config) {
  const bool projects = config.subdirectory.starts_with("projects/");
  if (!projects && !config.all_projects) return;
  if (!config.is_admin) {
    const std::string option =
        projects ? "subdir=" + log::printable(config.subdirectory) : "all-projects";
    throw StartError(ExitCode::kUsage,
                     fmt::format("option {}: only an administrator sees other projects' images, "
                                 "and this login to project {} has not the role admin",
                                 option, log::printable(config.project_name)),
                     "leave it out, or log in as an administrator");
  }
  if (config.subdirectory == "projects/" + project_file_name(config.project_id)) {
    throw StartError(ExitCode::kUsage,
                     fmt::format("option subdir={}: this is the project of the login itself",
                                 log::printable(config.subdirectory)),
                     "its images are in subdir=private and subdir=shared");
  }
}

DirectoriesConfig directories_config(const Config& config) {
  return {.project_id = config.project_id,
          .is_admin = config.is_admin,
          .show_hidden = config.show_hidden,
          .all_projects = config.all_projects,
          .visibilities = config.visibilities,
          .root = config.subdirectory};
}

std::string listed_part(const Config& config) {
  client::ListQuery query;
  Directories(directories_config(config)).limit(query);
  std::string part;
  if (query.visibility) part += fmt::format(" {}", to_string(*query.visibility));
  if (!query.owner.empty()) part += " of " + query.owner;
  return part;
}

}  // namespace glancefs::fs
