#include "tests/model/world.h"

#include <fcntl.h>

#include <algorithm>
#include <sstream>

#include "tests/model/file_names.h"
#include "tests/model/verbs.h"

namespace glancefs::model {
namespace {

using devcloud::Fault;
using Tree = std::map<std::string, std::string>;

std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = c == '\n' || (c >= ' ' && c <= '~');
    out += plain ? std::string(1, c) : "\\x" + std::to_string(static_cast<unsigned char>(c));
  }
  return out;
}

// The lines in which two trees differ.
std::string difference(const Tree& wanted, const Tree& found) {
  std::string text;
  for (const auto& [path, what] : wanted) {
    const auto other = found.find(path);
    if (other == found.end()) {
      text += "missing: " + path + " " + what + "\n";
    } else if (other->second != what) {
      text += path + "\n  must be " + what + "\n  is      " + other->second + "\n";
    }
  }
  for (const auto& [path, what] : found) {
    if (!wanted.contains(path)) text += "must not be there: " + path + " " + what + "\n";
  }
  return printable(text);
}

std::string bytes_of(const devcloud::Blob& blob) {
  std::string bytes(blob.size(), '\0');
  blob.read(0, bytes);
  return bytes;
}

Fault refusal(const std::string& message) {
  Fault fault = devcloud::answer_fault(413, R"({"message": ")" + message + "\"}",
                                       {{"Content-Type", "application/json"}});
  fault.method = "PUT";
  fault.path = "/file";
  return fault;
}

std::string to_string(const Outcome& outcome) {
  return "errno " + std::to_string(outcome.error) +
         (outcome.data.empty() ? ""
                               : " with " + std::to_string(outcome.data.size()) +
                                     " bytes: " + printable(outcome.data.substr(0, 60)));
}

// The next choices to be tried, as in counting; false: that was all.
bool next_choices(std::vector<bool>& choices) {
  while (!choices.empty() && choices.back()) choices.pop_back();
  if (choices.empty()) return false;
  choices.back() = true;
  return true;
}

}  // namespace

World::World(const Maker& make_subject)
    : cloud_(std::make_unique<devcloud::DevCloud>()),
      subject_(make_subject(*cloud_)),
      model_(cloud_->demo().project_id, subject_->is_one_program()) {}

World::~World() = default;

// What goes wrong at the cloud during this step.
void World::arm(const Operation& operation) {
  const std::string& kind = operation.fault;
  Fault fault = devcloud::answer_fault(503);
  fault.service = devcloud::Service::kGlance;
  if (kind == "401") {
    if (subject_->skip_minute()) cloud_->expire_tokens();
    return;
  }
  if (kind == "503 once") fault.times = 1;
  if (kind == "quota")
    fault = refusal("The size of the data exceeds the limit. 3 bytes remaining.");
  if (kind == "store full") fault = refusal("Image storage media is full");
  if (kind == "too large") fault = refusal("The incoming image is too large");
  if (kind == "lost" || kind == "reset") {
    fault = Fault();
    fault.kind = kind == "lost" ? Fault::Kind::kLoseAnswer : Fault::Kind::kRequestReset;
    fault.method = operation.verb == "unlink"                              ? "DELETE"
                   : operation.verb == "close" || operation.verb == "sync" ? "PUT"
                                                                           : "PATCH";
    fault.times = 1;
  }
  cloud_->add_fault(fault);
}

std::optional<std::string> World::step(const Operation& operation) {
  Operation op = operation;
  for (std::string* text : {&op.name, &op.to_name, &op.key, &op.value})
    *text = model_.with_ids(*text);
  const bool outage = op.fault.starts_with("503") || op.fault == "401" || op.fault == "lost";
  if (outage && !subject_->takes_outages()) op.fault.clear();
  const Verb& verb = verb_called(op.verb);
  if (!verb.applies(model_, op)) return std::nullopt;
  if (!op.fault.empty()) arm(op);
  model_.token_is_void |= op.fault == "401";
  const Outcome outcome = verb.attempt(*this, op);
  cloud_->clear_faults();
  // A mount that has lost the cloud asks again by itself, at any time: have that behind us.
  const bool asks_again = op.fault == "503" && subject_->refresh() == 0;
  tree_ = subject_->tree();
  records_.clear();
  for (const std::string& id : cloud_->image_ids()) records_.emplace(id, *cloud_->image(id));

  std::string first;
  std::vector<bool> choices;
  do {
    Model next = model_;
    next.choices = choices;
    next.chosen = 0;
    next.fault = op.fault;
    const Outcome wanted = verb.meaning(next, op, outcome);
    if (asks_again) {
      next.fault.clear();
      next.refresh({});
    }
    next.in_the_background();
    choices = next.choices;
    std::string wrong;
    if (!(wanted == outcome)) {
      wrong = "must end with " + to_string(wanted) + "\nends with " + to_string(outcome) + "\n";
    }
    wrong += compare(next);
    if (wrong.empty()) {
      next.choices.clear();
      model_ = std::move(next);
      return std::nullopt;
    }
    if (first.empty()) first = wrong;
  } while (next_choices(choices));
  return first;
}

