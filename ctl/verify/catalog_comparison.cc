// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/catalog_comparison.h"

#include <algorithm>
#include <utility>

namespace pgpool::ctl::verify {

bool CatalogObject::is_missing_somewhere() const {
    return std::find(suspect.values.begin(), suspect.values.end(), std::nullopt) != suspect.values.end();
}

Answer<std::vector<Suspect>> compare_catalog(Fleet& fleet, const std::string& query, std::uint32_t tries) {
    const auto list = [&](const std::vector<Suspect>& /*suspects*/) -> Answer<std::vector<Contents>> {
        const auto rows = fleet.ask({query, {}});
        if (!rows) return tl::unexpected(rows.error());
        return contents_of(*rows, 3);
    };
    return settle(list, {tries});
}

void add_objects(Report& report, const std::string& database, const std::vector<Suspect>& objects) {
    for (const Suspect& suspect : objects) {
        const CatalogObject object{suspect};
        for (std::size_t i = 1; i < suspect.values.size(); ++i) {
            std::string what = verdict(suspect.values[0], suspect.values[i]);
            if (what == "other contents") what = "other definition";
            if (what.empty()) continue;
            report.differences.push_back(
                {database, object.kind(), object.identity(), "", report.nodes[i], std::move(what)});
        }
    }
}

}  // namespace pgpool::ctl::verify
