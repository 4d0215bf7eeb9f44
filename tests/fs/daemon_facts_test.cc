#include "fs/mount/daemon_facts.h"

#include <gtest/gtest.h>

namespace glancefs::fs {
namespace {

constexpr std::string_view kStatus =
    "cloud      prod\n"
    "endpoint   http://image:9292\n"
    "project    the team 1f2e3d\n"
    "projects   of others\n"
    "process    4711\n"
    "shutdown   300 s\n"
    "state      /var/lib/glance fs\n"
    "log\n";

TEST(DaemonFacts, WhoWaitsForItsEndLearnsWhatItNeeds) {
  const DaemonFacts facts = parse_daemon_facts(kStatus);
  EXPECT_EQ(facts.process, 4711);
  EXPECT_EQ(facts.shutdown_seconds, 300);
  EXPECT_EQ(facts.state, "/var/lib/glance fs");
  EXPECT_EQ(facts.identity, "http://image:9292 1f2e3d");
}

TEST(DaemonFacts, WithoutAStatusNobodyIsThere) {
  EXPECT_EQ(parse_daemon_facts("").process, 0);
  EXPECT_EQ(parse_daemon_facts("process soon\n").process, 0);
}

TEST(DaemonFacts, OnlyTheWholeWordCounts) {
  EXPECT_EQ(status_value(kStatus, "project"), "the team 1f2e3d");
  EXPECT_EQ(status_value(kStatus, "proj"), "");
  EXPECT_EQ(status_value(kStatus, "log"), "") << "it has no value";
}

}  // namespace
}  // namespace glancefs::fs
