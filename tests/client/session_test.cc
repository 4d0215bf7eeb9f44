#include "client/session.h"

#include <cerrno>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_images.h"
#include "tests/support/stub_keystone.h"

namespace glancefs::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Answer;
using test::answer;
using testing::HasSubstr;

bool is_login(const Request& request) {
  return request.method == "POST" && request.url.find("/auth/tokens") != std::string::npos;
}

class SessionTest : public testing::Test {
 protected:
  // Answers logins with tokens t1, t2 …, the schema, and everything else with `glance`.
  Answer handle(const Request& request) {
    if (is_login(request)) {
      if (keystone_) return keystone_();
      return test::token_answer("t" + std::to_string(++tokens_), life_);
    }
    if (request.url.ends_with("/v2/schemas/image")) {
      return schema_ ? schema_() : test::schema_answer();
    }
    return glance_ ? glance_(request) : answer(200);
  }

  Response get(const std::string& path = "/v2/images", bool repeatable = true) {
    return session_.call(
        {.method = "GET", .url = path, .headers = {}, .body = {}, .time_limit = {}},
        Operation::kList, repeatable, nullptr, nullptr, {});
  }

  int failure_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      what_ = error.what();
      return error.code().value();
    }
    return 0;
  }

  std::function<Answer()> keystone_, schema_;
  std::function<Answer(const Request&)> glance_;
  int tokens_ = 0;
  int life_ = 3600;
  std::string what_;
  test::FakeClock clock_;
  test::FakeTransport transport_{[this](const Request& request) { return handle(request); }};
  RetryPolicy retry_{
      .attempts = 4, .first_pause = milliseconds(1), .longest_pause = milliseconds(2)};
  Session session_{test::password_cloud(), transport_, clock_, retry_};
};

TEST_F(SessionTest, LogsInAndFindsTheEndpoint) {
  session_.log_in({});
  EXPECT_EQ(session_.endpoint(), "https://images.example/image");
  EXPECT_EQ(session_.identity(), (Identity{.endpoint = "https://images.example/image",
                                           .project_id = "p1",
                                           .project_name = "demo",
                                           .user_id = "u1",
                                           .roles = "member,reader",
                                           .is_admin = false}));
  EXPECT_EQ(*session_.expires(), clock_.wall() + seconds(3600));
  const Request login = transport_.requests().at(0);
  EXPECT_EQ(login.url, "https://ks.example:5000/v3/auth/tokens");
  EXPECT_EQ(login.body,
            R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":)"
            R"({"name":"Default"},"name":"ann","password":"secret-word"}}},)"
            R"("scope":{"project":{"domain":{"id":"default"},"name":"demo"}}}})");
}

TEST_F(SessionTest, ANewLoginTakesThePlaceOfTheOld) {
  session_.log_in({});
  Cloud cloud = test::password_cloud();
  cloud.password = "new-word";
  session_.log_in_anew(cloud, {});
  get();
  EXPECT_EQ(*transport_.requests().back().headers.find("X-Auth-Token"), "t2");
  EXPECT_EQ(session_.cloud()->password, "new-word") << "also for the renewals to come";
}

TEST_F(SessionTest, ANewLoginThatFailsChangesNothing) {
  session_.log_in({});
  keystone_ = [] { return answer(401, R"({"error":{"message":"no"}})"); };
  Cloud cloud = test::password_cloud();
  cloud.password = "wrong";
  EXPECT_EQ(failure_of([&] { session_.log_in_anew(cloud, {}); }), EACCES);
  get();
  EXPECT_EQ(*transport_.requests().back().headers.find("X-Auth-Token"), "t1");
  EXPECT_EQ(session_.cloud()->password, "secret-word");
}

TEST_F(SessionTest, ANewLoginMustSeeTheSame) {
  session_.log_in({});
  Cloud cloud = test::password_cloud();
  cloud.endpoint_override = "https://elsewhere.example";
  EXPECT_EQ(failure_of([&] { session_.log_in_anew(cloud, {}); }), EACCES);
  EXPECT_THAT(what_, HasSubstr("the new login is not for the project"));
  EXPECT_EQ(session_.endpoint(), "https://images.example/image");
}

