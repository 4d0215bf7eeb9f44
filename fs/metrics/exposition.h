// The text format of Prometheus, version 0.0.4.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "fs/metrics/histogram.h"

namespace glancefs::fs {

/// Writes families of samples, one after the other. Not thread-safe.
class Exposition {
 public:
  enum class Type { kCounter, kGauge, kHistogram };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a family: each name once. `name` as Prometheus wants it, with its unit, and "_total"
  /// for counters. The samples that follow belong to it.
  void family(std::string_view name, Type type, std::string_view help);

  void sample(double value, Labels labels = {});
  void sample(std::uint64_t value, Labels labels = {});
  /// In seconds. For families of type kHistogram.
  void histogram(const Histogram& histogram, Labels labels = {});

  /// A family of one sample without labels.
  template <typename Value>
  void single(std::string_view name, Type type, std::string_view help, Value value) {
    family(name, type, help);
    sample(value);
  }

  const std::string& text() const noexcept { return text_; }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);

  std::string text_, name_;
};

}  // namespace glancefs::fs
