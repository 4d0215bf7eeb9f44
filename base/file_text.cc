#include "base/file_text.h"

#include <fstream>
#include <sstream>

namespace glancefs {

std::string file_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace glancefs
