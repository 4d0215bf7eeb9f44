#include "tests/support/hostile_names.h"

#include <array>
#include <random>

namespace glancefs::test {
namespace {

using namespace std::string_literals;

// What a stranger may call an image.
std::vector<std::string> hostile_names() {
  return {"null",
          "None",
          "",
          " ",
          ".",
          "..",
          "...",
          "/",
          "//",
          "../../etc/passwd",
          "a/b",
          "\0"s,
          "a\0b"s,
          "..\0"s,
          "line\nbreak",
          "\x1B[31mred\x07",
          "\x7F",
          "%",
          "%%",
          "%2",
          "%2F",
          "%2f",
          "%252F",
          "%%2F",
          "%2%2F",
          "%/",
          "%2/F",
          "%\0"s,
          "%7E",
          "%7E1234abcd",
          "%2E",
          "%2E%2E",
          "%00",
          "100%",
          "100%ab"};
}

// Names that look like what stands for an id, and long ones.
std::vector<std::string> misleading_names() {
  return {"~",
          "~~",
          "~1234abcd",
          "~~1234abcd",
          "x~",
          "~x",
          "x~1234abcd",
          "x~1234ABCD",
          "x~1234abcg",
          "x~1234abc",
          "x~1234abcde",
          "x~1234abcd~1234abcd",
          "%~1234abcd",
          "%7~1234abcd",
          "x%7E1234abcd",
          "x~%34abcdef",
          "a/b~1234abcd",
          "x~" + std::string(kSomeId),
          "%7E" + std::string(kSomeId),
          std::string(kSomeId),
          "%31" + std::string(kSomeId.substr(1)),
          "/" + std::string(kSomeId),
          ".glancefs",
          ".pending",
          "%2Epending",
          "%2Eglancefs",
          ".glancefs/",
          ".glancefs2",
          ".hidden",
          "na\xC3\xAFve",
          repeated("\xE2\x82\xAC", 255),      // 765 bytes, the most that Glance takes
          repeated("\xF0\x9F\x90\xA7", 255),  // what it should not take
          repeated("/", 255),
          repeated("%2F", 85),
          repeated("\xE2\x82\xAC", 240) + "~1234abcd",
          repeated("\xE2\x82\xAC", 240) + ".qcow2",
          repeated("a", 255),
          repeated("a", 256),
          "\xFF\xFE broken \xC3"};
}

}  // namespace

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::vector<std::string> random_names(unsigned seed, std::size_t count) {
  static const std::array<std::string, 17> kPieces{"%",
                                                   "%2",
                                                   "2F",
                                                   "%2F",
                                                   "7E",
                                                   "~",
                                                   ".",
                                                   "..",
                                                   "/",
                                                   "a",
                                                   "f",
                                                   "0",
                                                   "1234abcd",
                                                   "\0"s,
                                                   "G",
                                                   "\xE2\x82\xAC",
                                                   std::string(kSomeId)};
  std::mt19937 random(seed);
  std::vector<std::string> names;
  while (names.size() < count) {
    std::string name;
    for (std::size_t left = random() % 9; left > 0; --left) name += kPieces.at(random() % 17);
    names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::string> chosen_names() {
  std::vector<std::string> names = hostile_names();
  for (std::string& name : misleading_names()) names.push_back(std::move(name));
  return names;
}

std::vector<std::string> many_names() {
  std::vector<std::string> names = chosen_names();
  for (std::string& name : random_names(1, 20000)) names.push_back(std::move(name));
  return names;
}

}  // namespace glancefs::test
