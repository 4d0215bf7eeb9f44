#include "fs/metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "client/observed_transport.h"
#include "fs/metrics/operation_counters.h"
#include "fs/metrics/request_counters.h"
#include "tests/support/exposition_parser.h"

namespace glancefs::fs {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using test::parse_exposition;
using test::value_in;
using enum Exposition::Type;

TEST(ExpositionTest, HasTheFormThatPrometheusWants) {
  Exposition text;
  text.family("glancefs_x_total", kCounter, "One\ntwo \\ three");
  text.sample(std::uint64_t{7}, {{"name", "a \"b\" \\ c\nd"}, {"other", ""}});
  text.single("glancefs_y", kGauge, "Why.", 0.5);
  EXPECT_EQ(text.text(),
            "# HELP glancefs_x_total One\\ntwo \\\\ three\n"
            "# TYPE glancefs_x_total counter\n"
            "glancefs_x_total{name=\"a \\\"b\\\" \\\\ c\\nd\",other=\"\"} 7\n"
            "# HELP glancefs_y Why.\n"
            "# TYPE glancefs_y gauge\n"
            "glancefs_y 0.5\n");
  const auto families = parse_exposition(text.text());
  EXPECT_EQ(value_in(families, "glancefs_x_total", {{"name", "a \"b\" \\ c\nd"}, {"other", ""}}),
            7);
  EXPECT_EQ(families.at("glancefs_x_total").help, "One\ntwo \\ three");
}

TEST(ExpositionTest, BucketsAreCumulative) {
  Histogram histogram;
  histogram.add(microseconds(16));  // the bound belongs to the bucket
  histogram.add(microseconds(17));
  histogram.add(milliseconds(1000));
  histogram.add(std::chrono::hours(1));
  Exposition text;
  text.family("glancefs_d_seconds", kHistogram, "How long.");
  text.histogram(histogram, {{"operation", "read"}});
  const auto families = parse_exposition(text.text());
  const auto bucket = [&](const std::string& bound) {
    for (const auto& sample : families.at("glancefs_d_seconds").samples) {
      if (sample.labels.contains("le") && sample.labels.at("le") == bound) return sample.value;
    }
    return -1.0;
  };
  EXPECT_EQ(bucket("1.6e-05"), 1);
  EXPECT_EQ(bucket("6.4e-05"), 2);
  EXPECT_EQ(bucket("1.048576"), 3);
  EXPECT_EQ(bucket("67.108864"), 3);
  EXPECT_EQ(bucket("+Inf"), 4);
}

// So that the other tests can rely on it.
TEST(ExpositionTest, TheParserIsStrict) {
  const std::string head = "# HELP x_total h\n# TYPE x_total counter\n";
  EXPECT_NO_THROW(parse_exposition(head + "x_total 1\nx_total{a=\"b\"} 2\n"));
  for (const char* wrong :
       {"x_total 1", "x_total{a=\"b\"} 1\nx_total{a=\"b\"} 2\n", "y_total 1\n", "x_total -1\n",
        "x_total{a=b} 1\n", "x_total{a=\"\\q\"} 1\n", "x_total one\n", "x_total{a=\"b\" 1\n",
        "# HELP x_total again\n# TYPE x_total counter\n", "x_total{0=\"b\"} 1\n", "\n"}) {
    EXPECT_THROW(parse_exposition(head + wrong), std::runtime_error) << wrong;
  }
  EXPECT_THROW(parse_exposition("x_total 1\n"), std::runtime_error);
  EXPECT_THROW(parse_exposition("# HELP x h\n# TYPE x counter\nx 1\n"), std::runtime_error);
  const std::string histogram = "# HELP h h\n# TYPE h histogram\n";
  EXPECT_THROW(parse_exposition(histogram + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n"
                                            "h_sum 1\nh_count 1\n"),
               std::runtime_error);
  EXPECT_THROW(parse_exposition(histogram + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n"),
               std::runtime_error);
}

TEST(OperationCountersTest, CountByOperationAndResult) {
  OperationCounters counters;
  counters.count("read", 0, microseconds(5));
  counters.count("read", 0, microseconds(5));
  counters.count("lookup", ENOENT, microseconds(5));
  counters.count("open", -3, microseconds(5));  // no errno, and still counted
  counters.count("open", 100000, microseconds(5));
  Exposition text;
  counters.write(text);
  const auto families = parse_exposition(text.text());
  const std::string name = "glancefs_fuse_operations_total";
  EXPECT_EQ(value_in(families, name, {{"operation", "read"}, {"result", "ok"}}), 2);
  EXPECT_EQ(value_in(families, name, {{"operation", "lookup"}, {"result", "ENOENT"}}), 1);
  EXPECT_EQ(value_in(families, name, {{"operation", "open"}, {"result", "EIO"}}), 2);
  EXPECT_EQ(families.at(name).samples.size(), 3U) << "only of what has happened";
}

TEST(RequestCountersTest, CountByWhatForAndResult) {
  RequestCounters counters;
  const client::Request request;
  client::Exchange exchange{.request = request,
                            .operation = client::Operation::kList,
                            .status = 200,
                            .request_id = {},
                            .duration = milliseconds(3)};
  counters.ended(exchange);
  counters.ended(exchange);
  exchange.status = 0;
  exchange.failure = client::Failure::kTimeout;
  counters.ended(exchange);
  exchange.stopped = true;
  counters.ended(exchange);
  const client::Exchange unusable{.request = request,
                                  .operation = client::Operation::kDownload,
                                  .request_id = {},
                                  .duration = milliseconds(3)};
  counters.ended(unusable);
  counters.moved(5, 0);
  counters.moved(1, 70);
  Exposition text;
  counters.write(text);
  const auto families = parse_exposition(text.text());
  const std::string name = "glancefs_requests_total";
  EXPECT_EQ(value_in(families, name, {{"operation", "list"}, {"result", "200"}}), 2);
  EXPECT_EQ(value_in(families, name, {{"operation", "list"}, {"result", "timeout"}}), 1);
  EXPECT_EQ(value_in(families, name, {{"operation", "list"}, {"result", "stopped"}}), 1);
  EXPECT_EQ(value_in(families, name, {{"operation", "download"}, {"result", "unusable"}}), 1);
  EXPECT_EQ(value_in(families, "glancefs_sent_bytes_total"), 6);
  EXPECT_EQ(value_in(families, "glancefs_received_bytes_total"), 70);
}

}  // namespace
}  // namespace glancefs::fs
