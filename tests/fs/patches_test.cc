// Changes of images' records.
#include "fs/attributes/patches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "client/http.h"
#include "fs/attributes/xattrs.h"
#include "tests/fs/rig.h"

namespace glancefs::fs {
namespace {

using test::FakeImages;
using Call = FakeImages::Call;
using Record = Patches::Record;

class PatchesTest : public testing::Test {
 protected:
  PatchesTest() {
    const client::Image image = images_.add("a", "data");
    id_ = image.id;
    node_ = node_of_image(id_);
    tree_.put(std::make_shared<const client::Image>(image));
  }
  static Patches::Decide setting(const std::string& key, const std::string& text) {
    return [key, text](const client::Image& image) -> std::vector<client::Change> {
      const auto change = set_change(image, key, text);
      return change ? std::vector{*change} : std::vector<client::Change>();
    };
  }
  static Patches::Decide removing(const std::string& key) {
    return [key](const client::Image& image) -> std::vector<client::Change> {
      return {remove_change(image, key)};
    };
  }
  int apply(Patches::Decide decide, std::stop_token stop = {}) {
    return errno_thrown(
        [&] { patches_.apply(node_, Record::kKnown, std::move(decide), std::move(stop)); });
  }
  std::future<int> apply_later(Patches::Decide decide, std::stop_token stop = {}) {
    return std::async(std::launch::async,
                      [this, decide = std::move(decide), stop] { return apply(decide, stop); });
  }
  std::string property(const std::string& key) {
    const client::Image image = images_.find(id_).value();
    const std::string* value = client::find_property(image.properties, key);
    return value == nullptr ? "(none)" : *value;
  }
  static std::exception_ptr refusal(int status, const std::string& text) {
    return std::make_exception_ptr(
        client::HttpError(client::Operation::kUpdate, status, "PATCH", text, "req-1"));
  }

  FakeImages images_;
  Tree tree_{{.project_id = images_.project(), .is_admin = false, .show_hidden = false}};
  Turns turns_;
  Patches patches_{images_, tree_, turns_};
  std::string id_;
  NodeId node_ = 0;
};

TEST_F(PatchesTest, ALoneChangeGoesAtOnce) {
  EXPECT_EQ(apply(setting("x", "1")), 0);
  EXPECT_EQ(images_.calls(Call::kUpdate), 1);
  EXPECT_EQ(images_.calls(Call::kShow), 0);
  EXPECT_EQ(field_text(*tree_.node(node_)->image, "x"), "1");
}

TEST_F(PatchesTest, ARefusalOfALoneChangeIsNotAskedForAgain) {
  images_.fail(Call::kUpdate, refusal(403, "not yours"));
  EXPECT_EQ(apply(setting("x", "1")), EACCES);
  EXPECT_EQ(images_.calls(Call::kUpdate), 1);
}

TEST_F(PatchesTest, WhatSomebodyElseChangedIsLookedAtAgain) {
  images_.edit(id_, [](client::Image& image) { image.properties = {{"x", "1"}}; });
  tree_.put(std::make_shared<const client::Image>(images_.find(id_).value()));
  images_.edit(id_, [](client::Image& image) { image.properties.clear(); });
  EXPECT_EQ(apply(removing("x")), ENODATA);
  EXPECT_EQ(field_text(*tree_.node(node_)->image, "x"), std::nullopt);
}

TEST_F(PatchesTest, AFreshRecordDecidesWhereItMatters) {
  images_.edit(id_, [](client::Image& image) { image.properties = {{"x", "1"}}; });
  std::optional<std::string> seen;
  patches_.apply(node_, Record::kFresh,
                 [&](const client::Image& image) -> std::vector<client::Change> {
                   seen = field_text(image, "x");
                   return {};
                 },
                 {});
  EXPECT_EQ(seen, "1");
  EXPECT_EQ(images_.calls(Call::kUpdate), 0);
}

TEST_F(PatchesTest, WhatAnUploadWouldUndoIsRefused) {
  for (const auto status :
       {client::Status::kSaving, client::Status::kUploading, client::Status::kImporting}) {
    images_.edit(id_, [&](client::Image& image) {
      image.status = status;
      image.status_word = client::to_string(status);
      image.is_protected = true;
    });
    tree_.put(std::make_shared<const client::Image>(images_.find(id_).value()));
    EXPECT_EQ(apply(setting("x", "1")), EBUSY);
    EXPECT_EQ(apply(setting("protected", "false")), 0) << "so that it can be removed";
  }
  EXPECT_EQ(property("x"), "(none)");
}

TEST_F(PatchesTest, AnUploadThatIsOverIsNoReason) {
  client::Image old = images_.find(id_).value();
  old.status = client::Status::kSaving;
  old.status_word = "saving";
  tree_.put(std::make_shared<const client::Image>(old));
  EXPECT_EQ(apply(setting("x", "1")), 0);
}

TEST_F(PatchesTest, AnUploadThatHasJustBegunIsTold) {
  images_.edit(id_, [](client::Image& image) {
    image.status = client::Status::kSaving;
    image.status_word = "saving";
  });
  EXPECT_EQ(apply(setting("x", "1")), EBUSY);
}

TEST_F(PatchesTest, AnImageThatIsGoneIsForgotten) {
  images_.erase(id_);
  EXPECT_EQ(apply(setting("x", "1")), ENOENT);
  EXPECT_FALSE(tree_.node(node_));
  EXPECT_EQ(apply(setting("x", "1")), ENOENT);
}

TEST_F(PatchesTest, OtherChangesOfTheImageHaveTheirTurn) {
  std::stop_source stop;
  std::optional<std::future<int>> later;
  {
    const Turns::Turn turn = turns_.take(node_, {});
    later = apply_later(setting("x", "1"));
    auto interrupted = apply_later(setting("y", "1"), stop.get_token());
    stop.request_stop();
    EXPECT_EQ(interrupted.get(), EINTR);
    EXPECT_EQ(images_.calls(Call::kUpdate), 0);
  }
  EXPECT_EQ(later->get(), 0);
}

TEST_F(PatchesTest, ManyAtOnceLoseNothing) {
  std::vector<std::future<int>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(apply_later(setting("k" + std::to_string(i), std::to_string(i))));
  }
  for (auto& one : all) EXPECT_EQ(one.get(), 0);
  EXPECT_EQ(images_.find(id_)->properties.size(), 100U);
  EXPECT_EQ(images_.most_at_once(Call::kUpdate), 1);
}

}  // namespace
}  // namespace glancefs::fs
