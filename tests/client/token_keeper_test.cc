#include "client/token_keeper.h"

#include <atomic>
#include <cerrno>
#include <latch>
#include <thread>

#include "base/fd.h"
#include "client/session.h"
#include "tests/support/fake_clock.h"

namespace glancefs::client {
namespace {

using std::chrono::seconds;

class TokenKeeperTest : public testing::Test {
 protected:
  LoginPtr make() {
    ++made_;
    if (error_ != 0) throw LoginError(error_, "no");
    auto login = std::make_shared<Login>();
    login->value = "t" + std::to_string(made_.load());
    login->expires = clock_.steady() + seconds(3600);
    login->renew = clock_.steady() + seconds(3480);
    return login;
  }

  test::FakeClock clock_;
  std::atomic<int> made_ = 0;
  int error_ = 0;
  TokenKeeper keeper_{clock_, [this](const std::stop_token&) { return make(); }};
};

TEST_F(TokenKeeperTest, MakesOneAndKeepsIt) {
  EXPECT_EQ(keeper_.get({})->value, "t1");
  EXPECT_EQ(keeper_.get({})->value, "t1");
  clock_.advance(seconds(3479));
  EXPECT_EQ(keeper_.get({})->value, "t1");
  clock_.advance(seconds(1));
  EXPECT_EQ(keeper_.get({})->value, "t2");
}

TEST_F(TokenKeeperTest, AnOutageDoesNotEndAGoodToken) {
  keeper_.get({});
  error_ = EHOSTUNREACH;
  clock_.advance(seconds(3500));
  EXPECT_EQ(keeper_.get({})->value, "t1");
  EXPECT_EQ(made_, 2);
  EXPECT_EQ(keeper_.get({})->value, "t1");
  EXPECT_EQ(made_, 2) << "asked again at once";
  clock_.advance(seconds(5));
  EXPECT_EQ(keeper_.get({})->value, "t1");
  EXPECT_EQ(made_, 3);
  clock_.advance(seconds(100));
  EXPECT_THROW(keeper_.get({}), LoginError);
  error_ = 0;
  clock_.advance(seconds(5));
  EXPECT_EQ(keeper_.get({})->value, "t5");
}

TEST_F(TokenKeeperTest, RefusedLoginsAreNotRepeatedInALoop) {
  error_ = EACCES;
  for (const int pause : {30, 60, 120, 240, 300, 300}) {
    const int before = made_;
    EXPECT_THROW(keeper_.get({}), LoginError);
    EXPECT_THROW(keeper_.get({}), LoginError);
    clock_.advance(seconds(pause - 1));
    EXPECT_THROW(keeper_.get({}), LoginError);
    EXPECT_EQ(made_, before + 1) << pause;
    clock_.advance(seconds(1));
  }
  error_ = 0;
  EXPECT_NE(keeper_.get({}), nullptr);
}

TEST_F(TokenKeeperTest, ReplacesARejectedTokenOnce) {
  const LoginPtr first = keeper_.get({});
  const LoginPtr second = keeper_.replace(first, {});
  EXPECT_EQ(second->value, "t2");
  EXPECT_EQ(keeper_.replace(first, {}), second) << "another thread was told the same of t1";
  EXPECT_EQ(keeper_.replace(second, {}), nullptr) << "401 to everything must not become a storm";
  EXPECT_EQ(made_, 2);
  clock_.advance(seconds(30));
  EXPECT_EQ(keeper_.replace(second, {})->value, "t3");
}

TEST_F(TokenKeeperTest, AnOutageWhileReplacingKeepsTheOldToken) {
  const LoginPtr first = keeper_.get({});
  error_ = EHOSTUNREACH;
  EXPECT_THROW(keeper_.replace(first, {}), LoginError);
  EXPECT_THROW(keeper_.replace(first, {}), LoginError);
  EXPECT_EQ(made_, 2) << "asked again at once";
  EXPECT_EQ(keeper_.get({}), first);
  error_ = 0;
  clock_.advance(seconds(5));
  EXPECT_EQ(keeper_.replace(first, {})->value, "t3");
}

TEST_F(TokenKeeperTest, OneLoginForAllThreads) {
  std::latch inside(1);
  std::latch go_on(1);
  TokenKeeper keeper(clock_, [&](const std::stop_token&) {
    inside.count_down();
    go_on.wait();
    return make();
  });
  std::vector<std::jthread> threads;
  threads.emplace_back([&] { EXPECT_EQ(keeper.get({})->value, "t1"); });
  inside.wait();
  for (int i = 0; i < 7; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(keeper.get({})->value, "t1"); });
  }
  go_on.count_down();
  threads.clear();
  EXPECT_EQ(made_, 1);
}

TEST_F(TokenKeeperTest, WaitingEndsWhenToldTo) {
  std::latch inside(1);
  std::latch go_on(1);
  TokenKeeper keeper(clock_, [&](const std::stop_token&) {
    inside.count_down();
    go_on.wait();
    return make();
  });
  std::jthread leader([&] { keeper.get({}); });
  inside.wait();
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  try {
    keeper.get(stop.get_token());
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ECANCELED);
  }
  go_on.count_down();
}

TEST_F(TokenKeeperTest, WhoIsStoppedLeavesNoFailureBehind) {
  int calls = 0;
  TokenKeeper keeper(clock_, [&](const std::stop_token&) {
    if (++calls == 1) throw_errno(ECANCELED, "stopped");
    return make();
  });
  EXPECT_THROW(keeper.get({}), std::system_error);
  EXPECT_EQ(keeper.get({})->value, "t1");
}

}  // namespace
}  // namespace glancefs::client
