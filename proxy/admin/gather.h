// SPDX-License-Identifier: PostgreSQL
#pragma once

// Gather: asks every worker for its part of a result and puts the parts together once all are there, or when
// the asker's patience is over: then the result says which part of it is missing.
//
// Threads: made and taken on the asker's thread; each worker adds its part on its own. A part that comes too
// late is dropped.

#include <functional>
#include <memory>
#include <mutex>

#include "proxy/admin/reports.h"
#include "proxy/session/shared.h"
#include "proxy/session/worker.h"

namespace pgpool::admin {

// Posts to the asker's worker that the answer is there. Threads: any.
void tell_asker(session::Shared& shared, std::uint32_t worker, std::uint64_t client,
                const std::shared_ptr<session::PendingAnswer>& pending);

class Gather final : public session::PendingAnswer {
public:
    static constexpr milliseconds kPatience{1000};
    using Build = std::function<exec::OwnResult(const Reports& reports)>;

    [[nodiscard]] static session::Promise start(session::Worker& asker, std::uint64_t client, Wanted wanted,
                                                Build build);

    Gather(std::uint32_t workers, Build build) : workers_(workers), build_(std::move(build)) {}

    [[nodiscard]] bool add(Reports part);  // true: it was the last one
    [[nodiscard]] Result<exec::OwnResult> take() override;

private:
    const std::uint32_t workers_;
    const Build build_;
    std::mutex mutex_;  // guards all below
    std::uint32_t answered_ = 0;
    Reports reports_;
};

// A reload that was asked for and has not ended; the main thread tells what came of it.
class PendingReload final : public session::PendingAnswer {
public:
    static constexpr milliseconds kPatience{10'000};

    [[nodiscard]] static session::Promise start(session::Worker& asker, std::uint64_t client);

    void ended(const session::ReloadOutcome& outcome);
    [[nodiscard]] Result<exec::OwnResult> take() override;

private:
    std::mutex mutex_;  // guards all below
    bool has_ended_ = false;
    std::string refused_;
    std::string needs_restart_;
};

}  // namespace pgpool::admin
