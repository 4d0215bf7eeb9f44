#include "tests/mount/program_list.h"

#include <fstream>
#include <ostream>
#include <set>
#include <sstream>

#include "base/fd.h"

namespace glancefs::mount_test {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

}  // namespace

void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

std::vector<Program> load_programs(const std::string& path) {
  static const std::set<std::string> kWhen{"close", "shell", "rename", "delay", "refused"};
  std::ifstream file(path);
  if (!file) throw_errno(ENOENT, path);
  std::vector<Program> programs;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream fields(line);
    Program program;
    for (std::string* field : {&program.name, &program.when, &program.needs}) {
      std::getline(fields, *field, '|');
      *field = trimmed(*field);
    }
    std::getline(fields, program.command);
    program.command = trimmed(program.command);
    if (!kWhen.contains(program.when) || program.command.empty()) {
      throw_errno(EINVAL, path + ": " + line);
    }
    programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace glancefs::mount_test
