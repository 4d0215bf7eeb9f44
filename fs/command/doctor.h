// `glancefs doctor` and `glancefs bugreport`.
#pragma once

#include <array>

#include "fs/command/call_options.h"

namespace glancefs::fs {

inline constexpr std::array kDoctorOptions{kFormatOption, kColumnOption, kMountOptionsOption};
/// kPartly: there were warnings only. kFailed: a mount would not do.
CommandExit run_doctor(const CommandCall& call);

inline constexpr std::array kBugreportOptions{
    kMountOptionsOption,
    CommandOption{"anonymous", '\0', "",
                  "replace the names of clouds, users, projects, images and hosts"},
    CommandOption{"cloud", '\0', "NAME", "the cloud to look at, as in clouds.yaml"}};
CommandExit run_bugreport(const CommandCall& call);

}  // namespace glancefs::fs
