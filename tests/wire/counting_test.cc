// Each request of the kernel is counted once, by operation and answer.
#include <gmock/gmock.h>

#include <cerrno>

#include "tests/support/exposition_parser.h"
#include "tests/wire/wire_test.h"

namespace glancefs::test {
namespace {

class Counting : public WireTest {
 protected:
  Families counted() const {
    fs::Exposition text;
    counters.write(text);
    return parse_exposition(text.text());
  }
  Answer set_foreign_xattr() {
    fuse_setxattr_in body{};
    body.size = 1;
    std::string text(reinterpret_cast<const char*>(&body), FUSE_COMPAT_SETXATTR_IN_SIZE);
    text.append("trusted.x").push_back('\0');
    text.push_back('x');
    return kernel.wait(kernel.send_text(FUSE_SETXATTR, 11, text));
  }
  double count(const std::string& operation, const std::string& result) const {
    return value_in(counted(), "glancefs_fuse_operations_total",
                    {{"operation", operation}, {"result", result}});
  }
};

TEST_F(Counting, AnswersFromMemoryAndFromOtherThreads) {
  fake.find = [](auto, std::string_view name) -> std::optional<fs::Entry> {
    if (name == "known") return file_entry(42, 1, std::chrono::milliseconds(1000));
    return std::nullopt;
  };
  fake.lookup = [](auto, std::string_view, auto) -> fs::Entry { throw_errno(EACCES, "no"); };
  EXPECT_EQ(ask_name(FUSE_LOOKUP, 7, "known").error, 0);
  EXPECT_EQ(ask_name(FUSE_LOOKUP, 7, "known").error, 0);
  EXPECT_EQ(ask_name(FUSE_LOOKUP, 7, "secret").error, EACCES);
  EXPECT_EQ(count("lookup", "ok"), 2);
  EXPECT_EQ(count("lookup", "EACCES"), 1);
  const Families families = counted();
  for (const Sample& sample : families.at("glancefs_fuse_operation_duration_seconds").samples) {
    if (sample.name.ends_with("_count")) {
      EXPECT_EQ(sample.value, 3);
    }
    if (sample.name.ends_with("_sum")) {
      EXPECT_GT(sample.value, 0);
    }
  }
}

// What is answered before anything is looked at, too.
TEST_F(Counting, AttributesOfOtherNamespaces) {
  EXPECT_EQ(set_foreign_xattr().error, ENOTSUP);
  EXPECT_EQ(count("setxattr", "EOPNOTSUPP"), 1);
}

}  // namespace
}  // namespace glancefs::test
