// SPDX-License-Identifier: PostgreSQL
#include "common/pg/silence.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace pgpool::pg {

bool is_unacknowledged(int socket) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    return info.tcpi_state == TCP_SYN_SENT || info.tcpi_unacked > 0;
}

}  // namespace pgpool::pg
