// .glancefs/metrics of a mount without a kernel.
#include "fs/metrics/metrics.h"

#include "tests/fs/rig_test.h"
#include "tests/support/exposition_parser.h"

namespace glancefs::fs {
namespace {

using std::chrono::system_clock;
using test::value_in;

constexpr std::size_t kSize = 200'000;

class MetricsTest : public RigTest {
 protected:
  MetricsTest() { rig_.config.metrics = &metrics_; }
  test::Families read() { return test::parse_exposition(rig_.control("metrics")); }

  Metrics metrics_;
};

TEST_F(MetricsTest, TellHowReadsAreServed) {
  rig_.images.add("a", pattern(kSize), [](client::Image&) {});
  rig_.start();
  const auto before = read();
  EXPECT_EQ(value_in(before, "glancefs_reads_total", {{"cache", "miss"}}), 0);
  EXPECT_EQ(value_in(before, "glancefs_catalogue_images"), 1);
  EXPECT_EQ(value_in(before, "glancefs_offline"), 0);
  const NodeId node = rig_.node("private", "a");
  ASSERT_EQ(rig_.read_all(node, kSize), pattern(kSize));
  const auto cold = read();
  EXPECT_GE(value_in(cold, "glancefs_reads_total", {{"cache", "miss"}}), 1);
  EXPECT_EQ(value_in(cold, "glancefs_cache_fetched_bytes_total"), kSize);
  EXPECT_EQ(value_in(cold, "glancefs_cache_bytes"), kSize);
  EXPECT_EQ(value_in(cold, "glancefs_cache_images"), 1);
  ASSERT_EQ(rig_.read_all(node, kSize), pattern(kSize));
  const auto warm = read();
  EXPECT_GE(value_in(warm, "glancefs_reads_total", {{"cache", "hit"}}), 1);
  EXPECT_EQ(value_in(warm, "glancefs_cache_fetched_bytes_total"), kSize);
  EXPECT_GE(value_in(warm, "glancefs_cache_read_bytes_total"), kSize);
}

TEST_F(MetricsTest, TellWhatIsNotAtGlanceYet) {
  rig_.start();
  auto [entry, opened] =
      files().create(rig_.directory_node("private"), "a", O_WRONLY | O_CREAT, kWriter, {});
  write(opened, 0, "data");
  EXPECT_EQ(value_in(read(), "glancefs_uploads", {{"state", "writing"}}), 1);
  rig_.images.fail(test::FakeImages::Call::kCreate,
                   std::make_exception_ptr(
                       client::HttpError(client::Operation::kCreate, 403, "POST", "no", "req-1")));
  EXPECT_THROW(files().flush(*opened.handle, kWriter, {}), std::system_error);
  EXPECT_EQ(value_in(read(), "glancefs_uploads", {{"state", "failed"}}), 1);
  EXPECT_EQ(value_in(read(), "glancefs_uploads", {{"state", "writing"}}), 0);
  files().release(std::move(opened.handle));
}

TEST_F(MetricsTest, TellWhenTheTokenEndsWhereThatIsKnown) {
  std::optional<system_clock::time_point> ends;
  rig_.config.token_expires = [&] { return ends; };
  rig_.config.label = "quo\"ted";
  rig_.config.project_id = "p";
  rig_.start();
  EXPECT_FALSE(read().contains("glancefs_token_expires_timestamp_seconds"));
  ends = system_clock::time_point(std::chrono::seconds(1'790'000'000));
  EXPECT_EQ(value_in(read(), "glancefs_token_expires_timestamp_seconds"), 1'790'000'000);
  EXPECT_EQ(value_in(read(), "glancefs_info",
                     {{"version", GLANCEFS_VERSION},
                      {"cloud", "quo\"ted"},
                      {"project", rig_.config.project_name},
                      {"project_id", "p"}}),
            1);
}

TEST_F(MetricsTest, AreNotThereWhereNothingIsCounted) {
  rig_.config.metrics = nullptr;
  rig_.start();
  EXPECT_EQ(
      files().find(files().find(kRootNode, ".glancefs")->node, "metrics").value_or(Entry()).node,
      0U);
}

}  // namespace
}  // namespace glancefs::fs
