// Which directories a mount has: of other projects, of a part of the catalogue.
#include "tests/mount/mounted_cloud.h"

namespace glancefs::mount_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Directories : public MountedCloud {
 protected:
  /// `offered_to`: the project it is offered to; empty: none.
  std::string add_of(const devcloud::Account& owner, const std::string& name,
                     const std::string& visibility, const std::string& offered_to = "") {
    devcloud::Image image = devcloud::image_named(name);
    image.visibility = visibility;
    image.owner = owner.project_id;
    if (!offered_to.empty()) image.members[offered_to].status = "pending";
    return cloud_.add_image(std::move(image), devcloud::Blob("data"));
  }
  /// A mount that does not come about.
  Result refused(const devcloud::Account& account, const std::string& options) {
    Environment environment = openrc(account);
    environment["M"] = mount_point_;
    return run(GLANCEFS_PROGRAM " mount --foreground $M -o cache-dir=" + (directory_ / "cache") +
                   ",state-dir=" + (directory_ / "state") + "," + options,
               environment);
  }
};

TEST_F(Directories, AnAdministratorSeesAllProjectsIfHeAsks) {
  const std::string id = add_of(cloud_.demo(), "theirs", "private");
  add_of(cloud_.admin(), "mine", "private");
  mount_as(cloud_.admin());
  EXPECT_EQ(out("ls $M"), "community\nprivate\npublic\nshared");
  EXPECT_EQ(out("ls $M/private"), "mine");
  EXPECT_EQ(out("cat $M/.glancefs/by-id/" + id), "data");
  unmount();

  mount_as(cloud_.admin(), "all-projects");
  const std::string project = "projects/" + cloud_.demo().project_id;
  EXPECT_EQ(out("ls $M"), "community\nprivate\nprojects\npublic\nshared");
  EXPECT_EQ(out("ls $M/private"), "mine");
  EXPECT_EQ(out("ls $M/projects"), cloud_.demo().project_id);
  EXPECT_EQ(out("cd $M && find . -type f | sort"),
            "./private/mine\n./" + project + "/private/theirs");
  EXPECT_EQ(out("cat $M/" + project + "/private/theirs"), "data");
  EXPECT_EQ(out("stat -c '%a %h' $M/" + project + "/private/theirs"), "644 1");
  EXPECT_EQ(out("stat -c '%a %h' $M/" + project), "755 4");
  EXPECT_EQ(out("cd $M/" + project + "/private && ls ../.. && ls ../../.."),
            cloud_.demo().project_id + "\ncommunity\nprivate\nprojects\npublic\nshared");
  const std::string inode = out("stat -c %i $M/" + project);
  unmount();
  mount_as(cloud_.admin(), "all-projects");
  EXPECT_EQ(out("stat -c %i $M/" + project), inode);
}

TEST_F(Directories, AnAdministratorManagesAllProjects) {
  const std::string id = add_of(cloud_.demo(), "theirs", "private");
  mount_as(cloud_.admin(), "all-projects");
  const std::string project = "$M/projects/" + cloud_.demo().project_id;
  out("mv " + project + "/private/theirs " + project + "/private/renamed");
  EXPECT_EQ(cloud_.image(id)->name, "renamed");
  out("mv " + project + "/private/renamed " + project + "/shared/");
  EXPECT_EQ(cloud_.image(id)->visibility, "shared");
  EXPECT_EQ(cloud_.image(id)->owner, cloud_.demo().project_id);
  EXPECT_THAT(sh("mv " + project + "/shared/renamed $M/private/").output,
              HasSubstr("Operation not permitted"));
  EXPECT_THAT(reason("projects/" + cloud_.demo().project_id + "/shared/renamed"),
              HasSubstr("belongs to project " + cloud_.demo().project_id));
  write_file(directory_ / "new", "data");
  EXPECT_THAT(sh("cp $D/new " + project + "/private/").output,
              HasSubstr("Operation not permitted"));
  EXPECT_THAT(reason("projects/" + cloud_.demo().project_id + "/private"),
              HasSubstr("the project of the login"));
  EXPECT_THAT(sh("rmdir " + project + "/private").output, HasSubstr("Operation not permitted"));
  EXPECT_EQ(sh("setfattr -n user.glance.x -v y " + project + "/shared/renamed").code, 0);
  EXPECT_EQ(sh("rm " + project + "/shared/renamed").code, 0);
  EXPECT_FALSE(cloud_.image(id));
  EXPECT_EQ(out("ls $M/projects"), "");
}

TEST_F(Directories, OthersMustNotAsk) {
  const Result all = refused(cloud_.demo(), "all-projects");
  EXPECT_EQ(all.code, 1);
  EXPECT_THAT(all.output,
              AllOf(HasSubstr("option all-projects: only an administrator sees other projects'"),
                    HasSubstr("hint: ")));
  EXPECT_EQ(refused(cloud_.demo(), "subdir=projects/" + cloud_.other().project_id).code, 1);
  const Result wrong = refused(cloud_.demo(), "subdir=pubic");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.output, HasSubstr("did you mean \"public\"?"));
}

