// What can be done: one row for each verb, with how it is invented, tried on the mount, and what it
// means. A new verb is one more row, one method of the Model and one of the Subject.
#pragma once

#include <random>
#include <span>
#include <string>

#include "tests/model/model.h"
#include "tests/model/operation.h"

namespace glancefs::model {

class World;

/// Makes up operations out of names that meet often.
class Inventor {
 public:
  explicit Inventor(std::uint64_t seed) : random_(seed) {}

  Operation next(const Model& model);

  // For the rows of the table.

  const Model& model() const { return *model_; }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool sometimes(unsigned one_in) { return below(one_in) == 0; }
  template <typename List>
  auto any_of(const List& list) {
    return list[below(std::size(list))];
  }
  /// Mostly one that is there, under one of its names.
  void choose_file(std::string& directory, std::string& name);
  std::string new_name();
  std::string directory();
  int number() { return ++numbers_; }
  /// 0: there is none.
  int open_slot();
  int image_elsewhere();

 private:
  std::mt19937_64 random_;
  const Model* model_ = nullptr;
  int numbers_ = 0;
};

struct Verb {
  std::string name;
  unsigned weight;
  /// An empty verb: not now.
  Operation (*invent)(Inventor& inventor);
  Outcome (*attempt)(World& world, const Operation& op);
  Outcome (*meaning)(Model& model, const Operation& op, const Outcome& seen);
  /// Whether it makes sense now: a script that was cut may have lost what it needs.
  bool (*applies)(const Model& model, const Operation& op);
};

std::span<const Verb> verbs();
const Verb& verb_called(const std::string& name);

}  // namespace glancefs::model
