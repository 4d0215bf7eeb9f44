#include "tests/model/verbs.h"

#include <stdexcept>
#include <vector>

#include "tests/devcloud/blob.h"
#include "tests/model/elsewhere.h"
#include "tests/model/inventions.h"
#include "tests/model/subject.h"
#include "tests/model/world.h"

namespace glancefs::model {
namespace {

using Op = const Operation&;

std::string bytes_of(Op op) { return devcloud::pattern(op.seed, 0, op.size); }

Place place(Op op) { return {op.directory, op.name}; }

bool always(const Model& /*model*/, Op /*op*/) { return true; }
bool slot_is_open(const Model& model, Op op) { return model.handles.contains(op.slot); }

std::string full_name(Op op) {
  const bool other = op.key == "xdg.origin.url" || op.key.starts_with("glancefs.");
  return (other ? "user." : "user.glance.") + op.key;
}

Subject& tried(World& world) { return world.subject(); }

const std::vector<Verb>& table() {
  static const std::vector<Verb> kVerbs{
      {"open", 20, invent_open,
       [](World& w, Op op) { return tried(w).open(op.slot, place(op), op.flags); },
       [](Model& m, Op op, const Outcome& seen) { return m.open(op, seen); },
       [](const Model& m, Op op) { return !slot_is_open(m, op); }},
      {"write", 25, invent_write,
       [](World& w, Op op) {
         return Outcome{.error = tried(w).write(op.slot, op.offset, bytes_of(op))};
       },
       [](Model& m, Op op, const Outcome&) { return m.write(op, bytes_of(op)); }, slot_is_open},
      {"read", 12, invent_read,
       [](World& w, Op op) { return tried(w).read(op.slot, op.offset, op.size); },
       [](Model& m, Op op, const Outcome&) { return m.read(op); }, slot_is_open},
      {"ftruncate", 4, invent_resize_open,
       [](World& w, Op op) { return Outcome{.error = tried(w).resize(op.slot, op.size)}; },
       [](Model& m, Op op, const Outcome&) { return m.resize_open(op); }, slot_is_open},
      {"close", 20, invent_close,
       [](World& w, Op op) { return Outcome{.error = tried(w).close(op.slot)}; },
       [](Model& m, Op op, const Outcome&) { return m.close(op); }, slot_is_open},
      {"sync", 4, invent_sync,
       [](World& w, Op op) { return Outcome{.error = tried(w).sync(place(op))}; },
       [](Model& m, Op op, const Outcome&) { return m.sync(op); }, always},
      {"unlink", 8, invent_unlink,
       [](World& w, Op op) { return Outcome{.error = tried(w).unlink(place(op))}; },
       [](Model& m, Op op, const Outcome&) { return m.unlink(op); }, always},
      {"rename", 12, invent_rename,
       [](World& w, Op op) {
         return Outcome{.error = tried(w).rename(place(op), {op.to_directory, op.to_name},
                                                 static_cast<unsigned>(op.flags))};
       },
       [](Model& m, Op op, const Outcome&) { return m.rename(op); }, always},
      {"chmod", 4, invent_chmod,
       [](World& w, Op op) {
         return Outcome{.error = tried(w).chmod(place(op), static_cast<unsigned>(op.flags))};
       },
       [](Model& m, Op op, const Outcome&) { return m.chmod(op); }, always},
      {"chown", 1, invent_chown,
       [](World& w, Op op) { return Outcome{.error = tried(w).chown(place(op), op.flags != 0)}; },
       [](Model& m, Op op, const Outcome&) { return m.chown(op); }, always},
      {"touch", 1, invent_touch,
       [](World& w, Op op) { return Outcome{.error = tried(w).touch(place(op))}; },
       [](Model& m, Op op, const Outcome&) { return m.touch(op); }, always},
      {"truncate", 3, invent_resize,
       [](World& w, Op op) { return Outcome{.error = tried(w).resize(place(op), op.size)}; },
       [](Model& m, Op op, const Outcome&) { return m.resize(op); }, always},
      {"setxattr", 14, invent_set_xattr,
       [](World& w, Op op) {
         return Outcome{.error = tried(w).set_xattr(place(op), full_name(op), op.value, op.flags)};
       },
       [](Model& m, Op op, const Outcome&) { return m.set_xattr(op); },
       // Copies of images from store to store are not played.
       [](const Model& m, Op op) {
         return op.key != "stores" || m.is_written_here(op.directory, op.name);
       }},
      {"removexattr", 5, invent_remove_xattr,
       [](World& w, Op op) {
         return Outcome{.error = tried(w).remove_xattr(place(op), full_name(op))};
       },
       [](Model& m, Op op, const Outcome&) { return m.remove_xattr(op); }, always},
      {"getxattr", 3, invent_get_xattr,
       [](World& w, Op op) { return tried(w).xattr(place(op), full_name(op)); },
       [](Model& m, Op op, const Outcome&) { return m.get_xattr(op); }, always},
      {"stat", 5, invent_stat,
       [](World& w, Op op) { return tried(w).xattr(place(op), "user.glance.id"); },
       [](Model& m, Op op, const Outcome&) { return m.stat(op); }, always},
      {"refresh", 8, invent_refresh,
       [](World& w, Op) { return Outcome{.error = tried(w).refresh()}; },
       [](Model& m, Op op, const Outcome&) { return m.refresh(op); }, always},
      {"remount", 4, invent_remount,
       [](World& w, Op op) {
         return Outcome{.error = 0, .data = {}, .id = tried(w).remount(op.value)};
       },
       [](Model& m, Op, const Outcome& seen) {
         return m.remount(seen.id == "finish", seen.id == "crash");
       },
       always},
      {"make", 6, invent_made, make_elsewhere,
       [](Model& m, Op op, const Outcome&) {
         m.made_elsewhere(op, image_made(m, op), bytes_made(op));
         return Outcome{};
       },
       [](const Model& m, Op op) { return !m.files.contains(op.number); }},
      {"change", 6, invent_changed, change_elsewhere,
       [](Model& m, Op op, const Outcome&) {
         change_model(m, op);
         return Outcome{};
       },
       is_there},
      {"delete", 2, invent_deleted,
       [](World& w, Op op) {
         w.cloud().delete_image(w.model().files.at(op.number).id);
         return Outcome{};
       },
       [](Model& m, Op op, const Outcome&) {
         m.deleted_elsewhere(op.number);
         return Outcome{};
       },
       is_there}};
  return kVerbs;
}

}  // namespace

std::span<const Verb> verbs() { return table(); }

const Verb& verb_called(const std::string& name) {
  for (const Verb& verb : table()) {
    if (verb.name == name) return verb;
  }
  throw std::invalid_argument("no such verb: " + name);
}

}  // namespace glancefs::model
