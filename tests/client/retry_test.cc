#include "client/retry.h"

#include <cerrno>
#include <thread>

namespace glancefs::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(MayPass, WhatTimeHeals) {
  for (const int status : {429, 500, 502, 503, 504}) EXPECT_TRUE(may_pass(status)) << status;
  for (const int status : {200, 300, 400, 401, 404, 409, 413, 501}) {
    EXPECT_FALSE(may_pass(status)) << status;
  }
  EXPECT_TRUE(may_pass(Failure::kConnect));
  EXPECT_TRUE(may_pass(Failure::kProtocol));
  EXPECT_FALSE(may_pass(Failure::kTls));
}

TEST(PauseBeforeRetry, DoublesUpToTheLongest) {
  const RetryPolicy policy;
  EXPECT_EQ(pause_before_retry(policy, 1, std::nullopt, 0), milliseconds(250));
  EXPECT_EQ(pause_before_retry(policy, 1, std::nullopt, 1), milliseconds(500));
  EXPECT_EQ(pause_before_retry(policy, 2, std::nullopt, 1), milliseconds(1000));
  EXPECT_EQ(pause_before_retry(policy, 3, std::nullopt, 1), milliseconds(2000));
  EXPECT_EQ(pause_before_retry(policy, 1000, std::nullopt, 1), milliseconds(8000));
}

TEST(PauseBeforeRetry, ObeysTheServerWithinReason) {
  const RetryPolicy policy;
  EXPECT_EQ(pause_before_retry(policy, 1, seconds(3), 0), seconds(3));
  EXPECT_EQ(pause_before_retry(policy, 1, seconds(0), 0), seconds(0));
  EXPECT_EQ(pause_before_retry(policy, 1, seconds::max(), 0), seconds(8));
}

std::optional<seconds> after(const std::string& value, const std::string& date = "") {
  Headers headers;
  headers.add("retry-after", value);
  if (!date.empty()) headers.add("Date", date);
  return retry_after(headers);
}

TEST(RetryAfter, SecondsOrDate) {
  EXPECT_EQ(after("5"), seconds(5));
  EXPECT_EQ(after("0"), seconds(0));
  EXPECT_EQ(after("1000000000"), seconds(1000000000));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:47 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), seconds(10));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:27 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), seconds(0));
  EXPECT_FALSE(after("Sun, 06 Nov 1994 08:49:47 GMT"));
  EXPECT_FALSE(after("soon"));
  EXPECT_FALSE(after("-5"));
  EXPECT_FALSE(after("99999999999999999999"));
  EXPECT_FALSE(retry_after(Headers()));
}

TEST(ParseHttpDate, OneForm) {
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:01:00 GMT")->time_since_epoch().count(), 60);
  for (const char* text : {"", "Thu, 31 Feb 1970 00:01:00 GMT", "Thu, 01 Xxx 1970 00:01:00 GMT",
                           "Thu, 01 Jan 1970 00:0x:00 GMT", "Thu, 01 Jan 1970 00:01:00 CET"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(Pause, EndsWhenToldTo) {
  std::stop_source stop;
  std::jthread other([&stop] { stop.request_stop(); });
  try {
    pause(std::chrono::hours(1), stop.get_token());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ECANCELED);
  }
  EXPECT_NO_THROW(pause(milliseconds(0), {}));
}

}  // namespace
}  // namespace glancefs::client
