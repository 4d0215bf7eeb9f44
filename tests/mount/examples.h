// The worked examples of doc/SEMANTICS.md and doc/semantics: commands with what they print, in
// fenced blocks, which are run line by line and compared.
//
//   ```console                  of one page run in one bash, in the root of a fresh mount
//   $ cp a private/b            a command; "> " goes on with it
//   cp: cannot create …         what it prints on both outputs: … is any text within a line, a line
//   [1]                         of … alone any lines; then the exit code, where it is not 0
//   ```
//
// Words after "console": setup (runs first in each mount of the page), remount (a new mount from
// here on), -o OPTIONS (such a mount for this block and those after it with the same options), as
// USER (the same: a mount by admin or other instead of demo), unmounted (in ~, where nothing is
// mounted), devcloud (not run on a real cloud; a
// line "Development cloud only: WHY" must stand before it).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace glancefs::mount_test {

struct Example {
  std::string command;
  std::string expected;  ///< lines, each with its newline
  int code = 0;
  std::size_t line = 0;  ///< of the page, counted from 1
};

/// What runs on one mount.
struct Session {
  std::string options;  ///< of the mount
  std::string account = "demo";
  bool mounted = true;
  std::vector<Example> examples;
};

struct Page {
  std::vector<std::string> illustrated;  ///< headings with at least one example below them
  std::vector<Session> sessions;
};

/// Throws system_error(EINVAL) with the line that is wrong.
Page parse_page(const std::string& text, bool real_cloud);

/// The first cell of each row of the table below "## Operations".
std::vector<std::string> operations_of(const std::string& text);

/// For bash -c: all commands; compare() takes what it prints.
std::string script_of(const Session& session);

/// The examples that went otherwise, for people; "": none.
std::string compare(const Session& session, const std::string& printed);

/// Whether `actual` is what `expected` says, with its wildcards.
bool matches(std::string_view expected, std::string_view actual);

}  // namespace glancefs::mount_test