TEST_F(SessionTest, EveryRequestIsMarked) {
  session_.log_in({});
  get();
  const Request request = transport_.requests().back();
  EXPECT_EQ(request.url, "https://images.example/image/v2/images");
  EXPECT_EQ(*request.headers.find("X-Auth-Token"), "t1");
  EXPECT_EQ(*request.headers.find("Accept"), "application/json");
  EXPECT_THAT(*request.headers.find("X-OpenStack-Request-ID"),
              testing::MatchesRegex("req-[0-9a-f-]{36}"));
}

[[noreturn]] void lose_connection() {
  throw HttpError(Operation::kList, Failure::kConnect, "GET /v2/images", "connection refused");
}

TEST_F(SessionTest, WhileNothingAnswersEachCallIsOneTry) {
  int asked = 0;
  bool away = true;
  glance_ = [&](const Request&) -> Answer {
    ++asked;
    if (away) lose_connection();
    return answer(200);
  };
  EXPECT_EQ(failure_of([&] { get(); }), EHOSTUNREACH);
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(failure_of([&] { get(); }), EHOSTUNREACH);
  EXPECT_EQ(asked, 5);
  EXPECT_EQ(session_.retry().attempts, 1);
  away = false;
  get();
  away = true;
  EXPECT_EQ(failure_of([&] { get(); }), EHOSTUNREACH);
  EXPECT_EQ(asked, 10) << "it had answered, so it may be worth a few tries again";
}

class Assuming : public SessionTest {
 protected:
  const Identity known_{.endpoint = "https://images.example/image",
                        .project_id = "p1",
                        .project_name = "an older name",
                        .user_id = "u1",
                        .roles = "member,reader",
                        .is_admin = false};
};

TEST_F(Assuming, GoesOnAsBeforeAndLogsInWhenItCan) {
  keystone_ = []() -> Answer { lose_connection(); };
  try {
    session_.log_in({});
    FAIL() << "there is no Keystone";
  } catch (const LoginError& error) {
    EXPECT_TRUE(error.is_outage());
  }
  session_.assume(known_);
  EXPECT_EQ(session_.identity(), known_);
  EXPECT_EQ(session_.endpoint(), known_.endpoint);
  EXPECT_EQ(failure_of([&] { get(); }), EHOSTUNREACH);
  EXPECT_EQ(session_.retry().attempts, 1) << "nor need anybody try who repeats by himself";
  keystone_ = nullptr;
  clock_.advance(seconds(6));
  get();
  EXPECT_EQ(session_.identity().project_name, "demo");
}

TEST_F(Assuming, WhoLogsInMustSeeTheSame) {
  Identity other = known_;
  other.roles = "admin,member";
  session_.assume(other);
  EXPECT_EQ(failure_of([&] { get(); }), EACCES);
  EXPECT_THAT(what_, HasSubstr("mount again"));
  EXPECT_EQ(transport_.requests().size(), 1U) << "nothing is asked with the wrong token";
  Identity moved = known_;
  moved.endpoint = "https://elsewhere.example";
  session_.assume(moved);
  clock_.advance(seconds(31));
  EXPECT_EQ(failure_of([&] { get(); }), EACCES);
}

TEST_F(Assuming, AnImageServiceThatDoesNotAnswerLeavesTheLoginToCompareWith) {
  keystone_ = nullptr;
  schema_ = []() -> Answer { lose_connection(); };
  EXPECT_EQ(failure_of([&] { session_.log_in({}); }), EHOSTUNREACH);
  Identity other = known_;
  other.user_id = "u2";
  EXPECT_EQ(failure_of([&] { session_.assume(other); }), EACCES);
  session_.assume(known_);
  schema_ = nullptr;
  get();
  EXPECT_EQ(tokens_, 1);
}

TEST_F(SessionTest, ARefusedLoginIsNoOutage) {
  keystone_ = [] { return answer(401); };
  try {
    session_.log_in({});
    FAIL();
  } catch (const LoginError& error) {
    EXPECT_FALSE(error.is_outage());
  }
  keystone_ = [] { return answer(503); };
  try {
    session_.log_in({});
    FAIL();
  } catch (const LoginError& error) {
    EXPECT_TRUE(error.is_outage());
  }
}

