// Reading a file whose file system may hang.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace glancefs::fs {

/// The text of a file, at most `most` bytes from its end. Waits no longer than `limit`, which
/// matters where the file is a mount's whose daemon hangs. Throws system_error: ETIMEDOUT, or why
/// it cannot be read.
std::string text_of_file(const std::string& path, std::chrono::milliseconds limit,
                         std::size_t most = std::size_t{4} << 20);

}  // namespace glancefs::fs
