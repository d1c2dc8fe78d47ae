// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/replication_login.h"

#include "common/wire/encoder.h"

namespace pgpool::session {

ServerLogin::State ReplicationLogin::on_frame(const wire::Frame& frame, std::string& send) {
    switch (frame.type) {
        case wire::backend::kBackendKeyData:
            wire::append_backend_key_data(welcome_, told_.pid, told_.secret);
            break;
        case wire::backend::kParameterStatus:
        case wire::backend::kNoticeResponse:
        case wire::backend::kReadyForQuery:
            welcome_ += frame.bytes;
            break;
        default:
            break;
    }
    return login_.on_frame(frame, send);
}

}  // namespace pgpool::session
