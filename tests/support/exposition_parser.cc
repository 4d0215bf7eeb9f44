#include "tests/support/exposition_parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace glancefs::test {
namespace {

[[noreturn]] void wrong(const std::string& line, const std::string& why) {
  throw std::runtime_error(why + ": " + line);
}

std::string unescaped(const std::string& text, bool quotes, const std::string& line) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const char next = ++i < text.size() ? text[i] : '\0';
    if (next == 'n') {
      result += '\n';
    } else if (next == '\\' || (quotes && next == '"')) {
      result += next;
    } else {
      wrong(line, "an escape that there is not");
    }
  }
  return result;
}

double number(const std::string& text, const std::string& line) {
  static const std::regex kNumber(R"([+-]?(\d+\.?\d*([eE][+-]?\d+)?|Inf)|NaN)");
  if (!std::regex_match(text, kNumber)) wrong(line, "not a number");
  if (text.ends_with("Inf")) return std::numeric_limits<double>::infinity();
  return std::strtod(text.c_str(), nullptr);
}

Sample parse_sample(const std::string& line) {
  static const std::regex kSample(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+))");
  static const std::regex kLabel(R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(,|$))re");
  std::smatch parts;
  if (!std::regex_match(line, parts, kSample)) wrong(line, "not a sample");
  Sample sample{.name = parts[1], .labels = {}, .value = number(parts[4], line)};
  std::string labels = parts[3];
  std::smatch label;
  while (!labels.empty()) {
    if (!std::regex_search(labels, label, kLabel, std::regex_constants::match_continuous)) {
      wrong(line, "not a label");
    }
    if (!sample.labels.emplace(label[1], unescaped(label[2], true, line)).second) {
      wrong(line, "a label twice");
    }
    labels = label.suffix();
  }
  return sample;
}

bool belongs_to(const Sample& sample, const std::string& name, const std::string& type) {
  if (type != "histogram") return sample.name == name;
  return sample.name == name + "_bucket" || sample.name == name + "_sum" ||
         sample.name == name + "_count";
}

void check_histogram(const std::string& name, const Family& family) {
  double count = 0;
  double bound = 0;
  bool ended = false;
  for (const Sample& sample : family.samples) {
    if (sample.name.ends_with("_bucket")) {
      const double next = number(sample.labels.at("le"), name);
      if (bound != 0 && !ended && next <= bound) wrong(name, "bounds that do not grow");
      if (!ended && bound != 0 && sample.value < count) wrong(name, "buckets that shrink");
      bound = next;
      count = sample.value;
      ended = std::isinf(next);
      if (ended) bound = 0;
    } else if (sample.name.ends_with("_count")) {
      if (!ended || sample.value != count) wrong(name, "a count that is not the last bucket's");
      ended = false;
    }
  }
}

void check(const std::string& name, const Family& family) {
  if (family.type.empty() || family.help.empty()) wrong(name, "no HELP or no TYPE");
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen;
  for (const Sample& sample : family.samples) {
    if (!seen.emplace(sample.name, sample.labels).second) wrong(sample.name, "a sample twice");
    if (family.type == "counter" && sample.value < 0) wrong(name, "a counter below zero");
  }
  if (family.type == "counter" && !name.ends_with("_total")) wrong(name, "no _total");
  if (family.type == "histogram") check_histogram(name, family);
}

}  // namespace

Families parse_exposition(const std::string& text) {
  static const std::regex kComment(R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))");
  if (!text.ends_with('\n')) wrong(text.substr(text.rfind('\n') + 1), "no newline at the end");
  Families families;
  std::string name;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (std::regex_match(line, parts, kComment)) {
      if (parts[1] == "HELP") {
        name = parts[2];
        if (!families
                 .emplace(
                     name,
                     Family{.type = {}, .help = unescaped(parts[3], false, line), .samples = {}})
                 .second) {
          wrong(line, "a family twice");
        }
      } else {
        Family& family = families[parts[2]];
        static const std::regex kType("counter|gauge|histogram");
        if (name != parts[2] || !family.type.empty() || !std::regex_match(parts[3].str(), kType)) {
          wrong(line, "a TYPE that does not follow its HELP");
        }
        family.type = parts[3];
      }
      continue;
    }
    const Sample sample = parse_sample(line);
    if (name.empty() || !belongs_to(sample, name, families[name].type)) {
      wrong(line, "a sample of another family");
    }
    families[name].samples.push_back(sample);
  }
  for (const auto& [each, family] : families) check(each, family);
  return families;
}

double value_in(const Families& families, const std::string& family,
                const std::map<std::string, std::string>& labels) {
  const auto found = families.find(family);
  if (found != families.end()) {
    for (const Sample& sample : found->second.samples) {
      if (sample.labels == labels) return sample.value;
    }
  }
  ADD_FAILURE() << "no such sample of " << family;
  return -1;
}

}  // namespace glancefs::test
