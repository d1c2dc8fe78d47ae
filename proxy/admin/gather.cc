// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/gather.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <iterator>

#include "proxy/admin/collect.h"

namespace pgpool::admin {

namespace {

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

void tell_asker(session::Shared& shared, std::uint32_t worker, std::uint64_t client,
                const std::shared_ptr<session::PendingAnswer>& pending) {
    shared.post_to_worker(worker, [&shared, worker, client, pending] {
        session::Worker::of(shared, worker).own_ready(client, *pending);
    });
}

session::Promise Gather::start(session::Worker& asker, std::uint64_t client, Wanted wanted, Build build) {
    session::Shared& shared = asker.shared();
    auto gather = std::make_shared<Gather>(shared.worker_count, std::move(build));
    for (std::uint32_t worker = 0; worker < shared.worker_count; ++worker) {
        shared.post_to_worker(worker, [&shared, worker, gather, wanted, client, home = asker.index()] {
            if (gather->add(collect(session::Worker::of(shared, worker), wanted)))
                tell_asker(shared, home, client, gather);
        });
    }
    return {gather, kPatience};
}

bool Gather::add(Reports part) {
    const std::lock_guard lock(mutex_);
    append(reports_.clients, std::move(part.clients));
    append(reports_.servers, std::move(part.servers));
    append(reports_.pools, std::move(part.pools));
    return ++answered_ == workers_;
}

Result<exec::OwnResult> Gather::take() {
    const std::lock_guard lock(mutex_);
    put_in_order(reports_);
    exec::OwnResult result = build_(reports_);
    if (answered_ < workers_) {
        result.notice =
            fmt::format("{} of {} workers have answered within {} ms: what the others know is missing",
                        answered_, workers_, kPatience.count());
    }
    return result;
}

session::Promise PendingReload::start(session::Worker& asker, std::uint64_t client) {
    session::Shared& shared = asker.shared();
    auto pending = std::make_shared<PendingReload>();
    shared.reload([&shared, pending, client, home = asker.index()](const session::ReloadOutcome& outcome) {
        pending->ended(outcome);
        tell_asker(shared, home, client, pending);
    });
    return {pending, kPatience};
}

void PendingReload::ended(const session::ReloadOutcome& outcome) {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    refused_ = fmt::format("{}", fmt::join(outcome.refused, "\n"));
    needs_restart_ = fmt::format("{}", fmt::join(outcome.needs_restart, "\n"));
}

Result<exec::OwnResult> PendingReload::take() {
    const std::lock_guard lock(mutex_);
    if (!refused_.empty()) {
        return fail(sqlstate::kConfigFileError,
                    fmt::format("the configuration was refused, nothing has changed: {}", refused_));
    }
    exec::OwnResult result;
    result.tag = "RELOAD";
    if (!needs_restart_.empty()) result.notice = "in force after the next restart: " + needs_restart_;
    if (!has_ended_) result.notice = "the reload goes on; the log tells what comes of it";
    return result;
}

}  // namespace pgpool::admin
