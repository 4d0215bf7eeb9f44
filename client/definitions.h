// The metadata definitions catalogue ("metadefs"): which values the properties of images may have.
// Glance only describes them there; it takes any value.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace glancefs::client {

/// What one namespace says of one property. Several may speak of the same one, and a value is good
/// if any of them allows it.
struct PropertyDefinition {
  enum class Type { kText, kInteger, kNumber, kBoolean, kList };

  std::string name;        ///< as a property of an image: with the namespace's prefix
  std::string name_space;  ///< as in OS::Compute::LibvirtImage
  Type type = Type::kText;
  std::vector<std::string> values;                 ///< the only ones, in its order; empty: any
  std::optional<double> minimum, maximum;          ///< of numbers
  std::optional<std::uint64_t> shortest, longest;  ///< of texts, in characters
  std::string pattern;                             ///< an ECMAScript expression; empty: any
  bool operator==(const PropertyDefinition&) const = default;
};

/// Thread-safe.
class Definitions {
 public:
  virtual ~Definitions() = default;

  /// All that our token may see, for images, in the order of the namespaces: members do not see
  /// those the operator has loaded without making them public. Empty where the site has none. A
  /// request for every namespace, about a second in all; blocks and throws as the methods of
  /// Images.
  virtual std::vector<PropertyDefinition> definitions(std::stop_token stop) = 0;
};

}  // namespace glancefs::client
