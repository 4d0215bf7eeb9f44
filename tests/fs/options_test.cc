#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "fs/mount/command_line.h"
#include "fs/mount/option_parser.h"
#include "fs/mount/option_table.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Options parse(std::string_view list, const Environment& environment = {}) {
  return parse_options(default_options(), split_options(list), environment, "/here").options;
}

/// The error of `list`: its text, and its hint after a bar.
std::string error_of(std::string_view list, const Environment& environment = {}) {
  try {
    parse(list, environment);
  } catch (const StartError& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    return std::string(e.what()) + "|" + e.hint();
  }
  return "no error";
}

TEST(OptionValue, Amounts) {
  EXPECT_EQ(parse_amount("0"), (Amount{0, 0}));
  EXPECT_EQ(parse_amount("12345"), (Amount{12345, 0}));
  EXPECT_EQ(parse_amount("10G"), (Amount{10ULL << 30, 0}));
  EXPECT_EQ(parse_amount("512MiB"), (Amount{512ULL << 20, 0}));
  EXPECT_EQ(parse_amount("4kB"), (Amount{4096, 0}));
  EXPECT_EQ(parse_amount("80%"), (Amount{0, 80}));
  EXPECT_EQ(parse_amount("80%").of(1000), 800U);
  EXPECT_EQ(parse_amount("100%").of(~0ULL), ~0ULL / 100 * 100);
  EXPECT_EQ(parse_amount("3K").of(1000), 3072U);
  for (const char* bad : {"", "G", "10X", "-1", "1.5G", "0%", "101%", "10 G", "10GG", "16777216T",
                          "99999999999999999999", "%", "10Gi"}) {
    EXPECT_THROW(parse_amount(bad), std::invalid_argument) << bad;
  }
}

