// Runs of random operations: made up from a seed, repeated from a script, and made shorter.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/model/world.h"

namespace glancefs::model {

using Script = std::vector<Operation>;

struct Failure {
  Script script;     ///< all operations; the last one failed
  std::string what;  ///< was wrong
};

/// Up to `steps` operations of that seed. nullopt: all was as it must be.
std::optional<Failure> run(const World::Maker& make, std::uint64_t seed, std::size_t steps);

/// The same failure by fewer operations, found within about `limit`.
Failure shortened(const World::Maker& make, Failure failure, std::chrono::seconds limit);

std::string to_string(const Script& script);
/// The same of its last `count` operations.
std::string last_of(const Script& script, std::size_t count);

}  // namespace glancefs::model
