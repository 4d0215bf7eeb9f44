#include "tests/model/elsewhere.h"

#include <fmt/format.h>

#include <array>

#include "tests/model/file_names.h"
#include "tests/model/world.h"

namespace glancefs::model {
namespace {

constexpr std::uint32_t kScramble = 2654435761U;

// Four share their first eight digits; their order is none.
std::string id_of(int number) {
  const auto value = static_cast<std::uint32_t>(number);
  return fmt::format("{:08x}-0000-4000-8000-0000{:08x}", ((value / 4) * kScramble) | 0x80000000U,
                     value * kScramble);
}

// Long ago, within three seconds, so that many are of the same age.
devcloud::Time time_of(std::uint64_t seed) {
  return devcloud::Time(std::chrono::seconds(1767225600 + seed % 3));
}

void share(Image& image, const std::string& project, const std::string& status) {
  image.members[project] = {.status = status, .created_at = {}, .updated_at = {}};
}

// What op.key and op.value say.
void change(Image& image, const Operation& op, const std::string& project) {
  if (op.key == "status") {
    image.status = op.value;
  } else if (op.key == "unshare") {
    image.members.erase(project);
  } else if (op.key == "share") {
    share(image, project, op.value);
  } else if (op.key == "name" && op.value.empty()) {
    image.name.reset();
  } else {
    set_field(image, op.key, op.value);
  }
}

// One that Glance can hold.
std::string possible_name(Inventor& in) {
  std::string name = in.new_name();
  return is_plain_text(name) && length(name) <= kLongest ? name : "a";
}

}  // namespace

Operation invent_made(Inventor& in) {
  Operation op;
  op.verb = "make";
  op.number = in.number();
  op.to_directory = in.any_of(std::array{"private", "shared", "community", "public"});
  op.name = in.sometimes(2) ? "a" : possible_name(in);
  if (in.sometimes(12)) op.name = in.any_of(std::array{"", ".", "..", ".glancefs", "a/b", "50%"});
  if (in.sometimes(20)) op.name = std::string(85, 'n') + "/" + std::string(160, 'm') + ".qcow2";
  op.directory = in.any_of(std::array{"ours", "other", "third"});
  op.key = in.any_of(std::array{"accepted", "pending", "none"});
  op.value = in.any_of(std::array{"active", "active", "queued", "hidden", "protected", "tagged"});
  op.seed = in.below(1U << 30U);
  op.size = op.value == "queued" ? 0 : in.any_of(std::array<std::uint64_t, 4>{1, 300, 0, 9000});
  return op;
}

Image image_made(const Model& model, const Operation& op) {
  Image image;
  image.id = id_of(op.number);
  if (!op.name.empty() || op.seed % 2 == 0) image.name = op.name;
  image.visibility = op.to_directory;
  image.owner = op.directory == "ours" ? model.project() : "project-of-" + op.directory;
  if (op.directory != "ours" && op.to_directory == "shared" && op.key != "none")
    share(image, model.project(), op.key);
  if (op.value != "queued" || op.seed % 3 != 0) {
    image.disk_format = "raw";
    image.container_format = "bare";
  }
  image.hidden = op.value == "hidden";
  image.is_protected = op.value == "protected";
  if (op.value == "tagged") {
    image.tags = {"b", "a,c", "back\\slash"};
    image.properties = {{"os_distro", "debian"}, {"p/q", "r"}, {"empty", ""}};
    image.min_ram = 512;
  }
  image.created_at = image.updated_at = time_of(op.seed);
  if (op.value != "queued") {
    image.status = "active";
    image.size = op.size;
    image.stores = {"fast"};
  }
  return image;
}

Bytes bytes_made(const Operation& op) {
  if (op.value == "queued") return nullptr;
  return std::make_shared<const std::string>(devcloud::pattern(op.seed, 0, op.size));
}

Outcome make_elsewhere(World& world, const Operation& op) {
  const Bytes bytes = bytes_made(op);
  std::optional<devcloud::Blob> blob;
  if (bytes) blob = devcloud::Blob(*bytes);
  world.cloud().add_image(image_made(world.model(), op), blob);
  return {};
}

Operation invent_changed(Inventor& in) {
  Operation op;
  op.number = in.image_elsewhere();
  if (op.number == 0) return {};
  op.verb = "change";
  const Image& image = in.model().files.at(op.number).truth->image;
  op.key = in.any_of(std::array{"name", "visibility", "os_hidden", "protected", "os_distro",
                                "status", "tags", "share", "unshare", "min_disk"});
  const bool shares = op.key == "share" || op.key == "unshare";
  if (shares && in.model().is_ours(image)) return {};
  if (op.key == "status" && image.status == "queued") return {};
  if (op.key == "name") op.value = in.sometimes(8) ? "" : possible_name(in);
  if (op.key == "visibility") op.value = in.directory();
  if (op.key == "os_hidden" || op.key == "protected") op.value = in.sometimes(2) ? "true" : "false";
  if (op.key == "os_distro") op.value = in.any_of(std::array{"debian", "fedora"});
  if (op.key == "status") op.value = image.status == "active" ? "deactivated" : "active";
  if (op.key == "tags") op.value = in.any_of(std::array{"x,y", "", "a"});
  if (op.key == "share") op.value = in.any_of(std::array{"accepted", "pending", "rejected"});
  if (op.key == "min_disk") op.value = in.any_of(std::array{"1", "0"});
  return op;
}

Outcome change_elsewhere(World& world, const Operation& op) {
  world.cloud().change_image(world.model().files.at(op.number).id,
                             [&](Image& image) { change(image, op, world.model().project()); });
  return {};
}

void change_model(Model& model, const Operation& op) {
  Image image = model.files.at(op.number).truth->image;
  change(image, op, model.project());
  model.changed_elsewhere(op.number, image);
}

Operation invent_deleted(Inventor& in) {
  Operation op;
  op.number = in.image_elsewhere();
  if (op.number != 0) op.verb = "delete";
  return op;
}

bool is_there(const Model& model, const Operation& op) {
  const auto found = model.files.find(op.number);
  return found != model.files.end() && found->second.truth != nullptr;
}

}  // namespace glancefs::model
