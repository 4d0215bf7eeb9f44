#include "fs/mount/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

using ::testing::HasSubstr;

/// An argv that may be written to.
class Arguments {
 public:
  Arguments(std::initializer_list<const char*> words) : words_(words.begin(), words.end()) {
    for (std::string& word : words_) pointers_.push_back(word.data());
  }
  CommandLine parse(const Environment& environment = {}) {
    return parse_command_line(pointers_, environment, "/here");
  }
  const std::string& operator[](std::size_t i) const { return words_.at(i); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

CommandLine parse(std::initializer_list<const char*> words) { return Arguments(words).parse(); }

std::string error_of(std::initializer_list<const char*> words) {
  try {
    parse(words);
  } catch (const StartError& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    return std::string(e.what()) + "|" + e.hint();
  }
  return "no error";
}

TEST(CommandLine, HelperAsMountCallsIt) {
  const auto line = parse({"/sbin/mount.glancefs", "prod", "/mnt/images", "-s", "-n", "-v", "-o",
                           "ro,nofail,_netdev,noexec,nosuid,nodev", "-t", "glancefs.x"});
  EXPECT_EQ(line.action, Action::kMount);
  EXPECT_EQ(line.options.program, "mount.glancefs");
  EXPECT_EQ(line.options.source, "prod");
  EXPECT_EQ(line.options.cloud, "prod");
  EXPECT_EQ(line.options.mount_point, "/mnt/images");
  EXPECT_TRUE(line.options.read_only);
  EXPECT_TRUE(line.options.verbose);
  EXPECT_TRUE(line.options.sloppy);
  EXPECT_FALSE(line.options.foreground);
  EXPECT_NE(line.options.mount_flags & MS_NOEXEC, 0U);
}

TEST(CommandLine, MountPointAlone) {
  const auto line = parse({"mount.glancefs", "images/"});
  EXPECT_EQ(line.options.source, "");
  EXPECT_EQ(line.options.cloud, "");
  EXPECT_EQ(line.options.mount_point, "/here/images");
}

TEST(CommandLine, SourceIsShownVerbatimAndReadAsACloud) {
  struct Case {
    const char* source;
    const char* cloud;
  };
  for (const auto& [source, cloud] :
       {Case{"prod", "prod"}, Case{"prod:", "prod"}, Case{"/root/prod", "prod"}, Case{"none", ""},
        Case{"-", ""}, Case{"glancefs", ""}, Case{"", ""}, Case{"a b", "a b"}}) {
    const auto line = parse({"mount.glancefs", source, "/m"});
    EXPECT_EQ(line.options.source, source);
    EXPECT_EQ(line.options.cloud, cloud) << source;
  }
  EXPECT_EQ(parse({"mount.glancefs", "label", "/m", "-o", "os-cloud=prod"}).options.cloud, "prod");
}

TEST(CommandLine, FIsADryRunForMountAndTheForegroundForPeople) {
  EXPECT_EQ(parse({"mount.glancefs", "/m", "-f"}).action, Action::kDryRun);
  EXPECT_FALSE(parse({"mount.fuse.glancefs", "/m", "-f"}).options.foreground);
  const auto helper = parse({"mount.glancefs", "/m", "--foreground"});
  EXPECT_EQ(helper.action, Action::kMount);
  EXPECT_TRUE(helper.options.foreground);
  const auto person = parse({"glancefs", "mount", "-f", "prod", "/m"});
  EXPECT_EQ(person.action, Action::kMount);
  EXPECT_TRUE(person.options.foreground);
  EXPECT_EQ(parse({"glancefs", "mount", "--fake", "/m"}).action, Action::kDryRun);
}

TEST(CommandLine, LettersMayBeTogetherAndOptionsAnywhere) {
  const auto line =
      parse({"mount.glancefs", "-rvo", "hidden", "prod", "-ocache-dir=/c", "/m", "-w"});
  EXPECT_TRUE(line.options.verbose);
  EXPECT_TRUE(line.options.hidden);
  EXPECT_EQ(line.options.cache_directory, "/c");
  EXPECT_FALSE(line.options.read_only) << "-w came after -r";
  EXPECT_EQ(line.options.source, "prod");
}

TEST(CommandLine, LongOptionsAreTheSameTable) {
  const auto line = parse({"mount.glancefs", "--cache-dir", "/c", "--cache_size=1G", "--no-delete",
                           "--hidden", "--ro=yes", "--options", "xattrs=settable", "/m"});
  EXPECT_EQ(line.options.cache_directory, "/c");
  EXPECT_EQ(line.options.cache_size.bytes, 1ULL << 30);
  EXPECT_FALSE(line.options.removal);
  EXPECT_TRUE(line.options.hidden);
  EXPECT_TRUE(line.options.read_only);
  EXPECT_EQ(line.options.xattrs, XattrList::kSettable);
}

TEST(CommandLine, DebugStaysInTheForegroundAndMayLogToTheTerminal) {
  const auto line = parse({"mount.glancefs", "-d", "-o", "log=stderr", "/m"});
  EXPECT_TRUE(line.options.foreground);
  EXPECT_EQ(line.options.log_level, log::Level::kDebug);
}

TEST(CommandLine, CalledByMountFuse) {
  const auto line = parse({"glancefs", "prod", "/m", "-o", "rw,_netdev,dev,suid,ro"});
  EXPECT_EQ(line.options.source, "prod");
  EXPECT_TRUE(line.options.read_only);
  EXPECT_EQ(line.options.mount_flags & (MS_NODEV | MS_NOSUID),
            static_cast<unsigned long>(MS_NODEV | MS_NOSUID))
      << "nobody asked for dev,suid: mount.fuse3 adds them";
  EXPECT_EQ(parse({"mount.glancefs", "/m", "-o", "suid"}).options.mount_flags & MS_NOSUID, 0U);
}

TEST(CommandLine, HelpAndVersionWinOverMistakes) {
  EXPECT_EQ(parse({"mount.glancefs", "-h"}).action, Action::kHelp);
  EXPECT_EQ(parse({"glancefs", "help"}).action, Action::kHelp);
  EXPECT_EQ(parse({"glancefs", "--help"}).action, Action::kHelp);
  EXPECT_EQ(parse({"glancefs", "mount", "--help", "-o", "bogus"}).action, Action::kHelp);
  EXPECT_EQ(parse({"glancefs", "version"}).action, Action::kVersion);
  EXPECT_EQ(parse({"mount.glancefs", "-V"}).action, Action::kVersion);
  EXPECT_THAT(help_text("glancefs"), HasSubstr("-f, --foreground"));
  EXPECT_THAT(help_text("mount.glancefs"), HasSubstr("-f, --fake"));
}

TEST(CommandLine, ExplainsMistakes) {
  EXPECT_THAT(error_of({"mount.glancefs"}),
              HasSubstr("no mount point given|mount.glancefs [CLOUD] DIR"));
  EXPECT_THAT(error_of({"mount.glancefs", "prod", ""}), HasSubstr("no mount point"));
  EXPECT_THAT(error_of({"glancefs"}), HasSubstr("no mount point given|glancefs mount"));
  EXPECT_THAT(error_of({"glancefs", "muont"}), HasSubstr("unknown command \"muont\""));
  EXPECT_THAT(error_of({"mount.glancefs", "a", "b", "c"}), HasSubstr("unexpected \"c\""));
  EXPECT_THAT(error_of({"mount.glancefs", "/m", "-x"}), HasSubstr("unknown option -x"));
  EXPECT_THAT(error_of({"mount.glancefs", "/m", "-o"}), HasSubstr("-o needs a value"));
  EXPECT_THAT(error_of({"mount.glancefs", "/m", "--cache-dir"}), HasSubstr("needs a value"));
  EXPECT_THAT(error_of({"mount.glancefs", "/m", "--foreground=1"}), HasSubstr("takes no value"));
  EXPECT_THAT(error_of({"mount.glancefs", "/m", "--cahce-dir=/c"}), HasSubstr("cache-dir"));
  EXPECT_EQ(parse({"mount.glancefs", "--", "-odd"}).options.mount_point, "/here/-odd");
}

TEST(CommandLine, WipesSecretsEvenWhenItFails) {
  Arguments good{"mount.glancefs",
                 "/m",
                 "-o",
                 "ro,os-password=geheim",
                 "--os-token=abc",
                 "--os-passcode",
                 "12345",
                 "--env.OS_PASSWORD=a,b"};
  const auto line = good.parse();
  EXPECT_EQ(line.options.cloud_overrides.at("OS_PASSWORD"), "geheim");
  EXPECT_EQ(line.options.cloud_overrides.at("OS_TOKEN"), "abc");
  EXPECT_EQ(line.options.cloud_overrides.at("OS_PASSCODE"), "12345");
  EXPECT_EQ(line.options.environment.at("OS_PASSWORD"), "a,b");
  EXPECT_EQ(good[3], "ro,os-password=xxxxxx");
  EXPECT_EQ(good[4], "--os-token=xxx");
  EXPECT_EQ(good[6], "xxxxx");
  EXPECT_EQ(good[7], "--env.OS_PASSWORD=xxx");

  Arguments bad{"mount.glancefs", "-oos_password=\"open,bogus", "/m"};
  EXPECT_THROW(bad.parse(), StartError);
  EXPECT_EQ(bad[1], "-oos_password=xxxxxxxxxxx");
}

TEST(CommandLine, DryRunTellsWhatItWouldDo) {
  const auto line = parse({"mount.glancefs", "prod", "/m", "-f", "-r"});
  EXPECT_EQ(dry_run_text(line.options), "mount.glancefs: would mount prod on /m (ro)\n");
}

}  // namespace
}  // namespace glancefs::fs
