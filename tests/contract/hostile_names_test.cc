// Images with hostile names, through Filesystem and HTTP: listed, opened, renamed and made.
#include "tests/support/hostile_names.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <system_error>

#include "cache/memory_store.h"
#include "fs/catalogue/names.h"
#include "fs/filesystem.h"
#include "tests/support/cloud_client.h"
#include "tests/support/temporary_directory.h"

namespace glancefs::fs {
namespace {

using test::repeated;

int errno_thrown(const std::function<void()>& action) {
  try {
    action();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

class HostileNames : public testing::Test {
 protected:
  void start() {
    Config config;
    config.identity = config.endpoint = cloud_.glance_url();
    config.project_id = cloud_.demo().project_id;
    files_ = std::make_unique<Filesystem>(config, client_.glance, *store_, *spools_);
    directory_ = files_->find(kRootNode, "private")->node;
  }
  std::string add(std::optional<std::string> name) {
    devcloud::Image image = devcloud::image_named("");
    image.name = std::move(name);
    return cloud_.add_image(image, devcloud::Blob("data"));
  }
  std::string id_of(std::string_view file_name) {
    return files_->xattr(files_->lookup(directory_, file_name, {}).node, "user.glance.id")
        .value_or("");
  }
  std::set<std::string> listed() {
    std::set<std::string> names;
    for (const DirectoryEntry& entry : files_->list(directory_)) {
      EXPECT_TRUE(names.insert(entry.name).second) << entry.name << " is there twice";
      EXPECT_EQ(files_->lookup(directory_, entry.name, {}).node, entry.node) << entry.name;
      EXPECT_LE(entry.name.size(), kNameMax);
      EXPECT_EQ(entry.name.find('/'), std::string::npos);
      EXPECT_EQ(entry.name.find('\0'), std::string::npos);
    }
    return names;
  }
  int create_error(const std::string& name, int flags = O_RDWR | O_CREAT | O_EXCL) {
    return errno_thrown([&] {
      auto [entry, opened] = files_->create(directory_, name, flags, {}, {});
      files_->release(std::move(opened.handle));
      files_->unlink(directory_, name, {});
    });
  }
  void rename(const std::string& from, const std::string& to) {
    files_->rename(directory_, from, directory_, to, 0, {});
  }
  /// Each once, in an order of its own.
  static std::vector<std::string> names_that_glance_takes() {
    std::set<std::string> names;
    for (const std::string& name : test::chosen_names()) {
      if (check_new_name(name) == 0) names.insert(name);
    }
    for (const std::string& name : test::random_names(7, 100)) names.insert(name);
    return {names.begin(), names.end()};
  }

  devcloud::DevCloud cloud_;
  test::CloudClient client_{cloud_};
  test::TemporaryDirectory temporary_;
  std::unique_ptr<cache::Store> store_ = cache::make_memory_store(64ULL << 20);
  std::unique_ptr<cache::Spools> spools_ = cache::open_spools(temporary_ / "state", 0);
  std::unique_ptr<Filesystem> files_;
  NodeId directory_ = 0;
};

TEST_F(HostileNames, LeadToTheirImages) {
  const auto names = names_that_glance_takes();
  std::map<std::string, std::string> ids;
  for (const std::string& name : names) ids[name] = add(name);
  const std::string nameless = add(std::nullopt);
  start();
  EXPECT_EQ(listed().size(), names.size() + 1);
  EXPECT_EQ(id_of(nameless), nameless);
  for (const auto& [name, id] : ids) {
    const Entry entry = files_->lookup(directory_, id, {});
    ASSERT_NE(entry.node, 0U) << name;
    EXPECT_EQ(files_->xattr(entry.node, "user.glance.id"), id);
    if (name.empty()) continue;
    EXPECT_EQ(files_->xattr(entry.node, "user.glance.name"), name);
    const std::string file_name = escape_name(name);
    EXPECT_EQ(id_of(alias_name(file_name, id)), id) << name;
    if (file_name.size() <= kNameMax) {
      EXPECT_EQ(id_of(file_name), id) << name;
    }
    Opened opened = files_->open(entry.node, O_RDONLY, {}, {});
    files_->release(std::move(opened.handle));
  }
}

TEST_F(HostileNames, AreGivenByRenaming) {
  const auto names = names_that_glance_takes();
  std::vector<std::string> given;
  for (const std::string& name : names) {
    if (!name.empty() && escape_name(name).size() <= kNameMax) given.push_back(name);
  }
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < given.size(); ++i) ids.push_back(add("plain " + std::to_string(i)));
  start();
  for (std::size_t i = 0; i < given.size(); ++i) {
    rename("plain " + std::to_string(i), escape_name(given[i]));
    EXPECT_EQ(cloud_.image(ids[i])->name, given[i]);
  }
  EXPECT_EQ(listed().size(), given.size());
  // From one hostile name to the next, by way of the last.
  rename(escape_name(given.back()), "free");
  for (std::size_t i = given.size() - 1; i-- > 0;) {
    rename(escape_name(given[i]), escape_name(given[i + 1]));
    EXPECT_EQ(cloud_.image(ids[i])->name, given[i + 1]);
    EXPECT_EQ(id_of(escape_name(given[i + 1])), ids[i]);
  }
}

TEST_F(HostileNames, AreGivenByCreating) {
  start();
  for (const std::string& name : names_that_glance_takes()) {
    const std::string file_name = escape_name(name);
    if (file_name.empty() || file_name.size() > kNameMax) continue;
    auto [entry, opened] = files_->create(directory_, file_name, O_RDWR | O_CREAT | O_EXCL, {}, {});
    EXPECT_EQ(files_->xattr(entry.node, "user.glance.name"), name);
    EXPECT_EQ(files_->find(directory_, file_name)->node, entry.node);
    files_->release(std::move(opened.handle));
    files_->unlink(directory_, file_name, {});
  }
}

TEST_F(HostileNames, ThatGlanceRefusesAreRefusedHere) {
  start();
  EXPECT_EQ(create_error("\xF0\x9F\x90\xA7"), EILSEQ) << "outside the basic plane";
  for (const char* name : {"\xFF", "a\xC3", "\xED\xA0\x80", "\xC0\xAF", "%FF"}) {
    EXPECT_EQ(create_error(name), EILSEQ) << name;
  }
  EXPECT_EQ(create_error(repeated("n", 256)), ENAMETOOLONG);
  EXPECT_EQ(create_error(repeated("%2F", 256)), ENAMETOOLONG);
}

TEST_F(HostileNames, ThatStandForIdsAreNobodysToGive) {
  const std::string id = add("golden");
  const std::string other = add("silver");
  start();
  EXPECT_EQ(create_error("golden~" + id.substr(0, 8)), EEXIST);
  EXPECT_EQ(create_error("golden~" + id), EEXIST);
  EXPECT_EQ(create_error(id), EEXIST);
  EXPECT_EQ(create_error("golden~" + other.substr(0, 8)), EINVAL) << "of no image";
  EXPECT_EQ(create_error("golden~" + std::string(test::kSomeId)), EINVAL);
  EXPECT_EQ(create_error(std::string(test::kSomeId)), EINVAL);
  EXPECT_EQ(create_error(".glancefs"), EINVAL);
  // Those that only look so are names as others.
  EXPECT_EQ(create_error("golden%7E" + id.substr(0, 8)), 0);
  EXPECT_EQ(create_error("golden~" + id.substr(0, 7)), 0);
  EXPECT_EQ(create_error("%2Eglancefs"), 0);
}

}  // namespace
}  // namespace glancefs::fs
