#include "tests/model/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "tests/model/counted_ids.h"
#include "tests/model/verbs.h"

namespace glancefs::model {
namespace {

void quote(std::string& out, const char* name, const std::string& text) {
  out += std::string(" ") + name + "=\"";
  for (const char c : text) {
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    out += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  out += '"';
}

std::optional<std::string> attempt(World& world, const Operation& op) {
  try {
    return world.step(op);
  } catch (const std::exception& error) {
    return std::string("the mount throws: ") + error.what();
  }
}

std::optional<Failure> repeat(const World::Maker& make, const Script& script) {
  begin_counted_ids();
  World world(make);
  for (std::size_t i = 0; i < script.size(); ++i) {
    if (auto wrong = attempt(world, script[i])) {
      return Failure{{script.begin(), script.begin() + static_cast<std::ptrdiff_t>(i) + 1},
                     *std::move(wrong)};
    }
  }
  if (auto wrong = world.finish()) return Failure{script, *std::move(wrong)};
  return std::nullopt;
}

}  // namespace

std::string to_string(const Operation& op) {
  std::string out = op.verb;
  const auto word = [&](const char* name, const std::string& text) {
    if (!text.empty()) quote(out, name, text);
  };
  const auto number = [&](const char* name, std::uint64_t value) {
    if (value != 0) out += std::string(" ") + name + "=" + std::to_string(value);
  };
  number("slot", static_cast<std::uint64_t>(op.slot));
  word("directory", op.directory);
  word("name", op.name);
  word("to", op.to_directory);
  word("as", op.to_name);
  number("image", static_cast<std::uint64_t>(op.number));
  if (op.flags != 0) out += fmt::format(" flags={:#o}", op.flags);
  number("offset", op.offset);
  number("size", op.size);
  number("seed", op.seed);
  word("key", op.key);
  word("value", op.value);
  word("fault", op.fault);
  return out;
}

std::string to_string(const Script& script) { return last_of(script, script.size()); }

std::string last_of(const Script& script, std::size_t count) {
  std::string text;
  for (std::size_t i = script.size() - std::min(count, script.size()); i < script.size(); ++i) {
    text += std::to_string(i) + ": " + to_string(script[i]) + "\n";
  }
  return text;
}

std::optional<Failure> run(const World::Maker& make, std::uint64_t seed, std::size_t steps) {
  begin_counted_ids();
  World world(make);
  Inventor inventor(seed);
  Script script;
  while (script.size() < steps) {
    script.push_back(inventor.next(world.model()));
    if (auto wrong = attempt(world, script.back())) return Failure{script, *std::move(wrong)};
  }
  if (auto wrong = world.finish()) return Failure{script, *std::move(wrong)};
  return std::nullopt;
}

// Leaves out halves, quarters … as long as it still fails.
Failure shortened(const World::Maker& make, Failure failure, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (std::size_t piece = failure.script.size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at + piece < failure.script.size();) {
      if (std::chrono::steady_clock::now() > end) return failure;
      Script fewer = failure.script;
      const auto first = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.erase(first, first + static_cast<std::ptrdiff_t>(piece));
      if (auto again = repeat(make, fewer)) {
        failure = *std::move(again);
      } else {
        at += piece;
      }
    }
  }
  return failure;
}

}  // namespace glancefs::model
