// What others do to images meanwhile, without the mount.
#pragma once

#include "tests/model/verbs.h"

namespace glancefs::model {

Operation invent_made(Inventor& in);
Operation invent_changed(Inventor& in);
Operation invent_deleted(Inventor& in);

/// Both as the operation says; the same for the cloud and for the model.
Image image_made(const Model& model, const Operation& op);
Bytes bytes_made(const Operation& op);

Outcome make_elsewhere(World& world, const Operation& op);
Outcome change_elsewhere(World& world, const Operation& op);
void change_model(Model& model, const Operation& op);
/// Whether image `op.number` is at Glance.
bool is_there(const Model& model, const Operation& op);

}  // namespace glancefs::model
