// A download that goes on where an answer broke off.
#pragma once

#include <stop_token>
#include <string_view>

#include "client/image_transfer.h"
#include "client/session.h"

namespace glancefs::client {

/// Brings `guard` all it needs of the image, in as many answers as it takes: those that broke off
/// are taken up again, wrong ones asked for once more. `ranged`: by Range requests, else whole.
/// Throws what the guard throws and HttpError.
void download_image(Session& session, TransferGuard& guard, std::string_view id, bool ranged,
                    const std::stop_token& stop);

}  // namespace glancefs::client
