// One operation of each kind, made up. What is done elsewhere is in elsewhere.h.
#pragma once

#include "tests/model/verbs.h"

namespace glancefs::model {

Operation invent_open(Inventor& in);
Operation invent_write(Inventor& in);
Operation invent_read(Inventor& in);
Operation invent_resize_open(Inventor& in);
Operation invent_close(Inventor& in);
Operation invent_rename(Inventor& in);
Operation invent_chmod(Inventor& in);
Operation invent_set_xattr(Inventor& in);
Operation invent_remove_xattr(Inventor& in);
Operation invent_get_xattr(Inventor& in);
Operation invent_resize(Inventor& in);
Operation invent_chown(Inventor& in);
Operation invent_refresh(Inventor& in);
Operation invent_remount(Inventor& in);
Operation invent_sync(Inventor& in);
Operation invent_unlink(Inventor& in);
Operation invent_touch(Inventor& in);
Operation invent_stat(Inventor& in);

}  // namespace glancefs::model
