// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/reports.h"

#include <algorithm>
#include <tuple>

namespace pgpool::admin {

void put_in_order(Reports& reports) {
    std::sort(reports.clients.begin(), reports.clients.end(),
              [](const ClientReport& a, const ClientReport& b) {
                  return std::tie(a.connected, a.pid) < std::tie(b.connected, b.pid);
              });
    std::sort(reports.servers.begin(), reports.servers.end(),
              [](const ServerReport& a, const ServerReport& b) {
                  return std::tie(a.database, a.user, a.node, a.connected, a.pid) <
                         std::tie(b.database, b.user, b.node, b.connected, b.pid);
              });
}

}  // namespace pgpool::admin
