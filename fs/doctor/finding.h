// What one check of `glancefs doctor` found.
#pragma once

#include <chrono>
#include <string>

namespace glancefs::fs {

enum class Verdict {
  kOk,
  kWarning,  ///< it works, but not as it could, or not for everybody
  kFailed,   ///< a mount would fail, or be of no use
  kSkipped,  ///< could not be looked at, since something before it failed
};

/// "ok", "warning", "failed", "skipped".
std::string word_for(Verdict verdict);

/// Texts are one line each and hold no secret; they may hold strangers' words.
struct Finding {
  std::string check;  ///< what was looked at, in one or two words
  Verdict verdict = Verdict::kOk;
  std::string detail;  ///< what was found
  std::string hint;    ///< what to do about it; empty: nothing
  std::chrono::milliseconds took{0};
};

inline Finding ok(std::string detail) {
  return {.check = {}, .verdict = Verdict::kOk, .detail = std::move(detail), .hint = {}};
}
inline Finding warning(std::string detail, std::string hint) {
  return {.check = {},
          .verdict = Verdict::kWarning,
          .detail = std::move(detail),
          .hint = std::move(hint)};
}
inline Finding failed(std::string detail, std::string hint = {}) {
  return {.check = {},
          .verdict = Verdict::kFailed,
          .detail = std::move(detail),
          .hint = std::move(hint)};
}
inline Finding skipped(std::string detail) {
  return {.check = {}, .verdict = Verdict::kSkipped, .detail = std::move(detail), .hint = {}};
}

}  // namespace glancefs::fs
