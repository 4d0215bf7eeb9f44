#include "client/observed_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/support/fake_transport.h"

namespace glancefs::client {
namespace {

using test::answer;
using test::FakeTransport;
using testing::ElementsAre;

class Notes : public ExchangeObserver {
 public:
  void moved(std::uint64_t sent, std::uint64_t received) noexcept override {
    sent_ += sent;
    received_ += received;
  }
  void ended(const Exchange& exchange) noexcept override {
    lines.push_back(fmt::format("{} {} {} sent {} received {} {}", name_of(exchange.operation),
                                exchange.request.method, result_of(exchange), exchange.sent,
                                exchange.received, exchange.request_id));
    EXPECT_GE(exchange.duration.count(), 0);
    EXPECT_EQ(sent_, exchange.sent) << "all has been told before";
    EXPECT_EQ(received_, exchange.received);
    sent_ = received_ = 0;
  }
  std::vector<std::string> lines;

 private:
  std::uint64_t sent_ = 0, received_ = 0;
};

class Taker : public Sink {
 public:
  void write(std::span<const std::byte> bytes) override {
    if (full) throw_errno(ENOSPC, "full");
    size += bytes.size();
  }
  bool full = false;
  std::size_t size = 0;
};

class Giver : public Source {
 public:
  std::size_t read(std::span<std::byte> into) override {
    const std::size_t size = std::min(left_, into.size());
    left_ -= size;
    return size;
  }
  void restart() override { left_ = 10'000; }
  std::uint64_t size() const override { return 10'000; }

 private:
  std::size_t left_ = 10'000;
};

Request request(const std::string& method) {
  Request made;
  made.method = method;
  made.url = "http://h/v2/images";
  return made;
}

TEST(ObservedTransportTest, TellsOfEachEnd) {
  FakeTransport inner([](const Request& asked) {
    if (asked.method == "DELETE") {
      throw HttpError(Operation::kRemove, Failure::kTimeout, "DELETE", "no answer");
    }
    return answer(asked.method == "PUT" ? 413 : 200, "12345",
                  {{"x-openstack-request-id", "req-7"}});
  });
  Notes notes;
  ObservedTransport transport(inner, notes);
  Taker taker;
  Giver giver;
  Request post = request("POST");
  post.body = "abc";
  EXPECT_EQ(transport.perform(post, Operation::kCreate, nullptr, nullptr, {}).body, "12345");
  transport.perform(request("GET"), Operation::kDownload, nullptr, &taker, {});
  EXPECT_EQ(taker.size, 5U);
  transport.perform(request("PUT"), Operation::kUpload, &giver, nullptr, {});
  EXPECT_THROW(transport.perform(request("DELETE"), Operation::kRemove, nullptr, nullptr, {}),
               HttpError);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(
      transport.perform(request("GET"), Operation::kList, nullptr, nullptr, stop.get_token()),
      std::system_error);
  EXPECT_THAT(notes.lines, ElementsAre("create POST 200 sent 3 received 5 req-7",
                                       "download GET 200 sent 0 received 5 req-7",
                                       "upload PUT 413 sent 10000 received 5 req-7",
                                       "remove DELETE timeout sent 0 received 0 ",
                                       "list GET stopped sent 0 received 0 "));
}

TEST(ObservedTransportTest, WhatTheSinkThrowsPasses) {
  FakeTransport inner([](const Request&) { return answer(206, "12345"); });
  Notes notes;
  ObservedTransport transport(inner, notes);
  Taker taker;
  taker.full = true;
  EXPECT_THROW(transport.perform(request("GET"), Operation::kDownload, nullptr, &taker, {}),
               std::system_error);
  EXPECT_THAT(notes.lines, ElementsAre("download GET 206 sent 0 received 5 "));
}

TEST(PublicUrl, HoldsNoSecret) {
  EXPECT_EQ(public_url("http://h:9292/v2/images"), "http://h:9292/v2/images");
  EXPECT_EQ(public_url("http://user:secret@h:9292/v2"), "http://h:9292/v2");
  EXPECT_EQ(public_url("http://u:p@ss@h/"), "http://h/");
  EXPECT_EQ(public_url("https://h/v2/images?limit=1000&marker=1&sort=id:asc"),
            "https://h/v2/images?limit=1000&marker=1&sort=id:asc");
  EXPECT_EQ(public_url("https://h/x?temp_url_sig=secret&limit=5&key=secret"),
            "https://h/x?temp_url_sig=***&limit=5&key=***");
  EXPECT_EQ(public_url("https://h/tokens?nocatalog"), "https://h/tokens?nocatalog");
}

}  // namespace
}  // namespace glancefs::client
