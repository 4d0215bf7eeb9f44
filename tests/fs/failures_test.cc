#include "fs/failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <system_error>

namespace glancefs::fs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr NodeId kNode = 7;

std::exception_ptr failure(int error) {
  return std::make_exception_ptr(std::system_error(error, std::generic_category(), "because"));
}

class FailuresTest : public testing::Test {
 protected:
  int record(int error) { return failures_.record("open", kNode, failure(error)); }
  Failures failures_;
};

TEST_F(FailuresTest, ATroubleIsRememberedAndListed) {
  EXPECT_EQ(record(EPERM), EPERM);
  EXPECT_THAT(failures_.last(kNode).value_or(""), HasSubstr("because"));
  EXPECT_THAT(failures_.text(), HasSubstr("open: because"));
}

TEST_F(FailuresTest, AnOrdinaryAnswerIsRememberedOnly) {
  for (const int error : {ENODATA, EEXIST, EISDIR, ENOTDIR}) {
    failures_.clear(kNode);
    EXPECT_EQ(record(error), error);
    EXPECT_THAT(failures_.last(kNode).value_or(""), HasSubstr("because")) << error;
  }
  EXPECT_THAT(failures_.text(), IsEmpty());
}

TEST_F(FailuresTest, WhatProgramsProvokeDoesNotPushOutWhatMatters) {
  record(EACCES);
  for (const int error : {ENOTSUP, ERANGE, ENXIO, ENOENT}) EXPECT_EQ(record(error), error);
  EXPECT_THAT(failures_.last(kNode).value_or(""), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace glancefs::fs
