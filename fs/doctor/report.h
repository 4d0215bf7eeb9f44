// What `glancefs bugreport` collects: doctor, options, versions, and what each mount says.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fs/doctor/archive.h"
#include "fs/doctor/doctor.h"
#include "fs/mount/option_word.h"

namespace glancefs::fs {

struct ReportWish {
  DoctorCase subject;
  OptionSettings settings;  ///< what its options were set to, and by whom
  bool anonymous = false;   ///< replace names of clouds, users, projects, images and hosts
};

/// The texts, scrubbed of secrets. `progress` hears what is being done, for people.
ReportFiles collect_report(const ReportWish& wish,
                           const std::function<void(const std::string&)>& progress);

}  // namespace glancefs::fs
