#include "fs/command/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fs/command/json.h"

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kMiB = 1024UL * 1024;

TEST(ProgressLine, SaysHowFarItIs) {
  EXPECT_EQ(progress_line("a.img", 3 * kMiB, 4 * kMiB, 80),
            " 75% [===============     ] 3.0 of 4.0 MiB  a.img");
  EXPECT_EQ(progress_line("a.img", 0, 0, 80), "100% [====================] 0.0 of 0.0 MiB  a.img");
  EXPECT_THAT(progress_line("a", 9 * kMiB, 4 * kMiB, 80), testing::StartsWith("100%"));
}

TEST(ProgressLine, StaysWithinTheTerminal) {
  const std::string whole = progress_line("ä\n", 0, kMiB, 80);
  EXPECT_THAT(whole, testing::EndsWith("ä\\x0a"));
  for (std::size_t width = 0; width < whole.size(); ++width) {
    const std::string line = progress_line("ä\n", 0, kMiB, width);
    EXPECT_LE(line.size(), width);
    EXPECT_FALSE(line.ends_with('\xc3')) << "half a character";
  }
}

TEST(Cells, AreWhatTheJsonIs) {
  const auto text = [](const Json& value) {
    return show_text({{"x", cell_of(value)}}, {.format = Format::kValue, .columns = {}});
  };
  EXPECT_EQ(text(nullptr), "\n");
  EXPECT_EQ(text(true), "true\n");
  EXPECT_EQ(text(7), "7\n");
  EXPECT_EQ(text("a"), "a\n");
  EXPECT_EQ(text({"a", "b"}), "a,b\n");
  EXPECT_EQ(text({1, 2}), "[1,2]\n");
  const Fields fields = fields_of({{"z", 1}, {"a", {"b,", "c"}}});
  EXPECT_EQ(fields.front().first, "z") << "their order is kept";
  EXPECT_EQ(show_text(fields, {.format = Format::kCsv, .columns = {}}),
            "\"z\",\"a\"\n1,\"b,,c\"\n");
  EXPECT_EQ(show_text({fields.back()}, {.format = Format::kJson, .columns = {}}),
            "{\n  \"a\": [\n    \"b,\",\n    \"c\"\n  ]\n}\n");
}

}  // namespace
}  // namespace glancefs::fs