TEST_F(SessionTest, LogsInByItselfWhenNobodyDid) {
  get();
  EXPECT_EQ(tokens_, 1);
}

TEST_F(SessionTest, RenewsBeforeTheEnd) {
  get();
  clock_.advance(seconds(3600 - 121));
  get();
  EXPECT_EQ(tokens_, 1);
  clock_.advance(seconds(1));
  get();
  EXPECT_EQ(tokens_, 2);
  EXPECT_EQ(*transport_.requests().back().headers.find("X-Auth-Token"), "t2");
  EXPECT_EQ(transport_.count("POST", "?nocatalog"), 1) << "the endpoint is known";
}

TEST_F(SessionTest, AShortTokenIsRenewedInItsLastQuarter) {
  life_ = 20;
  get();
  clock_.advance(seconds(14));
  get();
  EXPECT_EQ(tokens_, 1);
  clock_.advance(seconds(1));
  get();
  EXPECT_EQ(tokens_, 2);
}

TEST_F(SessionTest, OneNewLoginAfter401) {
  glance_ = [](const Request& request) {
    return answer(*request.headers.find("X-Auth-Token") == "t2" ? 200 : 401);
  };
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(tokens_, 2);
}

TEST_F(SessionTest, AnUploadIsRepeatedAfter401) {
  glance_ = [](const Request& request) {
    return answer(*request.headers.find("X-Auth-Token") == "t2" ? 204 : 401);
  };
  test::StringSource source("the bytes");
  session_.call({.method = "PUT", .url = "/x", .headers = {}, .body = {}, .time_limit = {}},
                Operation::kUpload, false, &source, nullptr, {});
  EXPECT_EQ(transport_.requests().back().body, "the bytes");
}

TEST_F(SessionTest, RefusedForEverIsNoLoginStorm) {
  glance_ = [](const Request&) { return answer(401, R"({"message": "no"})"); };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(failure_of([&] { get(); }), EACCES);
  EXPECT_EQ(tokens_, 2);
}

TEST_F(SessionTest, KeystoneDownWhileGlanceSays401IsAnOutage) {
  get();
  glance_ = [](const Request&) { return answer(401); };
  keystone_ = []() -> Answer {
    throw HttpError(Operation::kLogin, Failure::kConnect, "POST", "connection refused");
  };
  EXPECT_EQ(failure_of([&] { get("/v2/images", false); }), EHOSTUNREACH);
  glance_ = [](const Request&) { return answer(200); };
  EXPECT_EQ(get().status, 200) << "the old token is kept: another worker may still know it";
}

TEST_F(SessionTest, RefusedCredentialsAreNotTriedAgainAtOnce) {
  get();
  keystone_ = [] { return answer(401, R"({"error": {"message": "no"}})"); };
  clock_.advance(seconds(4000));
  EXPECT_EQ(failure_of([&] { get(); }), EACCES);
  EXPECT_EQ(failure_of([&] { get(); }), EACCES);
  EXPECT_EQ(transport_.count("POST", "/auth/tokens"), 2);
  keystone_ = nullptr;
  clock_.advance(seconds(30));
  EXPECT_EQ(get().status, 200);
}

TEST_F(SessionTest, RepeatsWhatMayPass) {
  int calls = 0;
  glance_ = [&calls](const Request&) {
    if (++calls == 1) return answer(503);
    if (calls == 2) throw HttpError(Operation::kList, Failure::kProtocol, "GET", "reset");
    return answer(calls == 3 ? 429 : 200);
  };
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(calls, 4);
}

TEST_F(SessionTest, GivesUpAfterFourAndSaysWhy) {
  glance_ = [](const Request&) {
    return answer(503, R"({"message": "busy"})", {{"X-Openstack-Request-Id", "req-7"}});
  };
  try {
    get();
    FAIL();
  } catch (const HttpError& error) {
    EXPECT_EQ(error.status(), 503);
    EXPECT_EQ(error.message(), "busy");
    EXPECT_EQ(error.request_id(), "req-7");
  }
  EXPECT_EQ(transport_.count("GET", "/v2/images"), 4);
}

