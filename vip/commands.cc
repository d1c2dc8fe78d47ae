// SPDX-License-Identifier: PostgreSQL
#include "vip/commands.h"

#include <fmt/core.h>
#include <poll.h>

#include <optional>

#include "common/page/boot_now.h"
#include "vip/holder/holder.h"
#include "vip/kernel/connections.h"
#include "vip/kernel/only_holder.h"
#include "vip/kernel/segment.h"

namespace pgpool::vip {

namespace {

std::optional<MacAddress> wait_for_claim(Segment& segment, BootTime until) {
    for (;;) {
        int frames = 64;
        if (const auto by = segment.next_claim(frames)) return by;
        const auto left = std::chrono::ceil<milliseconds>(until - page::boot_now());
        if (left.count() <= 0) return std::nullopt;
        pollfd watched{segment.fd(), POLLIN, 0};
        ::poll(&watched, 1, static_cast<int>(left.count()));
    }
}

// Nothing: nobody answers.
Result<std::optional<MacAddress>> ask(const VirtualAddress& address, const config::Vip& timing,
                                      LinkMonitor& links) {
    const Link link = links.state(address.interface);
    if (!link.is_usable) return fail(sqlstate::kSystemError, address.text() + ": no link");
    auto segment = Segment::open(address);
    if (!segment) return tl::unexpected(segment.error());
    for (std::uint32_t i = 0; i < timing.probes; ++i) {
        if (const Result<void> sent = segment->probe(link.mac); !sent) return tl::unexpected(sent.error());
        if (const auto by = wait_for_claim(*segment, page::boot_now() + timing.probe_interval)) return by;
    }
    return std::nullopt;
}

void print_own(const Task& task, const std::vector<OwnAddress>& found, std::string_view verb) {
    for (const OwnAddress& own : found) {
        Json json = to_json(own.where);
        json["valid_seconds"] = own.valid_for.count();
        print(task.form(), fmt::format("{}{}, valid for {} s", verb, own.where.text(), own.valid_for.count()),
              json);
    }
}

}  // namespace

Result<ExitCode> run_probe(const Task& task) {
    auto links = LinkMonitor::open();
    if (!links) return tl::unexpected(links.error());
    ExitCode code = ExitCode::Done;
    for (const VirtualAddress& address : task.addresses) {
        const auto answer = ask(address, task.timing, *links);
        if (!answer) return tl::unexpected(answer.error());
        Json json = to_json(address);
        json["answered_by"] = *answer ? Json((*answer)->text()) : Json();
        const std::string who = *answer ? "answered by " + (*answer)->text() : "nobody answers";
        print(task.form(), fmt::format("{}: {}", address.text(), who), json);
        if (*answer) code = ExitCode::No;
    }
    return code;
}

Result<ExitCode> run_list(const Task& task) {
    const auto found = remove_stale(Effect::DryRun);
    if (!found) return tl::unexpected(found.error());
    print_own(task, *found, "");
    return ExitCode::Done;
}

Result<ExitCode> run_clean(const Task& task) {
    const auto only = be_the_only_holder();
    if (!only) return tl::unexpected(only.error());
    const auto found = remove_stale(task.options.is_dry_run ? Effect::DryRun : Effect::Real);
    if (!found) return tl::unexpected(found.error());
    print_own(task, *found, task.options.is_dry_run ? "would remove " : "removed ");
    return ExitCode::Done;
}

Result<ExitCode> run_clients(const Task& task) {
    for (const VirtualAddress& address : task.addresses) {
        const auto found = connections_at(address.address);
        if (!found) return tl::unexpected(found.error());
        for (const Connection& connection : *found) {
            const std::string own = connection.own.text();
            const std::string client = connection.client.text();
            print(task.form(), own + ' ' + client, {{"own", own}, {"client", client}});
        }
    }
    return ExitCode::Done;
}

}  // namespace pgpool::vip
