// A tar.gz of a few texts.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace glancefs::fs {

/// Names, which may have directories in front, and texts.
using ReportFiles = std::vector<std::pair<std::string, std::string>>;

/// Writes `files` in one directory into a new file of mode 0600, by tar(1). Throws system_error:
/// EEXIST, EIO when tar failed, and others; unless it was there before, nothing is then left of it.
void write_archive(const std::string& path, const ReportFiles& files);

}  // namespace glancefs::fs
