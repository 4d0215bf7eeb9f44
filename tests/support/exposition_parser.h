// Reads the text format of Prometheus as strictly as its description says.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace glancefs::test {

struct Sample {
  std::string name;  ///< with the suffix that histograms have
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct Family {
  std::string type, help;
  std::vector<Sample> samples;
};

using Families = std::map<std::string, Family>;

/// Throws std::runtime_error with the line and what is wrong with it: a family that comes twice or
/// lacks HELP or TYPE, samples of another one, names and escapes that are not allowed, the same
/// labels twice, counters without _total or below zero, histograms whose buckets shrink or do not
/// end with +Inf and the count.
Families parse_exposition(const std::string& text);

/// The value of the only sample of `family` with these labels; a failure of the test, and -1, when
/// there is none.
double value_in(const Families& families, const std::string& family,
                const std::map<std::string, std::string>& labels = {});

}  // namespace glancefs::test
