// One line over a socket, in bounded time and size.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace glancefs::fs {

/// LineDeadline(): at once. ::max(): never.
using LineDeadline = std::chrono::steady_clock::time_point;

/// Waits until `socket` can be read; false: `deadline` has passed. ECANCELED: `ending` (-1: none)
/// became readable first.
bool wait_readable(const Fd& socket, LineDeadline deadline, int ending);

/// What comes before the first newline; what comes after it is nobody's business. nullopt: the
/// other side has gone, or has sent nothing more before `deadline`. Throws system_error: EMSGSIZE
/// (more than `most` bytes without a newline), ECANCELED as wait_readable(), others of read(2).
std::optional<std::string> read_line(const Fd& socket, std::size_t most, LineDeadline deadline,
                                     int ending);

/// Sends `line` and a newline. False: the other side has gone or does not read. Throws ECANCELED.
bool write_line(const Fd& socket, std::string_view line, LineDeadline deadline, int ending);

}  // namespace glancefs::fs
