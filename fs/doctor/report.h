// What `glancefs bugreport` collects: doctor, options, versions, and what each mount says.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fs/doctor/archive.h"
#include "fs/doctor/doctor.h"
#include "fs/mount/option_parser.h"

namespace glancefs::fs {

struct ReportWish {
  DoctorCase subject;
  std::vector<OptionWord> words;  ///< what its options come from
  bool anonymous = false;         ///< replace names of clouds, users, projects, images and hosts
};

/// The texts, scrubbed of secrets. `progress` hears what is being done, for people.
ReportFiles collect_report(const ReportWish& wish,
                           const std::function<void(const std::string&)>& progress);

/// Each option and its value, as a mount with `words` would have it now; secrets as ***.
std::string effective_options(const std::vector<OptionWord>& words, const Environment& environment);

}  // namespace glancefs::fs
