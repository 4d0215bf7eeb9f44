// One step of a run: data, so that a run can be printed, repeated and made shorter.
#pragma once

#include <cstdint>
#include <string>

namespace glancefs::model {

/// What the verb does not use is empty. Images are numbered in a run; in names and values `<7>`
/// stands for the id of the seventh and `<7.8>` for its first eight digits.
struct Operation {
  std::string verb;
  std::string directory, name;        ///< the file
  std::string to_directory, to_name;  ///< of a rename
  int number = 0;                     ///< of the image that is made, or changed elsewhere
  int slot = 0;                       ///< of the open file
  int flags = 0;                      ///< of open(2), renameat2(2), setxattr(2); a mode
  std::uint64_t offset = 0, size = 0;
  std::uint64_t seed = 0;  ///< of the bytes
  std::string key, value;
  std::string fault;  ///< what goes wrong at the cloud meanwhile, see World
};

/// On one line.
std::string to_string(const Operation& operation);

/// What came of it: an errno and what was read.
struct Outcome {
  int error = 0;
  std::string data = {};
  std::string id = {};  ///< of the file that was made
  bool operator==(const Outcome& other) const { return error == other.error && data == other.data; }
};

}  // namespace glancefs::model