TEST_F(Directories, OneDirectoryIsTheWholeMount) {
  const std::string mine = add_of(cloud_.demo(), "mine", "private");
  const std::string open = add_of(cloud_.demo(), "open", "community");
  cloud_.clear_log();
  mount("subdir=private");
  EXPECT_EQ(out("ls $M"), "mine");
  EXPECT_EQ(out("cat $M/mine"), "data");
  EXPECT_EQ(out("stat -c '%i %F' $M"), "1 directory");
  EXPECT_EQ(out("ls $M/.glancefs/by-id"), mine);
  EXPECT_EQ(sh("cat $M/.glancefs/by-id/" + open).code, 1);
  EXPECT_THAT(out("cat $M/.glancefs/status"), HasSubstr("images     1 "));
  EXPECT_EQ(out("df --output=target $M | tail -n 1"), mount_point_);
  write_file(directory_ / "new", "bytes");
  EXPECT_EQ(sh("cp $D/new $M/ && mv $M/new $M/newer && ls $M").output, "mine\nnewer\n");
  EXPECT_EQ(cloud_.image(id_of("newer"))->visibility, "private");
  EXPECT_EQ(sh("rm $M/newer").code, 0);
  for (const devcloud::LogEntry& entry : cloud_.log()) {
    if (entry.method != "GET" || entry.path != "/v2/images") continue;
    EXPECT_THAT(entry.query, HasSubstr("visibility=private")) << "no more is asked for";
  }
}

TEST_F(Directories, SomeDirectoriesAreTheWholeMount) {
  add_of(cloud_.demo(), "mine", "private");
  add_of(cloud_.demo(), "open", "community");
  mount("visibility=public:private");
  EXPECT_EQ(out("ls $M"), "private\npublic");
  EXPECT_EQ(out("find $M -type f"), mount_point_ + "/private/mine");
  EXPECT_THAT(sh("mv $M/private/mine $M/community/mine").output,
              HasSubstr("No such file or directory"));
  EXPECT_THAT(sh("mv $M/private/mine $M/community").output, HasSubstr("Operation not permitted"));
  EXPECT_THAT(reason("private/mine"), HasSubstr("directories of visibility"));
  EXPECT_EQ(sh("setfattr -n user.glance.visibility -v community $M/private/mine").code, 0);
  EXPECT_EQ(out("ls $M/private"), "");
  EXPECT_EQ(sh("stat $M/private/mine").code, 1);
}

TEST_F(Directories, AHiddenImageIsNotListedButThere) {
  const std::string id = add_of(cloud_.demo(), "a", "private");
  mount();
  EXPECT_EQ(out("ls $M/private"), "a");
  EXPECT_EQ(sh("setfattr -n user.glance.os_hidden -v true $M/private/a").code, 0);
  EXPECT_EQ(out("ls $M/private"), "");
  EXPECT_TRUE(eventually([&] { return sh("stat $M/private/a").code == 1; }));
  const std::string alias = "a~" + id.substr(0, 8);
  EXPECT_EQ(out("cat $M/private/" + alias), "data");
  EXPECT_EQ(out("cat $M/private/" + id), "data");
  EXPECT_EQ(out("cat $M/.glancefs/by-id/" + id), "data");
  unmount();
  mount("hidden");
  EXPECT_EQ(out("ls $M/private"), "a");
  EXPECT_EQ(sh("setfattr -n user.glance.os_hidden -v false $M/private/a").code, 0);
  unmount();
  mount();
  EXPECT_EQ(out("ls $M/private"), "a");
}

TEST_F(Directories, OffersAreAcceptedAndRejected) {
  const std::string us = cloud_.demo().project_id;
  const std::string id = add_of(cloud_.other(), "theirs", "shared", us);
  const std::string unwanted = add_of(cloud_.other(), "unwanted", "shared", us);
  const auto status = [&](const std::string& of) {
    return cloud_.image(of)->members.at(us).status;
  };
  mount("ttl=100ms");
  EXPECT_EQ(out("ls -A $M/shared"), "");
  EXPECT_EQ(out("ls $M/shared/.pending"), "theirs\nunwanted");
  EXPECT_EQ(out("cat $M/shared/.pending/theirs"), "data");
  out("mv $M/shared/.pending/theirs $M/shared/");
  EXPECT_EQ(status(id), "accepted");
  out("rm -f $M/shared/.pending/unwanted");
  EXPECT_EQ(status(unwanted), "rejected");
  EXPECT_EQ(out("ls -A $M/shared"), "theirs");
  EXPECT_EQ(out("ls -A $M/shared/.pending"), "");
  EXPECT_THAT(sh("rm -f $M/shared/theirs").output, HasSubstr("Permission denied"));
  EXPECT_THAT(reason("shared/theirs"), HasSubstr("mv to shared/.pending"));
  EXPECT_THAT(sh("mv $M/shared/theirs $M/shared/mine").output, HasSubstr("Permission denied"));
  out("mv $M/shared/theirs $M/shared/.pending/");
  EXPECT_EQ(status(id), "pending");
  EXPECT_EQ(out("ls -A $M/shared"), "");
  EXPECT_EQ(out("ls -A $M/shared/.pending"), "theirs");
  unmount();
  mount_as(cloud_.admin());
  EXPECT_EQ(sh("ls $M/shared/.pending").code, 2);
}

TEST_F(Directories, AProjectIsTheWholeMount) {
  add_of(cloud_.demo(), "theirs", "shared");
  add_of(cloud_.other(), "third", "shared");
  add_of(cloud_.admin(), "mine", "shared");
  mount_as(cloud_.admin(), "subdir=projects/" + cloud_.demo().project_id);
  EXPECT_EQ(out("cd $M && find . | sort"), ".\n./private\n./shared\n./shared/theirs");
  EXPECT_EQ(out("mv $M/shared/theirs $M/private/ && ls $M/private"), "theirs");
}

}  // namespace
}  // namespace glancefs::mount_test
