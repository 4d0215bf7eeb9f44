// What CurlTransport promises, against a server that does everything wrong.
#include <cerrno>
#include <latch>

#include "client/curl_transport.h"
#include "tests/support/fake_images.h"
#include "tests/support/stub_server.h"

namespace glancefs::client {
namespace {

using std::chrono::milliseconds;
using test::Peer;
using test::StringSink;
using test::StringSource;
using test::StubServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class TransportTest : public testing::Test {
 protected:
  static TransportConfig config() {
    TransportConfig quick;
    quick.user_agent = "glancefs/test";
    quick.connect_timeout = milliseconds(2000);
    quick.silence_timeout = milliseconds(300);
    quick.upload_answer_timeout = milliseconds(5000);
    return quick;
  }

  Response get(const StubServer& server, Sink* sink = nullptr, std::stop_token stop = {}) {
    return perform(request(server, "GET"), nullptr, sink, std::move(stop));
  }
  Response put(const StubServer& server, Source& source) {
    return perform(request(server, "PUT"), &source, nullptr, {});
  }
  Response perform(const Request& request, Source* source, Sink* sink, std::stop_token stop) {
    return transport_.perform(request, Operation::kOther, source, sink, std::move(stop));
  }
  static Request request(const StubServer& server, std::string method) {
    Request made;
    made.method = std::move(method);
    made.url = server.url() + "/path?query";
    return made;
  }

  // How the exchange failed; kNone: it did not.
  Failure failure_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const HttpError& error) {
      what_ = error.what();
      return error.failure();
    }
    return Failure::kNone;
  }

  std::string what_;
  CurlTransport transport_{config()};
};

TEST_F(TransportTest, SendsWhatIsAskedAndNothingElse) {
  std::string head;
  StubServer server([&](Peer& peer, int) {
    head = peer.read_head();
    peer.send("HTTP/1.1 207 Odd\r\nX-One:  a b \r\nx-two:\r\nContent-Length: 2\r\n\r\nok");
  });
  Request asked = request(server, "GET");
  asked.headers.add("X-Auth-Token", "secret");
  asked.headers.add("X-Empty", "");
  const Response answer = perform(asked, nullptr, nullptr, {});
  EXPECT_EQ(answer.status, 207);
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(*answer.headers.find("x-one"), "a b");
  EXPECT_EQ(*answer.headers.find("X-Two"), "");
  EXPECT_THAT(head, testing::StartsWith("GET /path?query HTTP/1.1\r\n"));
  EXPECT_THAT(head, AllOf(HasSubstr("X-Auth-Token: secret\r\n"), HasSubstr("X-Empty:"),
                          HasSubstr("User-Agent: glancefs/test\r\n")));
  for (const char* field : {"Accept", "Expect", "Content-Type", "Transfer-Encoding"}) {
    EXPECT_THAT(head, Not(HasSubstr(field))) << field;
  }
}

TEST_F(TransportTest, BodiesOfPostsHaveALength) {
  std::string head;
  std::string body;
  StubServer server([&](Peer& peer, int) {
    head = peer.read_head();
    body = peer.read_body(5);
    peer.send(kOk);
  });
  Request post = request(server, "POST");
  post.body = "hello";
  post.headers.add("Content-Type", "application/json");
  perform(post, nullptr, nullptr, {});
  EXPECT_EQ(body, "hello");
  EXPECT_THAT(head, AllOf(HasSubstr("Content-Length: 5\r\n"), Not(HasSubstr("Expect")),
                          HasSubstr("Content-Type: application/json\r\n")));
}

TEST_F(TransportTest, AHeaderFieldIsOneLine) {
  StubServer server([](Peer& peer, int) { peer.send(kOk); });
  Request asked = request(server, "GET");
  asked.headers.add("X-Auth-Token", "a\r\nX-Evil: 1");
  EXPECT_THAT([&] { perform(asked, nullptr, nullptr, {}); }, testing::Throws<std::system_error>());
}

