// Every picture that an import shows, as Glance was seen to show it.
#include "client/import_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glancefs::client {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Picture {
  const char* name;
  Status status;
  const char* task;  ///< null: none
  const char* left;  ///< null: the record never saw an import
  const char* failed;
  const char* stores;
  ImportPhase phase;  ///< when "fast" and "slow" are wanted
};

Image image_of(const Picture& picture) {
  Image image;
  image.status = picture.status;
  const auto add = [&](const char* key, const char* value) {
    if (value != nullptr) image.properties.emplace_back(key, value);
  };
  add("os_glance_failed_import", picture.failed);
  add("os_glance_import_task", picture.task);
  add("os_glance_importing_to_stores", picture.left);
  add("stores", picture.stores);
  return image;
}

class Pictures : public testing::TestWithParam<Picture> {};

TEST_P(Pictures, MeanWhatTheyMean) {
  EXPECT_EQ(import_state(image_of(GetParam()), {"fast", "slow"}).phase, GetParam().phase);
}

INSTANTIATE_TEST_SUITE_P(
    Glance, Pictures,
    testing::Values(
        Picture{"fresh", Status::kQueued, nullptr, nullptr, nullptr, nullptr, ImportPhase::kNone},
        Picture{"staged", Status::kUploading, nullptr, nullptr, nullptr, nullptr,
                ImportPhase::kNone},
        Picture{"accepted", Status::kUploading, "t", "", "", nullptr, ImportPhase::kWaiting},
        Picture{"accepted_download", Status::kQueued, "t", "", "fast", nullptr,
                ImportPhase::kWaiting},
        Picture{"begun", Status::kImporting, "t", "fast,slow", "", nullptr, ImportPhase::kRunning},
        Picture{"first_store", Status::kImporting, "t", "slow", "", "fast", ImportPhase::kRunning},
        Picture{"active_early", Status::kActive, "t", "slow", "", "fast", ImportPhase::kRunning},
        Picture{"last_store", Status::kActive, "t", "", "", "fast,slow", ImportPhase::kDone},
        Picture{"done", Status::kActive, nullptr, "", "", "slow,fast", ImportPhase::kDone},
        Picture{"partly", Status::kActive, nullptr, "", "slow", "fast", ImportPhase::kFailed},
        Picture{"never_imported", Status::kActive, nullptr, nullptr, nullptr, "fast",
                ImportPhase::kFailed},
        Picture{"stuck", Status::kImporting, nullptr, "", "slow", nullptr, ImportPhase::kFailed},
        Picture{"between", Status::kImporting, nullptr, "", "", nullptr, ImportPhase::kRunning},
        Picture{"queued_again", Status::kQueued, nullptr, "", "fast", nullptr,
                ImportPhase::kFailed},
        Picture{"refused", Status::kQueued, nullptr, "", "", nullptr, ImportPhase::kNone},
        Picture{"saving", Status::kSaving, nullptr, nullptr, nullptr, nullptr, ImportPhase::kNone}),
    [](const auto& each) { return each.param.name; });

TEST(ImportState, WithoutWishesAnyActiveImageIsDone) {
  Image image;
  image.status = Status::kActive;
  EXPECT_EQ(import_state(image, {}).phase, ImportPhase::kDone);
  image.properties = {{"os_glance_importing_to_stores", "slow"}};
  EXPECT_EQ(import_state(image, {}).phase, ImportPhase::kRunning);
  EXPECT_THAT(import_state(image, {}).left, ElementsAre("slow"));
}

TEST(ImportState, Lists) {
  EXPECT_THAT(split_list(""), IsEmpty());
  EXPECT_THAT(split_list(",,"), IsEmpty());
  EXPECT_THAT(split_list("fast"), ElementsAre("fast"));
  EXPECT_THAT(split_list("b,,a,b,"), ElementsAre("b", "a"));
}

}  // namespace
}  // namespace glancefs::client