std::string World::compare(Model& next) {
  std::string wrong = adopt(next);
  wrong += difference(next.tree(), tree_);
  wrong += compare_cloud(next);
  const std::string pending = subject_->text("pending");
  const auto lines = static_cast<std::size_t>(std::ranges::count(pending, '\n'));
  if (lines != next.pending()) {
    wrong += "must be pending: " + std::to_string(next.pending()) + "\nare: " + pending;
  }
  return wrong;
}

// Whether a file that the model misses is the one that the mount shows with this id.
bool World::may_be(const Model& next, int number, const std::string& id) const {
  const Image& image = next.shown(number);
  const std::string key = escaped(image.name.value_or(""));
  const std::string directory = image.visibility + "/";
  const auto record = records_.find(id);
  if (record != records_.end()) {
    return record->second.name == image.name && record->second.visibility == image.visibility;
  }
  return tree_.contains(directory + key) || tree_.contains(directory + alias(key, id.substr(0, 8)));
}

// Ids that had to be chosen anew, times and hashes.
std::string World::adopt(Model& next) {
  std::vector<std::string> unknown;
  for (const auto& [path, text] : tree_) {
    const std::string prefix = ".glancefs/by-id/";
    if (!path.starts_with(prefix)) continue;
    const std::string id = path.substr(prefix.size());
    const bool known =
        std::ranges::any_of(next.files, [&](const auto& file) { return file.second.id == id; });
    if (!known) unknown.push_back(id);
  }
  for (auto& [number, file] : next.files) {
    const bool there = file.seen || file.local != 0;
    if (!there || tree_.contains(".glancefs/by-id/" + file.id)) continue;
    const auto found = std::ranges::find_if(
        unknown, [&](const std::string& id) { return may_be(next, number, id); });
    if (found == unknown.end()) continue;
    file.id = *found;
    if (file.truth) file.truth->image.id = file.id;
    if (file.local != 0) next.locals.at(file.local).wanted.id = file.id;
    unknown.erase(found);
  }
  std::string wrong;
  for (auto& [number, file] : next.files) {
    const auto record = file.truth ? records_.find(file.id) : records_.end();
    if (record == records_.end()) continue;
    Image& image = file.truth->image;
    if (!file.truth->fresh && image.updated_at != record->second.updated_at) {
      wrong += "image <" + std::to_string(number) + "> has been changed without need\n";
    }
    image.created_at = record->second.created_at;
    image.updated_at = record->second.updated_at;
    image.checksum = record->second.checksum;
    image.os_hash_value = record->second.os_hash_value;
    image.virtual_size = record->second.virtual_size;
    file.truth->fresh = false;
  }
  return wrong;
}

// No image lost, none too many, all as they must be.
std::string World::compare_cloud(Model& next) {
  Tree wanted;
  Tree found;
  for (auto& [number, file] : next.files) {
    if (!file.truth) continue;
    for (const auto& [key, text] : all_fields(file.truth->image)) {
      wanted["at Glance " + file.id] += "\n    " + key + "=" + text;
    }
    const auto record = records_.find(file.id);
    if (record == records_.end()) continue;
    if (!same_bytes(file.truth->bytes, record->second.data))
      wanted["at Glance " + file.id] += "\n    other bytes";
  }
  for (const auto& [id, image] : records_) {
    for (const auto& [key, text] : all_fields(image)) {
      found["at Glance " + id] += "\n    " + key + "=" + text;
    }
  }
  return difference(wanted, found);
}

// Both never change: what was equal once is not compared again.
bool World::same_bytes(const Bytes& wanted, const std::shared_ptr<const devcloud::Blob>& found) {
  if (!wanted || !found) return !wanted && !found;
  if (equal_.contains({wanted, found})) return true;
  if (*wanted != bytes_of(*found)) return false;
  equal_.emplace(wanted, found);
  return true;
}

std::optional<std::string> World::finish() {
  std::vector<int> slots;
  for (const auto& [slot, handle] : model_.handles) slots.push_back(slot);
  for (const int slot : slots) {
    Operation close;
    close.verb = "close";
    close.slot = slot;
    if (auto wrong = step(close)) return wrong;
  }
  std::vector<std::string> left;
  for (const auto& [number, file] : model_.files) {
    if (file.local != 0) left.push_back(file.id);
  }
  for (const std::string& id : left) {
    const int error = subject_->unlink({"by-id", id});
    if (error != 0 && error != EPERM) return "unlink at the end: errno " + std::to_string(error);
  }
  return std::nullopt;
}

}  // namespace glancefs::model
