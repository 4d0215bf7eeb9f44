// The programs of tests/mount/programs.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace glancefs::mount_test {

/// One line of the list, whose head says what the fields mean.
struct Program {
  std::string name;
  std::string when;     ///< close, shell, rename, delay or refused
  std::string needs;    ///< programs, separated by blanks
  std::string command;  ///< for bash
};

void PrintTo(const Program& program, std::ostream* out);

/// All of them. Throws system_error(EINVAL) with the line that is none.
std::vector<Program> load_programs(const std::string& path);

}  // namespace glancefs::mount_test
