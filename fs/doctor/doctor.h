// All checks of `glancefs doctor`, in the order in which one needs the other.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fs/doctor/finding.h"
#include "fs/doctor/system_checks.h"
#include "fs/mount/options.h"

namespace glancefs::fs {

/// What would be mounted.
struct DoctorCase {
  Options options;  ///< the cloud and everything else a mount would be told
  Environment environment;
  std::string directory;    ///< where relative paths begin
  std::string mount_point;  ///< absolute; empty: none was given
  SystemPlaces places;
};

/// Makes the checks and answers what was found; `each` is told as soon as something is. Logs in
/// once, downloads one byte per store, and changes nothing.
std::vector<Finding> examine(const DoctorCase& subject,
                             const std::function<void(const Finding&)>& each);

/// The worst of them; kSkipped counts as kOk.
Verdict worst_of(const std::vector<Finding>& findings);

/// "ok       login      user "ann" …  (0.3 s)", and a line for the hint.
std::string finding_text(const Finding& finding);

}  // namespace glancefs::fs