TEST_F(SessionTest, NeverRepeatsWhatMustNotBe) {
  glance_ = [](const Request&) { return answer(503); };
  EXPECT_EQ(failure_of([&] { get("/v2/images", false); }), EIO);
  EXPECT_EQ(transport_.count("GET", "/v2/images"), 1);
  glance_ = [](const Request&) { return answer(404); };
  EXPECT_EQ(failure_of([&] { get("/v2/images/x"); }), EIO);
  EXPECT_EQ(transport_.count("GET", "/v2/images/x"), 1);
}

TEST_F(SessionTest, ARedirectIsAnErrorThatNamesItsTarget) {
  glance_ = [](const Request&) {
    return answer(302, "", {{"Location", "http://evil.example/\x1b[31m"}});
  };
  EXPECT_EQ(failure_of([&] { get(); }), EIO);
  EXPECT_THAT(what_, HasSubstr("redirected to http://evil.example/\\x1b[31m"));
}

TEST_F(SessionTest, StopsBetweenTries) {
  std::stop_source stop;
  glance_ = [&stop](const Request&) {
    stop.request_stop();
    return answer(503);
  };
  EXPECT_EQ(failure_of([&] {
              session_.call(
                  {.method = "GET", .url = "/x", .headers = {}, .body = {}, .time_limit = {}},
                  Operation::kShow, true, nullptr, nullptr, stop.get_token());
            }),
            ECANCELED);
}

TEST_F(SessionTest, LogOutGivesTheTokenBack) {
  session_.log_in({});
  session_.log_out();
  const Request request = transport_.requests().back();
  EXPECT_EQ(request.method, "DELETE");
  EXPECT_EQ(*request.headers.find("X-Subject-Token"), "t1");
  session_.log_out();
  EXPECT_EQ(transport_.count("DELETE", "/auth/tokens"), 1);
}

// What mount prints.

LoginError login_error(const Cloud& cloud, const test::FakeTransport::Handler& handler) {
  test::FakeTransport transport(handler);
  const Clock clock;
  Session session(cloud, transport, clock);
  try {
    session.log_in({});
  } catch (const LoginError& error) {
    EXPECT_THAT(std::string(error.what()) + error.hint(), testing::Not(HasSubstr("secret-word")));
    EXPECT_EQ(transport.count("POST", "/auth/tokens"), 1) << "Keystone locks accounts";
    return error;
  }
  ADD_FAILURE() << "no LoginError";
  return LoginError(0, "");
}

TEST(LogIn, Refused) {
  const LoginError error = login_error(test::password_cloud(), [](const Request&) {
    return answer(401, R"({"error": {"message": "The request you have made requires ..."}})");
  });
  EXPECT_EQ(error.code().value(), EACCES);
  EXPECT_EQ(error.text(),
            "prod: login refused by https://ks.example:5000/v3 for user \"ann\" (domain Default), "
            "project \"demo\" (domain default): 401");
  EXPECT_THAT(error.hint(), HasSubstr("does not say which"));
}

TEST(LogIn, NoSuchEndpoint) {
  Cloud cloud = test::password_cloud();
  cloud.region = "RegionTwo";
  const LoginError error =
      login_error(cloud, [](const Request&) { return test::token_answer("t"); });
  EXPECT_EQ(error.code().value(), ENODEV);
  EXPECT_EQ(error.text(),
            "prod: the service catalogue has no image service with interface \"public\" in region "
            "\"RegionTwo\" (has: RegionOne internal, public)");
}

TEST(LogIn, CertificateNotTrusted) {
  const LoginError error = login_error(test::password_cloud(), [](const Request&) -> Answer {
    throw HttpError(Operation::kLogin, Failure::kTls, "POST",
                    "certificate not trusted: self-signed certificate");
  });
  EXPECT_EQ(error.code().value(), EACCES);
  EXPECT_EQ(error.text(),
            "prod: https://ks.example:5000: certificate not trusted: self-signed certificate");
  EXPECT_THAT(error.hint(), HasSubstr("os-cacert"));
}