TEST_F(TransportTest, ConnectionsAreKept) {
  StubServer server([](Peer& peer, int) {
    while (!peer.read_head().empty()) peer.send(kOk);
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(server).body, "ok");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(TransportTest, AKeptConnectionThatDiedIsReplacedOnce) {
  for (const bool reset : {false, true}) {
    StubServer server([reset](Peer& peer, int number) {
      peer.read_head();
      peer.send(kOk);
      peer.read_head();
      // The first connection takes the second request and dies without a word.
      if (number == 1 && reset) peer.end_with_reset();
      if (number > 1) peer.send(kOk);
    });
    EXPECT_EQ(get(server).body, "ok");
    const Request login = request(server, "POST");
    EXPECT_EQ(transport_.perform(login, Operation::kLogin, nullptr, nullptr, {}).body, "ok");
    EXPECT_EQ(server.connections(), 2);
  }
}

TEST_F(TransportTest, WhatMustNotHappenTwiceGetsANewConnection) {
  for (const char* method : {"DELETE", "PATCH", "POST"}) {
    StubServer server([](Peer& peer, int number) {
      peer.read_head();
      if (number == 1) peer.send(kOk);
      peer.end_with_reset();
    });
    EXPECT_EQ(get(server).body, "ok");
    EXPECT_EQ(failure_of([&] { perform(request(server, method), nullptr, nullptr, {}); }),
              Failure::kProtocol)
        << method;
    EXPECT_EQ(server.connections(), 2) << method;
  }
}

TEST_F(TransportTest, AFreshConnectionThatDiesIsAFailure) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.end_with_reset();
  });
  EXPECT_EQ(failure_of([&] { get(server); }), Failure::kProtocol);
  EXPECT_EQ(server.connections(), 1) << "whether it may be repeated is for others to say";
}

TEST_F(TransportTest, ShortBodiesAreFailures) {
  for (const bool reset : {false, true}) {
    StubServer server([reset](Peer& peer, int) {
      peer.read_head();
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
      if (reset) peer.end_with_reset();
    });
    StringSink sink;
    EXPECT_EQ(failure_of([&] { get(server, &sink); }), Failure::kProtocol);
    EXPECT_TRUE(reset || sink.text() == "12345") << "what came is kept: the rest is fetched later";
  }
}

TEST_F(TransportTest, ChunkedAnswersAndTrailers) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n");
  });
  const Response answer = get(server);
  EXPECT_EQ(answer.body, "abc");
  EXPECT_EQ(answer.headers.find("X-T"), nullptr);
}

TEST_F(TransportTest, RedirectsAreAnswers) {
  StubServer evil([](Peer& peer, int) { peer.send(kOk); });
  StubServer server([&evil](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 302 Found\r\nLocation: " + evil.url() + "/\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(get(server).status, 302);
  EXPECT_EQ(evil.connections(), 0);
}

TEST_F(TransportTest, OnlyHttp) {
  Request file;
  file.url = "file:///etc/passwd";
  EXPECT_NE(failure_of([&] { perform(file, nullptr, nullptr, {}); }), Failure::kNone);
}

TEST_F(TransportTest, OnlySuccessesReachTheSink) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno");
  });
  StringSink sink;
  EXPECT_EQ(get(server, &sink).body, "no");
  EXPECT_EQ(sink.text(), "");
}

struct RefusingSink : Sink {
  void begin(const Response& head) override {
    status = head.status;
    throw std::domain_error("not this");
  }
  void write(std::span<const std::byte>) override { ADD_FAILURE() << "bytes after a refusal"; }
  int status = 0;
};