TEST(OptionValue, Durations) {
  EXPECT_EQ(parse_duration("30"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_THROW(parse_timeout("0"), std::invalid_argument);
  for (const char* bad : {"", "s", "5min", "-5", "1.5s", "400d", "18446744073709551615h", "5 s"}) {
    EXPECT_THROW(parse_duration(bad), std::invalid_argument) << bad;
  }
}

TEST(OptionValue, UsersGroupsAndMasks) {
  EXPECT_EQ(parse_user("1234"), 1234U);
  EXPECT_EQ(parse_user("root"), 0U);
  EXPECT_EQ(parse_group("root"), 0U);
  EXPECT_THROW(parse_user("no-such-user-here"), std::invalid_argument);
  EXPECT_THROW(parse_group("no-such-group-here"), std::invalid_argument);
  EXPECT_THROW(parse_user("4294967295"), std::invalid_argument);  // "no change" to chown(2)
  EXPECT_EQ(parse_umask("027"), 027U);
  EXPECT_THROW(parse_umask("8"), std::invalid_argument);
  EXPECT_THROW(parse_umask("1000"), std::invalid_argument);
  EXPECT_THROW(parse_connections("0"), std::invalid_argument);
  EXPECT_THROW(parse_connections("65"), std::invalid_argument);
}

TEST(SplitOptions, CommasQuotesAndBackslashes) {
  EXPECT_THAT(split_options("ro,cache-dir=/a"),
              ElementsAre(OptionWord{"ro", std::nullopt}, OptionWord{"cache-dir", "/a"}));
  EXPECT_THAT(split_options(R"(a="b,c",d)"),
              ElementsAre(OptionWord{"a", "b,c"}, OptionWord{"d", std::nullopt}));
  EXPECT_THAT(split_options(R"(a=b\,c)"), ElementsAre(OptionWord{"a", "b,c"}));
  EXPECT_THAT(split_options(R"(a=b\"c\\d\e)"), ElementsAre(OptionWord{"a", R"(b"c\d\e)"}));
  EXPECT_THAT(split_options(R"(a="x\"y,z")"), ElementsAre(OptionWord{"a", R"(x"y,z)"}));
  EXPECT_THAT(split_options("a=b=c"), ElementsAre(OptionWord{"a", "b=c"}));
  EXPECT_THAT(split_options("a=,b"),
              ElementsAre(OptionWord{"a", ""}, OptionWord{"b", std::nullopt}));
  EXPECT_THAT(split_options(",,a,"), ElementsAre(OptionWord{"a", std::nullopt}));
  EXPECT_THAT(split_options(""), IsEmpty());
  EXPECT_THAT(split_options("a\\"), ElementsAre(OptionWord{"a\\", std::nullopt}));
  EXPECT_THROW(split_options(R"(a="b,c)"), StartError);
}

TEST(WipeSecrets, OverwritesOnlyTheValuesOfSecrets) {
  std::string list =
      R"(ro,os_password="a,b",os-username=ann,env.OS_TOKEN=t,os-passcode=1\,2,env.OTHER=o)";
  wipe_secrets(list);
  EXPECT_EQ(list,
            R"(ro,os_password=xxxxx,os-username=ann,env.OS_TOKEN=x,os-passcode=xxxx,env.OTHER=o)");
}

TEST(ParseOptions, EveryDefaultIsWhatTheTableSays) {
  const Options options = parse("");
  EXPECT_FALSE(options.read_only);
  EXPECT_TRUE(options.removal);
  EXPECT_FALSE(options.replace);
  EXPECT_EQ(options.replaced, Replaced::kHide);
  EXPECT_EQ(options.umask, 022U);
  EXPECT_EQ(options.uid, ::geteuid());
  EXPECT_EQ(options.gid, ::getegid());
  EXPECT_EQ(options.connections, 8U);
  EXPECT_EQ(options.mount_timeout, milliseconds(60'000));
  EXPECT_EQ(options.log, "auto");
  EXPECT_EQ(options.cache_size, (Amount{0, 25}));
  EXPECT_TRUE(options.passthrough);
  EXPECT_EQ(options.disk_format, "raw");
  EXPECT_EQ(options.container_format, "bare");
  EXPECT_EQ(options.mount_flags, static_cast<unsigned long>(MS_NOSUID | MS_NODEV));
  EXPECT_THAT(options.fuse_options, IsEmpty());
}

TEST(ParseOptions, WhereUploadsGo) {
  EXPECT_FALSE(parse("").upload_by_import);
  EXPECT_THAT(parse("").stores, IsEmpty());
  EXPECT_TRUE(parse("upload=import").upload_by_import);
  EXPECT_FALSE(parse("upload=put").upload_by_import);
  EXPECT_THAT(parse("stores=slow").stores, ElementsAre("slow"));
  EXPECT_THAT(parse("stores=fast:slow,ro").stores, ElementsAre("fast", "slow"));
  EXPECT_THAT(parse("stores=\"fast,slow,fast\",ro").stores, ElementsAre("fast", "slow"));
  EXPECT_THAT(parse("", {{"GLANCEFS_STORES", "fast,slow"}}).stores, ElementsAre("fast", "slow"));
  EXPECT_THAT(error_of("upload=post"), HasSubstr("expected put or import"));
  EXPECT_THAT(error_of("stores=:"), HasSubstr("expected names of stores"));
  EXPECT_THAT(error_of("stores=fast,slow"), HasSubstr("stores=fast:slow"));
}

TEST(ParseOptions, LinksAreImportedWhenAskedFor) {
  EXPECT_FALSE(parse("").import_links);
  EXPECT_TRUE(parse("import=symlink").import_links);
  EXPECT_FALSE(parse("import=no").import_links);
  EXPECT_THAT(error_of("import=yes"), HasSubstr("expected symlink or no"));
}

TEST(ParseOptions, WhatBecomesOfImagesThatAreWrittenOver) {
  EXPECT_TRUE(parse("overwrite=replace").replace);
  EXPECT_FALSE(parse("overwrite=replace,overwrite=no").replace);
  EXPECT_EQ(parse("replaced=delete").replaced, Replaced::kDelete);
  EXPECT_EQ(parse("replaced=delete,replaced=hide").replaced, Replaced::kHide);
  EXPECT_THAT(error_of("overwrite=yes"), HasSubstr("expected no or replace"));
  EXPECT_THAT(error_of("replaced=keep"), HasSubstr("expected hide or delete"));
  EXPECT_THAT(error_of("overwrite=replace,replaced=delete,delete=no"), HasSubstr("delete=no"));
  EXPECT_TRUE(parse("overwrite=replace,replaced=hide,delete=no").replace);
}

TEST(ParseOptions, WhichPartIsShown) {
  using client::Visibility;
  EXPECT_FALSE(parse("").all_projects);
  EXPECT_TRUE(parse("all-projects").all_projects);
  EXPECT_TRUE(parse("all_projects").all_projects);
  EXPECT_THAT(parse("").visibilities, IsEmpty());
  EXPECT_THAT(parse("visibility=public:private,ro").visibilities,
              ElementsAre(Visibility::kPublic, Visibility::kPrivate));
  EXPECT_THAT(parse("", {{"GLANCEFS_VISIBILITY", "shared,public"}}).visibilities,
              ElementsAre(Visibility::kShared, Visibility::kPublic));
  EXPECT_EQ(parse("subdir=community").subdirectory, "community");
  EXPECT_EQ(parse("subdir=/public/").subdirectory, "public");
  EXPECT_EQ(parse("subdir=projects/0123/").subdirectory, "projects/0123");
  EXPECT_EQ(error_of("visibility=public:privat"),
            "option visibility=public:privat: expected public, private, shared or community; did "
            "you mean \"private\"?|");
  EXPECT_THAT(error_of("visibility=:"), HasSubstr("expected names as in public:private"));
  EXPECT_THAT(error_of("visibility=public,private"), HasSubstr("visibility=public:private"));
  EXPECT_EQ(error_of("subdir=comunity"),
            "option subdir=comunity: expected public, private, shared, community or "
            "projects/PROJECT; did you mean \"community\"?|");
  for (const char* bad : {"projects", "projects/", "projects/a/private", "public/x", "/", ".."}) {
    EXPECT_THAT(error_of(std::string("subdir=") + bad), HasSubstr("expected public")) << bad;
  }
  EXPECT_EQ(error_of("subdir=public,visibility=private:shared"),
            "option subdir=public: the option visibility excludes it|");
  EXPECT_THAT(parse("subdir=public,visibility=private:public").visibilities, IsEmpty());
  EXPECT_THAT(error_of("subdir=projects/p,visibility=private"), HasSubstr("cannot be combined"));
}

TEST(ParseOptions, EveryValueArrives) {
  const Options options = parse(
      "uid=7,gid=8,umask=077,nodelete,hidden,xattrs=settable,properties=checked,cache-dir=c,cache-"
      "size=10G,"
      "cache-min-free=1G,passthrough=no,state-dir=/s/../t/,disk-format=iso,container_format=x-y_1"
      ",metadata-ttl=5m,connections=3,connect-timeout=4,"
      "timeout=5,mount-timeout=6,log=/l,log-level=trace,insecure,offline");
  EXPECT_EQ(options.uid, 7U);
  EXPECT_EQ(options.gid, 8U);
  EXPECT_EQ(options.umask, 077U);
  EXPECT_FALSE(options.removal);
  EXPECT_TRUE(options.hidden);
  EXPECT_EQ(options.xattrs, XattrList::kSettable);
  EXPECT_TRUE(options.check_properties);
  EXPECT_EQ(options.cache_directory, "/here/c");
  EXPECT_EQ(options.cache_size.bytes, 10ULL << 30);
  EXPECT_EQ(options.cache_min_free.bytes, 1ULL << 30);
  EXPECT_FALSE(options.passthrough);
  EXPECT_EQ(options.state_directory, "/t");
  EXPECT_EQ(options.disk_format, "iso");
  EXPECT_EQ(options.container_format, "x-y_1");
  EXPECT_EQ(options.metadata_ttl, milliseconds(300'000));
  EXPECT_EQ(options.connections, 3U);
  EXPECT_EQ(options.connect_timeout, milliseconds(4000));
  EXPECT_EQ(options.timeout, milliseconds(5000));
  EXPECT_EQ(options.mount_timeout, milliseconds(6000));
  EXPECT_EQ(options.log, "/l");
  EXPECT_EQ(options.log_level, log::Level::kTrace);
  EXPECT_TRUE(options.insecure);
  EXPECT_TRUE(options.offline);
}

TEST(ParseOptions, WhatAnOperatorSees) {
  EXPECT_EQ(parse("log=journal").log, "journal");
  EXPECT_EQ(parse("log=journal:/run/j").log, "journal:/run/j");
  EXPECT_EQ(parse("log=l").log, "/here/l");
  EXPECT_EQ(parse("log-format=json").log_format, log::Format::kJson);
  EXPECT_THAT(error_of("log-format=xml"), HasSubstr("expected text or json"));
  EXPECT_TRUE(parse("http-debug").http_debug);
  EXPECT_EQ(parse("http-debug,log-level=error").log_level, log::Level::kInfo);
  EXPECT_EQ(parse("log-level=debug,http-debug").log_level, log::Level::kDebug);
  EXPECT_EQ(parse("").metrics_listen, std::nullopt);
  EXPECT_EQ(parse("metrics-listen=127.0.0.1:9920").metrics_listen->port, 9920);
  EXPECT_EQ(parse("metrics-listen=unix:m.sock").metrics_listen->path, "/here/m.sock");
  EXPECT_THAT(error_of("metrics-listen=0.0.0.0:9920"), HasSubstr("others could read"));
}

TEST(ParseOptions, SpellingsOfNamesAndFlags) {
  EXPECT_EQ(parse("cache_dir=/a").cache_directory, "/a");
  EXPECT_FALSE(parse("").offline);
  EXPECT_TRUE(parse("offline=yes").offline);
  EXPECT_FALSE(parse("delete=no").removal);
  EXPECT_FALSE(parse("no-delete").removal);
  EXPECT_TRUE(parse("nodelete,delete").removal) << "the later wins";
  EXPECT_TRUE(parse("read-only").read_only);
  EXPECT_FALSE(parse("ro,rw").read_only);
  EXPECT_EQ(parse("cloud=prod").cloud, "prod");
  EXPECT_EQ(parse("region=R2").cloud_overrides.at("OS_REGION_NAME"), "R2");
  EXPECT_EQ(parse("cacert=ca.pem").cloud_overrides.at("OS_CACERT"), "/here/ca.pem");
}

TEST(ParseOptions, WordsOfMountGoToTheKernelOrNowhere) {
  const Options options = parse(
      "rw,noexec,suid,noatime,allow_other,max_read=65536,context=\"a:b,c\",default_permissions");
  EXPECT_EQ(options.mount_flags, static_cast<unsigned long>(MS_NODEV | MS_NOEXEC | MS_NOATIME));
  EXPECT_THAT(options.fuse_options,
              ElementsAre("max_read=65536", "context=a:b,c", "default_permissions", "allow_other"));
  EXPECT_EQ(parse("ro").mount_flags & MS_RDONLY, static_cast<unsigned long>(MS_RDONLY));
  const Options quiet = parse(
      "rw,defaults,auto,noauto,user,users,owner,group,user=ann,_netdev,nofail,relatime,strictatime,"
      "lazytime,nolazytime,atime,user_id=0,group_id=0,rootmode=40000,fd=3,nonempty,comment=hi,"
      "x-systemd.automount,X-foo.bar");
  EXPECT_EQ(quiet.mount_flags, parse("").mount_flags);
  EXPECT_THAT(quiet.fuse_options, IsEmpty());
}

TEST(ParseOptions, ExplainsMistakes) {
  EXPECT_EQ(error_of("cache-dri=/a"), R"(unknown option "cache-dri"|did you mean "cache-dir"?)");
  EXPECT_EQ(error_of("frobnicate"), R"(unknown option "frobnicate"|)");
  EXPECT_EQ(error_of("ur"), R"(unknown option "ur"|)") << "two errors leave nothing of it";
  EXPECT_THAT(error_of("cache-size=lots"), HasSubstr("option cache-size=lots: expected a size"));
  EXPECT_THAT(error_of("cache-size"), HasSubstr("needs a value: cache-size=SIZE"));
  EXPECT_THAT(error_of("cache-dir="), HasSubstr("needs a value"));
  EXPECT_THAT(error_of("nodelete=yes"), HasSubstr("takes no value"));
  EXPECT_THAT(error_of("noexec=1"), HasSubstr("takes no value"));
  EXPECT_THAT(error_of("max_read"), HasSubstr("needs a value"));
  EXPECT_THAT(error_of("properties=some"), HasSubstr("expected free or checked"));
  EXPECT_FALSE(parse("properties=free").check_properties);
  EXPECT_THAT(error_of("ro=perhaps"), HasSubstr("expected yes or no"));
  EXPECT_THAT(error_of("nocache-dir"), HasSubstr("unknown option"));
  EXPECT_THAT(error_of("log=stderr"), HasSubstr("only in the foreground"));
  EXPECT_THAT(error_of("env.=x"), HasSubstr("env.NAME=VALUE"));
  EXPECT_THAT(error_of("os_pasword=geheim"), ::testing::Not(HasSubstr("geheim")));
}

TEST(ParseOptions, WhatWasGivenIsKeptButNoSecret) {
  const Options options =
      parse("remount,rw,cache_dir=/a,nodelete,os-password=x,max_read=4096,noexec");
  EXPECT_THAT(options.given, ::testing::ElementsAre(Pair("cache-dir", "/a"), Pair("delete", "no"),
                                                    Pair("max-read", "4096"), Pair("ro", "no")));
}

TEST(ParseOptions, PatienceIsInMinutes) {
  EXPECT_EQ(parse("bg,retry=2").retry, std::chrono::minutes(2));
  EXPECT_EQ(parse("retry=5s").retry, std::chrono::seconds(5));
  EXPECT_TRUE(parse("bg").background);
  EXPECT_EQ(parse("").auto_unmount, std::nullopt);
  EXPECT_EQ(parse("noauto_unmount").auto_unmount, false);
}

TEST(ParseOptions, SloppyWarnsOfUnknownWords) {
  Options base = default_options();
  base.sloppy = true;
  const auto parsed = parse_options(base, split_options("frob=1,ro"), {}, "/");
  EXPECT_THAT(parsed.warnings, ElementsAre(R"(unknown option "frob" ignored)"));
  EXPECT_TRUE(parsed.options.read_only);
}

TEST(ParseOptions, EnvironmentCountsBelowOptions) {
  const Environment environment{{"GLANCEFS_CACHE_DIR", "/env"},
                                {"GLANCEFS_DELETE", "no"},
                                {"OS_USERNAME", "ann"},
                                {"GLANCEFS_TIMEOUT", ""}};
  EXPECT_EQ(parse("", environment).cache_directory, "/env");
  EXPECT_FALSE(parse("", environment).removal);
  EXPECT_EQ(parse("cache-dir=/o", environment).cache_directory, "/o");
  EXPECT_TRUE(parse("", environment).cloud_overrides.empty()) << "load_cloud() ranks OS_*";
  EXPECT_EQ(parse("env.GLANCEFS_CACHE_DIR=/unit", environment).cache_directory, "/unit");
  EXPECT_EQ(parse("env.https_proxy=http://p:1").environment.at("https_proxy"), "http://p:1");
  EXPECT_THAT(error_of("", {{"GLANCEFS_CONNECTIONS", "many"}}), HasSubstr("GLANCEFS_CONNECTIONS"));
}

TEST(OptionTable, NamesAreUniqueAndDefaultsAreValid) {
  std::set<std::string_view> names;
  for (const std::string_view name : known_words()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(canonical_name(name), name);
  }
  for (const Alias& alias : option_aliases()) {
    EXPECT_NE(find_option(alias.alias).option, nullptr) << alias.alias;
  }
  EXPECT_NO_THROW(default_options());
}

TEST(OptionTable, ChoicesAreWhatTheValueMayBe) {
  for (const Option& row : option_table()) {
    if (row.choices.empty()) continue;
    std::istringstream words{std::string(row.choices)};
    std::string first;
    for (std::string word; words >> word;) {
      if (first.empty()) first = word;
      EXPECT_TRUE(is_choice(row, word)) << row.name << " " << word;
      Options options = default_options();
      EXPECT_NO_THROW(row.apply(options, row, word)) << row.name << " " << word;
    }
    EXPECT_FALSE(is_choice(row, first.substr(1)));
    EXPECT_FALSE(is_choice(row, ""));
    try {
      Options options = default_options();
      row.apply(options, row, "no-such-word");
      // Paths and what only the cloud judges.
      EXPECT_TRUE(row.kind == OptionKind::kPath || row.name.starts_with("os-")) << row.name;
    } catch (const std::invalid_argument& error) {
      std::istringstream again{std::string(row.choices)};
      for (std::string word; again >> word;) EXPECT_THAT(error.what(), HasSubstr(word));
    }
  }
}

TEST(OptionTable, HelpShowsEveryRowAndNothingElse) {
  const std::string help = help_text("mount.glancefs");
  for (const Option& row : option_table()) {
    std::string left = fmt::format("  {}", row.name);
    if (row.kind != OptionKind::kFlag) left += fmt::format("={}", row.value_word);
    EXPECT_THAT(help, HasSubstr(left + " "));
    EXPECT_THAT(help, HasSubstr(std::string(row.help)));
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 140U) << line;
    if (line.starts_with("Other names")) break;
    if (!line.starts_with("  ") || line[2] == ' ' || line[2] == '-') continue;
    const std::string name = line.substr(2, line.find_first_of("= ", 2) - 2);
    EXPECT_TRUE(name == "env.NAME" || find_option(name).option != nullptr) << line;
  }
}

TEST(OptionTable, ManualPageNamesEveryOptionWithItsDefault) {
  std::ostringstream manual;
  manual << std::ifstream(GLANCEFS_MANUAL).rdbuf();
  ASSERT_FALSE(manual.str().empty()) << GLANCEFS_MANUAL;
  for (const Option& row : option_table()) {
    std::string entry = fmt::format("*{}*", row.name);
    if (row.kind != OptionKind::kFlag) entry += fmt::format("=_{}_", row.value_word);
    EXPECT_THAT(manual.str(), HasSubstr("\n" + entry)) << "no entry of its own";
    if (row.initial.empty()) continue;
    EXPECT_THAT(manual.str(), HasSubstr(fmt::format("{} (default {})", entry, row.initial)));
  }
  for (const Alias& row : option_aliases()) {
    EXPECT_THAT(manual.str(), HasSubstr(fmt::format("*{}*", row.alias)));
  }
  for (const KernelWord& row : kernel_words()) {
    std::string name(row.name);
    std::ranges::replace(name, '-', '_');
    EXPECT_THAT(manual.str(), HasSubstr(fmt::format("*{}*", name)));
  }
}

}  // namespace
}  // namespace glancefs::fs