TEST(LogIn, Unreachable) {
  const LoginError error = login_error(test::password_cloud(), [](const Request&) -> Answer {
    throw HttpError(Operation::kLogin, Failure::kConnect, "POST", "connection refused");
  });
  EXPECT_EQ(error.code().value(), EHOSTUNREACH);
  EXPECT_EQ(error.text(), "prod: cannot reach https://ks.example:5000: connection refused");
}

TEST(LogIn, WithoutAProject) {
  const LoginError error = login_error(test::password_cloud(), [](const Request&) {
    return answer(201, R"({"token": {"expires_at": "2026-03-01T13:00:10.000000Z"}})",
                  {{"X-Subject-Token", "t"}});
  });
  EXPECT_EQ(error.code().value(), EINVAL);
  EXPECT_THAT(error.text(), HasSubstr("not for a project"));
}

TEST(LogIn, NotAKeystone) {
  for (const int status : {200, 300, 403}) {
    const LoginError error = login_error(test::password_cloud(), [status](const Request&) {
      Answer page = answer(status, "<html><title>Welcome</title></html>");
      page.response.headers = {};
      page.response.headers.add("Content-Type", "text/html");
      return page;
    });
    EXPECT_EQ(error.code().value(), EPROTO) << status;
    EXPECT_THAT(error.text(), HasSubstr("is not a Keystone v3"));
  }
}

TEST(LogIn, WrongImageEndpoint) {
  const LoginError error = login_error(test::password_cloud(), [](const Request& request) {
    return is_login(request) ? test::token_answer("t") : answer(300, R"({"versions": []})");
  });
  EXPECT_EQ(error.code().value(), EPROTO);
  EXPECT_THAT(error.text(), HasSubstr("https://images.example/image is not an image service: 300"));
}

TEST(LogIn, ASecondFactorThatNobodyGave) {
  const LoginError error = login_error(test::password_cloud(), [](const Request&) {
    return answer(401, R"({"receipt": {}, "required_auth_methods": [["totp", "password"]]})",
                  {{"Openstack-Auth-Receipt", "r"}});
  });
  EXPECT_EQ(error.code().value(), EACCES);
  EXPECT_THAT(error.hint(), HasSubstr("os-passcode"));
}

TEST(LogIn, SecondFactorByReceipt) {
  Cloud cloud = test::password_cloud();
  cloud.passcode = "123456";
  test::FakeTransport transport([](const Request& request) {
    if (!is_login(request)) return test::schema_answer();
    const std::string* receipt = request.headers.find("Openstack-Auth-Receipt");
    return receipt == nullptr ? answer(401, "{}", {{"Openstack-Auth-Receipt", "r1"}})
                              : test::token_answer("t");
  });
  test::FakeClock clock;
  Session session(cloud, transport, clock);
  session.log_in({});
  EXPECT_THAT(transport.requests().at(1).body, HasSubstr(R"("methods":["totp"])"));
  // The code is used up: no second login with it, which could only lock the account.
  clock.advance(seconds(5000));
  EXPECT_THROW(session.call({}, Operation::kList, false, nullptr, nullptr, {}), HttpError);
  EXPECT_EQ(transport.count("POST", "/auth/tokens"), 2);
}

TEST(LogIn, WithoutKeystone) {
  Cloud cloud;
  cloud.auth_type = AuthType::kHttpBasic;
  cloud.endpoint_override = "http://g:9292/v2/";
  cloud.user.name = "ann";
  cloud.password = "secret";
  test::FakeTransport transport([](const Request&) { return test::schema_answer(); });
  const Clock clock;
  Session basic(cloud, transport, clock);
  basic.log_in({});
  EXPECT_EQ(basic.endpoint(), "http://g:9292");
  EXPECT_EQ(*transport.requests().back().headers.find("Authorization"), "Basic YW5uOnNlY3JldA==");
  cloud.auth_type = AuthType::kNone;
  Session none(cloud, transport, clock);
  none.log_in({});
  EXPECT_EQ(transport.requests().back().headers.find("X-Auth-Token"), nullptr);
  EXPECT_FALSE(none.expires());
}

}  // namespace
}  // namespace glancefs::client
