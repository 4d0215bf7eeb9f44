#include "fs/mount/daemon_facts.h"

#include <charconv>
#include <sstream>

namespace glancefs::fs {
namespace {

/// The number that `text` begins with; 0: with none.
int number_in(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string status_value(std::string_view status, std::string_view word) {
  std::istringstream lines{std::string(status)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(word) || line.size() <= word.size() || line[word.size()] != ' ') continue;
    const std::size_t begin = line.find_first_not_of(' ', word.size());
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

DaemonFacts parse_daemon_facts(std::string_view status) {
  const std::string project = status_value(status, "project");
  return {
      .process = number_in(status_value(status, "process")),
      .shutdown_seconds = number_in(status_value(status, "shutdown")),
      .state = status_value(status, "state"),
      // The name of a project may hold spaces, its id does not.
      .identity = status_value(status, "endpoint") + " " + project.substr(project.rfind(' ') + 1)};
}

}  // namespace glancefs::fs
