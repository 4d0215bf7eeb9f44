// Waits for what a mount does by itself after it has begun.
#pragma once

#include <chrono>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace glancefs::model {

/// Until everything that the journal held to be sent has been tried: it is gone from the file
/// `pending`, or has one more line in `errors`.
inline void wait_for_uploads(const std::function<std::string()>& pending,
                             const std::function<std::string()>& errors) {
  const auto count = [](const std::string& text,
                        const std::function<bool(const std::string&)>& counts) {
    std::istringstream lines(text);
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);) found += counts(line) ? 1 : 0;
    return found;
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    const auto waiting = count(pending(), [](const std::string& line) {
      const auto says = [&](const char* word) { return line.find(word) != std::string::npos; };
      return !says("  unfinished  ") && !says("  stays here  ");
    });
    const auto failed = count(errors(), [](const std::string& line) {
      return line.find("Z upload: ") != std::string::npos;
    });
    if (failed >= waiting) return;
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("what the journal holds is not sent:\n" + pending());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace glancefs::model
