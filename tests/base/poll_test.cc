#include "base/poll.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <csignal>
#include <thread>

#include "base/fd.h"

namespace glancefs {
namespace {

using Time = std::chrono::steady_clock::time_point;

class PollUntil : public testing::Test {
 protected:
  void tell() const { EXPECT_EQ(::eventfd_write(event_.get(), 1), 0); }

  const Fd event_ = checked_fd(::eventfd(0, EFD_CLOEXEC), "eventfd");
  pollfd waiting_{.fd = event_.get(), .events = POLLIN, .revents = 0};
};

TEST_F(PollUntil, ADeadlineThatHasPassedStillLooks) {
  EXPECT_EQ(poll_until(std::span(&waiting_, 1), Time()), 0);
  tell();
  EXPECT_EQ(poll_until(std::span(&waiting_, 1), Time()), 1);
}

TEST_F(PollUntil, WithoutADeadlineItWaitsForTheEvent) {
  std::thread teller([this] { tell(); });
  EXPECT_EQ(poll_until(std::span(&waiting_, 1), Time::max()), 1);
  EXPECT_NE(waiting_.revents & POLLIN, 0);
  teller.join();
}

TEST_F(PollUntil, SignalsDoNotEndIt) {
  struct sigaction quiet {};
  quiet.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &quiet, &before), 0);
  const pthread_t waiter = ::pthread_self();
  std::thread teller([&] {
    for (int i = 0; i < 100; ++i) ::pthread_kill(waiter, SIGUSR1);
    tell();
  });
  EXPECT_EQ(poll_until(std::span(&waiting_, 1), Time::max()), 1);
  teller.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(PollUntil, WhatPollRefusesIsItsErrno) {
  EXPECT_EQ(poll_until(std::span(static_cast<pollfd*>(nullptr), 1), Time()), -1);
  EXPECT_EQ(errno, EFAULT);
}

}  // namespace
}  // namespace glancefs
