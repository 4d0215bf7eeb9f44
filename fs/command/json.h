// JSON as the commands read it from a daemon: with its order.
#pragma once

#include <nlohmann/json.hpp>

#include "fs/command/output.h"

namespace glancefs::fs {

using Json = nlohmann::ordered_json;

/// A value as it is printed. Objects, and lists of anything but texts, come as JSON text.
Cell cell_of(const Json& value);
/// An object, field by field.
Fields fields_of(const Json& object);

}  // namespace glancefs::fs
