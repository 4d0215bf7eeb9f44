// How a cloud's settings say who logs in, and into which project.
#pragma once

#include <string>
#include <vector>

#include "client/cloud.h"
#include "client/cloud_settings.h"

namespace glancefs::client {

/// Sets how `cloud` is logged into. Throws CloudError for what is missing, contradictory or not
/// supported.
void set_login(const Settings& settings, Cloud& cloud);

/// `a, b,c` as its words.
std::vector<std::string> words_of(const std::string& list);

}  // namespace glancefs::client
