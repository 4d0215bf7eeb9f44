#include <array>
#include <vector>

#include "tests/model/file_names.h"
#include "tests/model/verbs.h"

namespace glancefs::model {
namespace {

constexpr std::array kDirectories{"private", "private", "private", "shared", "community", "public"};

}  // namespace

std::string Inventor::directory() { return any_of(kDirectories); }

// Few, so that they meet. What is like an alias or an id means another image, or none.
std::string Inventor::new_name() {
  static const std::vector<std::string> kNames{
      "a",      "a",   "a",           "b",          "b.img", "c",         "d.qcow2",
      ".tmp.x", ".a",  "a%2Fb",       "50%25AB",    "%",     "new\nline", "h\xc3\xa9",
      "%2E%2E", "a b", "%2Eglancefs", "x~1234abcd", "%00"};
  static const std::vector<std::string> kOdd{"\xff",
                                             "\xf0\x9f\x98\x80",
                                             "%2F%2",
                                             "%41",
                                             "x%7E1234abcd",
                                             "a%2fb",
                                             "%zz",
                                             "~",
                                             "a~b",
                                             std::string(250, 'l') + ".img",
                                             std::string(252, 'l') + ".img"};
  std::string name = sometimes(6) ? any_of(kOdd) : any_of(kNames);
  if (!sometimes(14) || model_->files.empty()) return name;
  // Another image's alias or id.
  const auto other =
      std::next(model_->files.begin(), static_cast<std::ptrdiff_t>(below(model_->files.size())));
  const std::string number = std::to_string(other->first);
  return sometimes(2) ? "<" + number + ">" : "a~<" + number + ".8>";
}

void Inventor::choose_file(std::string& directory, std::string& name) {
  std::vector<int> there;
  for (const auto& [number, file] : model_->files) {
    if (file.seen || file.local != 0) there.push_back(number);
  }
  if (there.empty() || sometimes(8)) {
    directory = this->directory();
    name = new_name();
    return;
  }
  const int number = any_of(there);
  directory = model_->directory_of(number);
  const std::string text = std::to_string(number);
  if (directory.empty() && sometimes(2)) {  // hidden
    directory = model_->home_of(number);
    const auto called = model_->shown(number).name;
    name =
        !called.value_or("").empty() && sometimes(2)
            ? model_->without_ids(alias(escaped(*called), model_->files.at(number).id.substr(0, 8)))
            : "<" + text + ">";
  } else if (directory.empty() || sometimes(12)) {
    directory = "by-id";
    name = "<" + text + ">";
  } else if (sometimes(12)) {
    name = "<" + text + ">";
  } else {
    name = model_->without_ids(model_->name_of(number));
  }
}

int Inventor::open_slot() {
  if (model_->handles.empty()) return 0;
  return std::next(model_->handles.begin(),
                   static_cast<std::ptrdiff_t>(below(model_->handles.size())))
      ->first;
}

int Inventor::image_elsewhere() {
  std::vector<int> there;
  for (const auto& [number, file] : model_->files) {
    if (file.truth) there.push_back(number);
  }
  return there.empty() ? 0 : any_of(there);
}

Operation Inventor::next(const Model& model) {
  model_ = &model;
  unsigned all = 0;
  for (const Verb& verb : verbs()) all += verb.weight;
  while (true) {
    std::uint64_t choice = below(all);
    const Verb* verb = verbs().data();
    while (choice >= verb->weight) choice -= (verb++)->weight;
    // Many images make each step slow and none of them more likely to meet another.
    if (verb->name == "make" && model.files.size() > 400) continue;
    Operation op = verb->invent(*this);
    if (!op.verb.empty()) return op;
  }
}

}  // namespace glancefs::model
