#include "fs/doctor/scrubber.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glancefs::fs {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ScrubberTest, WhatItWasToldIsGoneWhereverItStands) {
  Scrubber scrubber;
  scrubber.hide("hunter2x");
  scrubber.hide("");
  EXPECT_EQ(scrubber.clean("a hunter2x b\nxhunter2xy\n"), "a *** b\nx***y\n");
}

TEST(ScrubberTest, AShortSecretIsNotTakenOutOfWords) {
  Scrubber scrubber;
  scrubber.hide("at");
  EXPECT_EQ(scrubber.clean("at the cat (at)"), "*** the cat (***)");
}

TEST(ScrubberTest, WhatLooksLikeASecretIsGoneUntold) {
  const Scrubber scrubber;
  const std::string token = "gAAAAABmXyZ0123456789abcdefghijklmnop-_";
  for (const std::string& line : std::vector<std::string>{
           "X-Auth-Token: planted", "x-subject-token=planted,",
           "\"Authorization\": \"Basic planted\"", "authorization: Bearer planted",
           "OS_PASSWORD=planted", "os-password=planted,ro", "\"password\": \"planted\"",
           "application_credential_secret: planted", "auth_token = 'planted'",
           "http://user:planted@host/x", "https://host/x?temp_url_sig=planted&a=b"}) {
    EXPECT_THAT(scrubber.clean(line), Not(HasSubstr("planted"))) << line;
  }
  EXPECT_EQ(scrubber.clean("see " + token + " there"), "see *** there");
  EXPECT_THAT(scrubber.clean("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"), Not(HasSubstr("c2lnb")));
}

TEST(ScrubberTest, TheRestStays) {
  const Scrubber scrubber;
  const std::string text =
      "glancefs_token_expires_timestamp_seconds 1790000000\n"
      "ok  login  user \"ann\", the token lasts 59 min (req-12345678-1234)\n"
      "GET https://host:9292/v2/images 200\n";
  EXPECT_EQ(scrubber.clean(text), text);
}

TEST(ScrubberTest, TheSameNameIsAlwaysTheSame) {
  Scrubber scrubber;
  scrubber.rename("image", "rocky");
  scrubber.rename("image", "rocky-9");
  scrubber.rename("image", "rocky");
  scrubber.rename("project", "");
  EXPECT_EQ(scrubber.clean("rocky-9, rocky and rocky-9; rockyx"),
            "image-2, image-1 and image-2; rockyx");
}

TEST(ScrubberTest, HostsAreFoundInAddresses) {
  Scrubber scrubber;
  scrubber.rename_hosts_in(
      "https://ks.example:5000/v3 http://[fe80::1]:9292/ http://127.0.0.1:1/\n"
      "ks.example is 192.0.2.7, 2001:db8:0:0:0:0:0:1 at 2026-01-31T12:00:00Z");
  EXPECT_EQ(scrubber.clean("ks.example 192.0.2.7 127.0.0.1 12:00:00"),
            "host-1 host-3 127.0.0.1 12:00:00");
  EXPECT_EQ(scrubber.clean("http://[fe80::1]:9292/"), "http://[host-2]:9292/");
}

TEST(ScrubberTest, LongLinesAreCut) {
  const Scrubber scrubber;
  EXPECT_LT(scrubber.clean(std::string(1'000'000, 'x')).size(), 5000U);
}

}  // namespace
}  // namespace glancefs::fs
