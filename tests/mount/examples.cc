#include "tests/mount/examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <regex>
#include <sstream>

#include "base/fd.h"

namespace glancefs::mount_test {
namespace {

constexpr std::string_view kAny = "…";
constexpr std::string_view kReason = "Development cloud only: ";
constexpr char kMark = '\x1e';  // before the exit code of each command

[[noreturn]] void wrong(std::size_t line, const std::string& why) {
  throw_errno(EINVAL, fmt::format("line {}: {}", line, why));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool line_matches(std::string_view expected, std::string_view actual) {
  const std::size_t any = expected.find(kAny);
  if (any == std::string_view::npos) return expected == actual;
  if (!actual.starts_with(expected.substr(0, any))) return false;
  expected.remove_prefix(any + kAny.size());
  for (std::size_t at = any; at <= actual.size(); ++at) {
    if (line_matches(expected, actual.substr(at))) return true;
  }
  return false;
}

using Lines = std::vector<std::string_view>;
bool lines_match(Lines::const_iterator expected, Lines::const_iterator end,
                 Lines::const_iterator actual, Lines::const_iterator actual_end) {
  for (; expected != end; ++expected, ++actual) {
    if (*expected == kAny) {
      for (;; ++actual) {
        if (lines_match(expected + 1, end, actual, actual_end)) return true;
        if (actual == actual_end) return false;
      }
    }
    if (actual == actual_end || !line_matches(*expected, *actual)) return false;
  }
  return actual == actual_end;
}

/// "[1]", an exit code.
std::optional<int> code_in(std::string_view line) {
  if (!line.starts_with('[') || !line.ends_with(']')) return std::nullopt;
  int code = 0;
  const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size() - 1, code);
  if (error != std::errc() || end != line.data() + line.size() - 1) return std::nullopt;
  return code;
}

/// What stands after "console".
struct Words {
  bool setup = false, remount = false, devcloud = false, unmounted = false;
  std::string options, account = "demo";
};

Words parse_words(const std::string& text, std::size_t line) {
  Words words;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    if (word == "setup") {
      words.setup = true;
    } else if (word == "remount") {
      words.remount = true;
    } else if (word == "unmounted") {
      words.unmounted = true;
    } else if (word == "devcloud") {
      words.devcloud = true;
    } else if (word == "as" && stream >> words.account) {
      if (words.account != "admin" && words.account != "other") wrong(line, "who is that?");
    } else if (word != "-o" || !(stream >> words.options)) {
      wrong(line, "unknown word " + word);
    }
  }
  return words;
}

class Parser {
 public:
  explicit Parser(bool real_cloud) : real_cloud_(real_cloud) {}

  Page parse(const std::string& text) {
    for (const std::string_view line : lines_of(text)) {
      ++line_;
      if (inside_) {
        in_block(line);
      } else {
        in_prose(line);
      }
    }
    if (inside_) wrong(line_, "the block has no end");
    for (Session& session : page_.sessions) {
      session.examples.insert(session.examples.begin(), setup_.begin(), setup_.end());
    }
    return std::move(page_);
  }

 private:
  void in_prose(std::string_view line) {
    static constexpr std::string_view kFence = "```console";
    if (line.starts_with('#')) {
      heading_ = line.substr(std::min(line.find_first_not_of("# "), line.size()));
    } else if (line.starts_with(kFence)) {
      words_ = parse_words(std::string(line.substr(kFence.size())), line_);
      if (words_.devcloud && !reason_) wrong(line_, "no line says why not on a real cloud");
      inside_ = true;
      block_.clear();
      return;
    }
    if (line.starts_with(kReason) && line.size() > kReason.size()) reason_ = true;
    if (line.starts_with('#')) reason_ = false;
  }

