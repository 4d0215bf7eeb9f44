// poll(2) until a moment instead of for a while.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

namespace glancefs {

/// As poll(2): how many of `fds` have something to tell, 0 when `deadline` has passed before, -1
/// with errno. One that has passed already (time_point()) looks once, one at ::max() never comes.
/// Signals do not end it: who wants them to has a descriptor for them. Thread-safe.
int poll_until(std::span<pollfd> fds, std::chrono::steady_clock::time_point deadline) noexcept;

}  // namespace glancefs
