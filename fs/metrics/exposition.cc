#include "fs/metrics/exposition.h"

#include <fmt/format.h>

#include <chrono>

namespace glancefs::fs {
namespace {

std::string_view type_name(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::kCounter:
      return "counter";
    case Exposition::Type::kGauge:
      return "gauge";
    case Exposition::Type::kHistogram:
      break;
  }
  return "histogram";
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Backslash, newline and, in values of labels, the quote.
std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

void Exposition::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, false), name,
                       type_name(type));
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view bound,
                      std::string_view value) {
  std::string inside;
  const auto add = [&](std::string_view label, std::string_view text) {
    if (!inside.empty()) inside += ',';
    inside += fmt::format("{}=\"{}\"", label, escaped(text, true));
  };
  for (const auto& [label, text] : labels) add(label, text);
  if (!bound.empty()) add("le", bound);
  text_.append(name_).append(suffix);
  if (!inside.empty()) text_ += "{" + inside + "}";
  text_.append(" ").append(value).append("\n");
}

void Exposition::sample(double value, Labels labels) {
  line({}, labels, {}, fmt::format("{}", value));
}

void Exposition::sample(std::uint64_t value, Labels labels) {
  line({}, labels, {}, std::to_string(value));
}

void Exposition::histogram(const Histogram& histogram, Labels labels) {
  const auto counts = histogram.counts();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts.at(i);
    const std::string bound = i < Histogram::kBuckets
                                  ? fmt::format("{}", seconds(Histogram::bound(i)))
                                  : std::string("+Inf");
    line("_bucket", labels, bound, std::to_string(total));
  }
  line("_sum", labels, {}, fmt::format("{}", seconds(histogram.sum())));
  line("_count", labels, {}, std::to_string(total));
}

}  // namespace glancefs::fs