  void in_block(std::string_view line) {
    if (line == "```") {
      inside_ = false;
      end_block();
    } else if (line.starts_with("$ ")) {
      block_.push_back({.command = std::string(line.substr(2)), .expected = {}, .line = line_});
    } else if (block_.empty()) {
      wrong(line_, "the block does not begin with a command");
    } else if (line.starts_with("> ") && block_.back().expected.empty()) {
      block_.back().command += "\n" + std::string(line.substr(2));
    } else if (const auto code = code_in(line)) {
      block_.back().code = *code;
    } else if (block_.back().code != 0) {
      wrong(line_, "output after the exit code");
    } else {
      block_.back().expected += std::string(line) + "\n";
    }
  }

  void end_block() {
    if (words_.setup) {
      setup_.insert(setup_.end(), block_.begin(), block_.end());
      if (page_.sessions.empty()) page_.sessions.emplace_back();
      return;
    }
    if (page_.illustrated.empty() || page_.illustrated.back() != heading_) {
      page_.illustrated.push_back(heading_);
    }
    if (words_.devcloud && real_cloud_) return;
    if (page_.sessions.empty() || words_.remount ||
        page_.sessions.back().options != words_.options ||
        page_.sessions.back().account != words_.account ||
        page_.sessions.back().mounted == words_.unmounted) {
      page_.sessions.push_back({.options = words_.options,
                                .account = words_.account,
                                .mounted = !words_.unmounted,
                                .examples = {}});
    }
    auto& examples = page_.sessions.back().examples;
    examples.insert(examples.end(), block_.begin(), block_.end());
  }

  const bool real_cloud_;
  Page page_;
  std::size_t line_ = 0;
  std::string heading_;
  Words words_;
  bool inside_ = false, reason_ = false;
  std::vector<Example> block_, setup_;
};

}  // namespace

Page parse_page(const std::string& text, bool real_cloud) { return Parser(real_cloud).parse(text); }

std::vector<std::string> operations_of(const std::string& text) {
  std::vector<std::string> operations;
  bool inside = false;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("## ")) inside = line == "## Operations";
    if (!inside || !line.starts_with("| ")) continue;
    const std::string cell(line.substr(2, line.find(" | ", 2) - 2));
    if (cell != "operation") operations.push_back(cell);
  }
  return operations;
}

std::string script_of(const Session& session) {
  std::string script = session.mounted ? "cd ~/images || exit\n" : "cd || exit\n";
  for (const Example& example : session.examples) {
    script += fmt::format("{}\nprintf '\\036%d\\n' $?\n", example.command);
  }
  return script;
}

std::string compare(const Session& session, const std::string& printed) {
  // As an interactive shell says it.
  static const std::regex kLine("bash: line [0-9]+: ");
  std::string rest = std::regex_replace(printed, kLine, "bash: ");
  std::string differences;
  for (const Example& example : session.examples) {
    const std::size_t mark = rest.find(kMark);
    const std::size_t end = std::min(rest.find('\n', std::min(mark, rest.size())), rest.size());
    if (mark == std::string::npos) {
      return differences + fmt::format("line {}: $ {}\nthe shell ended:\n{}\n", example.line,
                                       example.command, rest);
    }
    std::string output = rest.substr(0, mark);
    if (!output.empty() && !output.ends_with('\n')) output += '\n';
    const std::string code = rest.substr(mark + 1, end - mark - 1);
    if (!matches(example.expected, output) || code != std::to_string(example.code)) {
      differences += fmt::format("line {}: $ {}\n{}[{}]\nbut the page says\n{}[{}]\n", example.line,
                                 example.command, output, code, example.expected, example.code);
    }
    rest.erase(0, std::min(end + 1, rest.size()));
  }
  return differences;
}

bool matches(std::string_view expected, std::string_view actual) {
  const Lines wanted = lines_of(expected);
  const Lines got = lines_of(actual);
  return lines_match(wanted.begin(), wanted.end(), got.begin(), got.end());
}

}  // namespace glancefs::mount_test