TEST_F(TransportTest, ASinkMayRefuseAtOnce) {
  for (const char* answer : {"HTTP/1.1 204 No Content\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nxxxx"}) {
    StubServer server([answer](Peer& peer, int) {
      peer.read_head();
      peer.send(answer);
      peer.wait_for_close();
    });
    RefusingSink sink;
    EXPECT_THROW(get(server, &sink), std::domain_error);
    EXPECT_NE(sink.status, 0);
  }
}

TEST_F(TransportTest, SilenceEnds) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"}) {
    StubServer server([answer](Peer& peer, int) {
      peer.read_head();
      peer.send(answer);
      peer.wait_for_close();
    });
    EXPECT_EQ(failure_of([&] { get(server); }), Failure::kTimeout) << answer;
    EXPECT_THAT(what_, HasSubstr(" 0.3 s")) << answer;
  }
}

TEST_F(TransportTest, ATrickleIsSilence) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    // Ends when the client has had enough.
    while (peer.send("x")) std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_EQ(failure_of([&] { get(server); }), Failure::kTimeout);
}

TEST_F(TransportTest, TheTimeLimitIsForAll) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.wait_for_close();
  });
  Request limited = request(server, "GET");
  limited.time_limit = milliseconds(50);
  EXPECT_EQ(failure_of([&] { perform(limited, nullptr, nullptr, {}); }), Failure::kTimeout);
  EXPECT_THAT(what_, HasSubstr("not done after 0.05 s"));
}

TEST_F(TransportTest, StopsWhenToldTo) {
  std::latch asked(1);
  StubServer server([&asked](Peer& peer, int) {
    peer.read_head();
    asked.count_down();
    peer.wait_for_close();
  });
  TransportConfig patient = config();
  patient.silence_timeout = std::chrono::hours(1);
  CurlTransport transport(patient);
  std::stop_source stop;
  std::jthread stopper([&] {
    asked.wait();
    stop.request_stop();
  });
  try {
    transport.perform(request(server, "GET"), Operation::kShow, nullptr, nullptr, stop.get_token());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ECANCELED);
  }
}

TEST_F(TransportTest, NobodyListens) {
  Request asked;
  {
    const StubServer gone([](Peer&, int) {});
    asked = request(gone, "GET");
  }
  EXPECT_EQ(failure_of([&] { perform(asked, nullptr, nullptr, {}); }), Failure::kConnect);
  EXPECT_THAT(what_, HasSubstr("connection refused"));
  EXPECT_THAT(what_, Not(HasSubstr("query")));
}

TEST_F(TransportTest, NoTlsSpoken) {
  StubServer server([](Peer& peer, int) {
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    peer.wait_for_close();
  });
  Request asked;
  asked.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  EXPECT_EQ(failure_of([&] { perform(asked, nullptr, nullptr, {}); }), Failure::kTls);
  EXPECT_THAT(what_, HasSubstr("does not speak TLS; is it http://?"));
}

TEST_F(TransportTest, AnswersAreBounded) {
  StubServer heads([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\n");
    while (peer.send("X-Flood: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  EXPECT_EQ(failure_of([&] { get(heads); }), Failure::kProtocol);
  StubServer bodies([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send(std::string(1 << 20, '0'))) {
    }
  });
  EXPECT_EQ(failure_of([&] { get(bodies); }), Failure::kProtocol);
  EXPECT_THAT(what_, HasSubstr("longer than 64 MiB"));
}

TEST_F(TransportTest, UnaskedEncodingsAreRefused) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok");
  });
  EXPECT_EQ(failure_of([&] { get(server); }), Failure::kProtocol);
}

TEST_F(TransportTest, NotHttp) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("SSH-2.0-OpenSSH_9.2\r\n");
    peer.wait_for_close();
  });
  EXPECT_EQ(failure_of([&] { get(server); }), Failure::kProtocol);
}

// Uploads.

