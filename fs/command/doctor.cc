#include "fs/command/doctor.h"

#include <fmt/format.h>

#include <filesystem>
#include <ostream>

#include "base/fd.h"
#include "base/log.h"
#include "fs/command/config_show.h"
#include "fs/command/usage_error.h"
#include "fs/doctor/doctor.h"
#include "fs/doctor/report.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

/// The mount that the options describe.
DoctorCase subject_of(const CommandCall& call, const ParsedOptions& parsed,
                      const std::string& mount_point) {
  DoctorCase subject{.options = parsed.options,
                     .environment = call.environment,
                     .directory = call.directory,
                     .mount_point = {},
                     .places = {}};
  if (!mount_point.empty()) subject.mount_point = absolute_path(mount_point, call.directory);
  return subject;
}

bool is_directory_word(const std::string& word) {
  return word.find('/') != std::string::npos || word == "." || word == "..";
}

Listing listing_of(const std::vector<Finding>& findings) {
  Listing listing{.columns = {"check", "verdict", "detail", "hint", "seconds"}, .rows = {}};
  for (const Finding& finding : findings) {
    listing.rows.push_back({finding.check, word_for(finding.verdict), finding.detail,
                            finding.hint.empty() ? Cell() : Cell(finding.hint),
                            std::chrono::duration<double>(finding.took).count()});
  }
  return listing;
}

}  // namespace

CommandExit run_doctor(const CommandCall& call) {
  constexpr std::string_view kUsage = "glancefs doctor [CLOUD] [DIR] [-o OPTIONS] [-f FORMAT]";
  call.arguments.expect_positionals(0, 2, kUsage);
  std::string cloud;
  std::string mount_point;
  for (const std::string& word : call.arguments.positionals()) {
    std::string& into = is_directory_word(word) ? mount_point : cloud;
    if (!into.empty())
      throw UsageError(fmt::format("unexpected \"{}\"", word), std::string(kUsage));
    into = word;
  }
  const bool formatted =
      call.arguments.has(kFormatOption.name) || call.arguments.has(kColumnOption.name);
  const OutputChoice choice = call.arguments.output();
  const DoctorCase subject = subject_of(call, options_of(call, cloud), mount_point);
  const auto findings = examine(subject, [&](const Finding& finding) {
    if (!formatted) call.out << finding_text(finding) << std::flush;
  });
  if (formatted) call.out << list_text(listing_of(findings), choice);
  switch (worst_of(findings)) {
    case Verdict::kFailed:
      return CommandExit::kFailed;
    case Verdict::kWarning:
      return CommandExit::kPartly;
    default:
      return CommandExit::kDone;
  }
}

CommandExit run_bugreport(const CommandCall& call) {
  call.arguments.expect_positionals(
      1, 1, "glancefs bugreport FILE.tar.gz [--anonymous] [--cloud NAME] [-o OPTIONS]");
  const std::string path = absolute_path(call.arguments.positionals().front(), call.directory);
  const ParsedOptions parsed = options_of(call, call.arguments.value("cloud"));
  std::optional<client::CloudError> trouble;  // doctor has it, too
  const ReportWish wish{.subject = subject_of(call, parsed, {}),
                        .settings = all_settings(call, parsed, trouble),
                        .anonymous = call.arguments.has("anonymous")};
  std::error_code error;
  // Before minutes are spent; whether it is so in the end, the archive's maker decides.
  if (std::filesystem::exists(path, error)) throw_errno(EEXIST, path);
  const ReportFiles files = collect_report(
      wish, [&](const std::string& step) { call.err << "glancefs: " << step << "\n"; });
  write_archive(path, files);
  call.out << log::printable(path) << "\n";
  call.err << "glancefs: no passwords and tokens are in it; read it before you send it: tar -xzOf "
           << log::printable(path) << " | less\n";
  return CommandExit::kDone;
}

}  // namespace glancefs::fs
