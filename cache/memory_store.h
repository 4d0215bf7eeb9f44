// A Store in memory: bounded, gone at exit.
#pragma once

#include <memory>

#include "cache/store.h"

namespace glancefs::cache {

/// Keeps at most `limit` bytes; blocks used longest ago go first, also those of open objects.
std::unique_ptr<Store> make_memory_store(std::uint64_t limit);

}  // namespace glancefs::cache
