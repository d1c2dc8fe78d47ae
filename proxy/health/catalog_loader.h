// SPDX-License-Identifier: PostgreSQL
#pragma once

// CatalogLoader: keeps sql::CatalogFacts per database fresh, from the primary, or from any node that is up
// while there is none, as the health user.
//
// Facts are loaded on the first request(), every `routing.facts_refresh`, and soon after ddl_seen(). A load
// that fails is repeated with growing pauses; the facts published before stay in use. A database that does
// not exist, or that nobody uses when its load is due, is forgotten until it is requested again.
// Threads: all members may be called from any thread and never wait for a server. One thread of its own
// loads, one database at a time, and calls `publish`, which must not call the loader's stop(), and `in_use`,
// which must not call the loader at all.

#include <functional>
#include <memory>
#include <string_view>

#include "common/cluster/topology.h"
#include "common/config/config.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::health {

class CatalogLoader {
public:
    using Topology = std::function<cluster::TopologyPtr()>;
    using InUse = std::function<bool(std::string_view database)>;
    using Publish = std::function<void(std::string_view database, sql::CatalogFactsPtr facts)>;

    CatalogLoader(config::ConfigPtr config, Topology topology, InUse in_use, Publish publish);
    ~CatalogLoader();  // stops
    CatalogLoader(const CatalogLoader&) = delete;
    CatalogLoader& operator=(const CatalogLoader&) = delete;

    void start();
    void stop();  // returns within about 50 ms
    void reload(config::ConfigPtr config);

    // First use of a database: load its facts. Does nothing for one that is known, so every session may call
    // it.
    void request(std::string_view database);

    // A statement that changes the catalogs was committed through us. Calls in quick succession are
    // coalesced.
    void ddl_seen(std::string_view database);

    // Somebody waits for facts that are newer than those that were loaded last.
    void hurry(std::string_view database);

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::health
