#include "base/log_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glancefs::log {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Event event(std::string_view text) {
  return {.time = std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} +
                  std::chrono::milliseconds(7),
          .level = Level::kWarning,
          .text = text};
}

TEST(LogLine, ForPeople) {
  EXPECT_EQ(text_line(event("hi \x1b[31m")), "2026-01-31T00:00:00.007Z warning hi \\x1b[31m\n");
}

TEST(LogLine, AsJsonOnlyWithWhatIsKnown) {
  EXPECT_EQ(json_line(event("a \"b\" \\ c")),
            R"({"time":"2026-01-31T00:00:00.007Z","level":"warning","message":"a \"b\" \\ c"})"
            "\n");
  Event known = event("x");
  known.facts = {.request_id = "req-1", .image = "i", .error = 13};
  EXPECT_THAT(json_line(known),
              HasSubstr(R"("message":"x","request_id":"req-1","image":"i","errno":13})"));
}

TEST(LogLine, JsonIsUtf8WhateverTheTextIs) {
  EXPECT_EQ(json_string("\xc3\xa4\n\x7f"), "\"\xc3\xa4\\u000a\\u007f\"");
  EXPECT_EQ(json_string("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"");
  for (const char* wrong : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    const std::string text = json_string(wrong);
    EXPECT_THAT(text, StartsWith("\"\\ufffd")) << wrong;
    EXPECT_THAT(text, Not(HasSubstr(wrong)));
  }
  EXPECT_EQ(json_string("\xe2\x28"), "\"\\ufffd(\"");
}

TEST(LogLine, TheJournalGetsFields) {
  Event known = event("a\nPRIORITY=0");
  known.facts = {.request_id = "req-1\nMESSAGE=x", .image = "i", .error = 13};
  EXPECT_EQ(journal_datagram(known),
            "MESSAGE=a\\x0aPRIORITY=0\nPRIORITY=4\nSYSLOG_IDENTIFIER=glancefs\nERRNO=13\n"
            "GLANCEFS_REQUEST_ID=req-1\\x0aMESSAGE=x\nGLANCEFS_IMAGE=i\n");
  EXPECT_EQ(journal_datagram(event("b")), "MESSAGE=b\nPRIORITY=4\nSYSLOG_IDENTIFIER=glancefs\n");
}

TEST(LogLine, WhatNoDatagramHoldsIsCut) {
  const std::string datagram = journal_datagram(event(std::string(1 << 20, 'x')));
  EXPECT_LT(datagram.size(), 40U * 1024);
  EXPECT_THAT(datagram, HasSubstr("x ...\nPRIORITY=4\n"));
}

}  // namespace
}  // namespace glancefs::log
