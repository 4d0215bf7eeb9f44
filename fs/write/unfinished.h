// Images without data yet: which of them are being written, and which will never have any.
#pragma once

#include <chrono>
#include <string>

#include "client/images.h"

namespace glancefs::fs {

/// Whether somebody sends its data, or the server brings them from elsewhere, or it looks so.
bool is_being_written(const client::Image& image);

/// Whether it lets no upload in any more: refused after its data had been stored, it is queued and
/// keeps the refused data's checksum.
bool is_poisoned(const client::Image& image);

/// Why `image` will not become active by itself, for people; empty when nothing says so. Asks
/// nobody: an upload that has begun an hour before `now` may run still, and the text says so.
std::string stuck_reason(const client::Image& image, std::chrono::system_clock::time_point now);

}  // namespace glancefs::fs
