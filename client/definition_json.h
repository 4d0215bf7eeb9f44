// The metadata definitions catalogue as Glance writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/definitions.h"

namespace glancefs::client {

/// One page of the list of namespaces.
struct NamespacePage {
  std::vector<std::string> names;
  bool has_next = false;
};

/// nullopt when `text` is not JSON of that shape.
std::optional<NamespacePage> parse_namespaces(std::string_view text);

/// The properties that the namespace in `text` defines, its objects' among them, by name; nullopt
/// when it is not JSON of that shape. What makes no sense in a definition is left out of it, as if
/// it did not limit the property.
std::optional<std::vector<PropertyDefinition>> parse_namespace(std::string_view text);

}  // namespace glancefs::client
