// Which of a cloud's regions is meant.
#pragma once

#include <string>

#include "client/cloud_file.h"

namespace glancefs::client {

/// Lays what clouds.yaml says of the chosen region on `cloud`, the tree of the cloud called `name`,
/// and sets its region_name. `demanded` was asked for by an option: CloudError when the cloud lists
/// its regions and that is none of them. `wished` comes from a variable that may be meant for
/// another cloud, and then counts nothing. Either may be empty.
void choose_region(const std::string& name, ConfigTree& cloud, const std::string& demanded,
                   const std::string& wished);

}  // namespace glancefs::client
