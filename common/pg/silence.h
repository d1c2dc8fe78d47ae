// SPDX-License-Identifier: PostgreSQL
#pragma once

// Whether the host at the other end of a TCP connection gives no sign. Its kernel acknowledges what comes,
// also while the server is stopped or waits for a disk; so what stays unacknowledged tells a dead host, or a
// dead way to it, from a server that hangs.

namespace pgpool::pg {

// Something was sent, be it the request to connect, that the kernel there has not acknowledged by now. How
// long ago it was sent the caller knows. False of what is no TCP socket.
[[nodiscard]] bool is_unacknowledged(int socket);

}  // namespace pgpool::pg