TEST_F(TransportTest, AnUploadWaitsForLeave) {
  std::string head;
  std::string body;
  StubServer server([&](Peer& peer, int) {
    head = peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    body = peer.read_body(1000000);
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  StringSource source(std::string(1000000, 'u'));
  EXPECT_EQ(put(server, source).status, 204);
  EXPECT_EQ(body, std::string(1000000, 'u'));
  EXPECT_THAT(head, AllOf(HasSubstr("Expect: 100-continue\r\n"),
                          HasSubstr("Content-Length: 1000000\r\n"), Not(HasSubstr("chunked"))));
}

class CountingSource : public StringSource {
 public:
  using StringSource::StringSource;
  std::size_t read(std::span<std::byte> into) override {
    ++reads;
    return StringSource::read(into);
  }
  int reads = 0;
};

TEST_F(TransportTest, ARefusalCostsNoUpload) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  });
  CountingSource source(std::string(1000000, 'u'));
  EXPECT_EQ(put(server, source).body, "no");
  EXPECT_EQ(source.reads, 0);
}

TEST_F(TransportTest, WithoutLeaveItGoesOnAfterASecond) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.read_body(5);
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  TransportConfig patient = config();
  patient.silence_timeout = milliseconds(5000);
  CurlTransport transport(patient);
  StringSource source("hello");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(
      transport.perform(request(server, "PUT"), Operation::kUpload, &source, nullptr, {}).status,
      204);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(3000));
}

TEST_F(TransportTest, AnEarlyAnswerCounts) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.read_body(100000);
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull");
    peer.wait_for_close();
  });
  StringSource source(std::string(50'000'000, 'u'));
  const Response answer = put(server, source);
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "full");
}

TEST_F(TransportTest, AnEarlyAnswerCountsThoughAResetFollows) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.read_body(4'000'000);
    // Closing with bytes unread is a RST.
    peer.send("HTTP/1.1 404 Gone\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone");
  });
  StringSource source(std::string(50'000'000, 'u'));
  EXPECT_EQ(put(server, source).body, "gone");
}

TEST_F(TransportTest, StoringMayTakeLongerThanSilence) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.read_body(5);
    std::this_thread::sleep_for(milliseconds(600));  // twice what silence may last elsewhere
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  StringSource source("hello");
  EXPECT_EQ(put(server, source).status, 204);
}

TEST_F(TransportTest, AServerThatStopsReading) {
  std::latch done(1);
  StubServer stuck([&done](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    done.wait();
  });
  StringSource source(std::string(50'000'000, 'u'));
  EXPECT_EQ(failure_of([&] { put(stuck, source); }), Failure::kTimeout);
  done.count_down();
}

TEST_F(TransportTest, AResetInTheMiddleOfAnUpload) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.read_body(100000);
    peer.end_with_reset();
  });
  StringSource source(std::string(50'000'000, 'u'));
  EXPECT_EQ(failure_of([&] { put(server, source); }), Failure::kProtocol);
}

TEST_F(TransportTest, ASourcesOwnErrorPassesUnchanged) {
  StubServer server([](Peer& peer, int) {
    peer.read_head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.wait_for_close();
  });
  struct BrokenSource : StringSource {
    using StringSource::StringSource;
    std::size_t read(std::span<std::byte>) override { throw std::domain_error("disk"); }
  } source("hello");
  EXPECT_THROW(put(server, source), std::domain_error);
}

TEST(TransportConfigTest, WhereTheCaComesFrom) {
  Cloud cloud;
  const std::map<std::string, std::string> environment{{"SSL_CERT_FILE", "/c"},
                                                       {"CURL_CA_BUNDLE", "/b"}};
  EXPECT_EQ(transport_config(cloud, environment).ca_file, "/b");
  cloud.ca_file = "/a";
  EXPECT_EQ(transport_config(cloud, environment).ca_file, "/a");
  EXPECT_EQ(transport_config({}, {}).ca_file, "");
  EXPECT_TRUE(transport_config({}, {}).verify);
}

}  // namespace
}  // namespace glancefs::client
