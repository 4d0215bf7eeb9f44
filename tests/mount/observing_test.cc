// What an operator sees of a mount: its log, its metrics, doctor and the bug report.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/mount/mounted_cloud.h"
#include "tests/support/exposition_parser.h"

namespace glancefs::mount_test {
namespace {

using test::parse_exposition;
using test::value_in;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Observing : public MountedCloud {
 protected:
  /// `glancefs WORDS` as demo would type it, with $M and $D.
  Result glancefs(const std::string& words, Environment environment = {}) {
    environment.merge(openrc(cloud_.demo()));
    environment.merge(Environment{{"M", mount_point_}, {"D", directory_.path()}});
    return run(GLANCEFS_PROGRAM " " + words, environment, std::chrono::seconds(60));
  }
  test::Families metrics() { return parse_exposition(glancefs("status $M -f prometheus").output); }
  /// Directories of the test's own, so that doctor has nothing to say of them.
  std::string places() const {
    return " -o cache-dir=" + (directory_ / "cache") + ",state-dir=" + (directory_ / "state");
  }
};

TEST_F(Observing, MetricsCountWhatTheKernelAsksAndWhatGlanceAnswers) {
  add("a", pattern(300'000));
  mount("passthrough=no");
  ASSERT_EQ(out("cat $M/private/a | wc -c"), "300000");
  EXPECT_NE(sh("cat $M/private/none").code, 0);
  const auto families = metrics();
  const std::string operations = "glancefs_fuse_operations_total";
  EXPECT_GE(value_in(families, operations, {{"operation", "read"}, {"result", "ok"}}), 1);
  EXPECT_GE(value_in(families, operations, {{"operation", "open"}, {"result", "ok"}}), 1);
  EXPECT_GE(
      value_in(families, "glancefs_requests_total", {{"operation", "login"}, {"result", "201"}}),
      1);
  EXPECT_GE(
      value_in(families, "glancefs_requests_total", {{"operation", "list"}, {"result", "200"}}), 1);
  EXPECT_GE(value_in(families, "glancefs_received_bytes_total"), 300'000);
  EXPECT_EQ(value_in(families, "glancefs_cache_fetched_bytes_total"), 300'000);
  EXPECT_EQ(value_in(families, "glancefs_catalogue_images"), 1);
  EXPECT_GT(value_in(families, "glancefs_token_expires_timestamp_seconds"), 1e9);
  out("cp /bin/sh $M/private/new");
  const auto after = metrics();
  EXPECT_EQ(
      value_in(after, "glancefs_requests_total", {{"operation", "upload"}, {"result", "204"}}), 1);
  EXPECT_GE(value_in(after, "glancefs_sent_bytes_total"),
            static_cast<double>(std::filesystem::file_size("/bin/sh")));
}

TEST_F(Observing, MetricsAreServedOnASocket) {
  mount("metrics-listen=unix:" + (directory_ / "metrics.sock"));
  const auto families = parse_exposition(
      sh("curl -sS --unix-socket $D/metrics.sock http://localhost/metrics").output);
  EXPECT_EQ(value_in(families, "glancefs_offline"), 0);
  unmount();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "metrics.sock"));
}

TEST_F(Observing, EachRequestIsLoggedWithoutSecrets) {
  add("a", "data");
  mount("http-debug");
  out("cat $M/private/a");
  const std::string log = daemon_->output();
  EXPECT_THAT(log, HasSubstr("POST " + cloud_.auth_url() + "/auth/tokens 201 "));
  EXPECT_THAT(log, ContainsRegex("GET http://[0-9.:]+/v2/images\\?limit=1000.* 200 [0-9.]+ ms, 0 "
                                 "bytes sent, [0-9]+ received, as req-"));
  EXPECT_THAT(log, ContainsRegex("GET http://[0-9.:]+/v2/images/[0-9a-f-]+/file 20"));
  EXPECT_THAT(log, AllOf(Not(HasSubstr(cloud_.demo().password)), Not(HasSubstr("gAAAA")),
                         Not(HasSubstr("Token"))));
}

TEST_F(Observing, AFailureInJsonHasTheRequestIdTheImageAndTheErrno) {
  const std::string id = add("a", "data");
  mount("log-format=json,log=" + (directory_ / "log"));
  devcloud::Fault fault = devcloud::answer_fault(403, "", {});
  fault.path = "/file";
  cloud_.add_fault(fault);
  EXPECT_NE(sh("cat $M/private/a").code, 0);
  const auto line = [&] {
    return out("grep '\"level\":\"warning\"' $D/log | grep 'read on image' || true");
  };
  ASSERT_TRUE(eventually([&] { return !line().empty(); })) << read_file(directory_ / "log");
  EXPECT_THAT(line(), AllOf(ContainsRegex("^\\{\"time\":\"20"),
                            HasSubstr("\"image\":\"" + id + "\",\"errno\":13}"),
                            ContainsRegex("\"request_id\":\"req-[0-9a-f-]+\"")));
}

TEST_F(Observing, DoctorSaysWhatIsWrongAndEndsAccordingly) {
  add("a", "data");
  const Result fine = glancefs("doctor -f json" + places());
  EXPECT_THAT(fine.output, HasSubstr("\"check\": \"login\""));
  EXPECT_NE(fine.code, 1) << fine.output;
  const std::string wanted = fine.output.find("\"warning\"") == std::string::npos ? "0" : "3";
  EXPECT_EQ(std::to_string(fine.code), wanted) << fine.output;
  const Result refused = glancefs("doctor" + places(), {{"OS_PASSWORD", "planted-password"}});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output,
              AllOf(ContainsRegex("failed +login .*401"), HasSubstr("Keystone does not say"),
                    Not(HasSubstr("planted-password"))));
  cloud_.keystone_down(true);
  const Result down = glancefs("doctor" + places());
  EXPECT_EQ(down.code, 1);
  EXPECT_THAT(down.output, ContainsRegex("failed +connection +127.0.0.1 port .*refused"));
  EXPECT_EQ(glancefs("doctor a b c").code, 2);
  EXPECT_EQ(glancefs("doctor -o os-password=x").code, 2);
  EXPECT_EQ(glancefs("doctor -o cache-sise=1G").code, 2);
}

class BugReport : public Observing {
 protected:
  static constexpr const char* kPlanted = "planted-secret-word";

  /// What is in the archive, all in one.
  std::string unpacked(const std::string& name) {
    return out("mkdir -p $D/" + name + ".d && tar -xzf $D/" + name + " -C $D/" + name +
               ".d && grep -r '' $D/" + name + ".d");
  }
};

TEST_F(BugReport, HoldsNoSecretFromAnywhere) {
  add("golden-image", "data");
  const std::string password = cloud_.demo().password;
  write_file(directory_ / "log",
             fmt::format("X-Auth-Token: {0}\nhttp://user:{0}@host/\nos-password={0}\n"
                         "https://store.example/x?temp_url_sig={0}\nlogged in with {1}\n"
                         "{{\"password\": \"{0}\"}}\nan honest line\n",
                         kPlanted, password));
  mount("log=" + (directory_ / "log") + ",os-password=" + password);
  const Result made = glancefs("bugreport $D/report.tar.gz" + places(),
                               {{"OS_TOKEN", kPlanted},
                                {"OS_PASSCODE", kPlanted},
                                {"OS_APPLICATION_CREDENTIAL_SECRET", kPlanted}});
  ASSERT_EQ(made.code, 0) << made.output;
  const std::string all = unpacked("report.tar.gz");
  EXPECT_THAT(all, Not(HasSubstr(kPlanted)));
  EXPECT_THAT(all, Not(HasSubstr(password)));
  EXPECT_THAT(all, Not(HasSubstr("gAAAA")));
  EXPECT_THAT(all, HasSubstr("an honest line"));
  EXPECT_THAT(all, HasSubstr("os-token=***"));
  for (const char* part : {"doctor.txt:ok", "versions.txt:libcurl", "versions.txt:libfuse",
                           "options.txt:metadata-ttl=30s", "mounts.txt:", "status.txt:cloud",
                           "metrics.txt:glancefs_info", "command.txt:"}) {
    EXPECT_THAT(all, HasSubstr(part));
  }
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "report.tar.gz").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(BugReport, NamesNobodyWhenAskedTo) {
  add("golden-image", "data");
  mount("log=" + (directory_ / "log"));
  write_file(directory_ / "log", "golden-image on ks.example.org: http://ks.example.org/ demo\n");
  const Result made = glancefs("bugreport --anonymous $D/report.tar.gz" + places());
  ASSERT_EQ(made.code, 0) << made.output;
  const std::string log = out("tar -xzOf $D/report.tar.gz --wildcards '*/log.txt'");
  EXPECT_THAT(log,
              ContainsRegex("^image-[0-9]+ on host-[0-9]+: http://host-[0-9]+/ (user|project)-"));
  const std::string all = unpacked("report.tar.gz");
  EXPECT_THAT(all, AllOf(Not(HasSubstr("golden-image")), Not(HasSubstr("ks.example.org")),
                         Not(HasSubstr("\"demo\""))));
}

TEST_F(BugReport, OverwritesNothing) {
  write_file(directory_ / "report.tar.gz", "precious");
  const Result made = glancefs("bugreport $D/report.tar.gz" + places());
  EXPECT_EQ(made.code, 1);
  EXPECT_THAT(made.output, HasSubstr("File exists"));
  EXPECT_EQ(read_file(directory_ / "report.tar.gz"), "precious");
}

TEST_F(BugReport, IsMadeAlsoWhenNothingWorks) {
  cloud_.keystone_down(true);
  const Result made = glancefs("bugreport $D/report.tar.gz" + places());
  ASSERT_EQ(made.code, 0) << made.output;
  EXPECT_THAT(unpacked("report.tar.gz"), HasSubstr("refused"));
}

}  // namespace
}  // namespace glancefs::mount_test
