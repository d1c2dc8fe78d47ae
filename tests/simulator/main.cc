// SPDX-License-Identifier: PostgreSQL
// The simulator of the lease: runs the real code in virtual time among random faults and checks, at every
// step, what must never be. Each run is a row of worlds of random sizes. The same seed gives the same run.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "tests/simulator/jitter.h"
#include "tests/simulator/world.h"

namespace pgpool::simulator {
namespace {

constexpr std::uint64_t kStepsOfWorld = 20'000;

Setting any_setting(Random& random) {
    Setting setting{
        .members = 2 + random.below(2),
        .nodes = 2 + random.below(2),
        .witness = random.chance(0.3) ? lease::Votes::Witness::Present : lease::Votes::Witness::None};
    // Quick candidates and bad clocks: what is safe by a hair is not safe here.
    if (random.chance(0.5)) {
        setting.parameters.backoff_min = milliseconds(2);
        setting.parameters.backoff_max = milliseconds(10);
        setting.parameters.vacant_backoff = milliseconds(1);
        setting.parameters.drift_ppm = 60'000;
    }
    return setting;
}

void add(Tally& sum, const Tally& one) {
    sum.steps += one.steps;
    sum.entries += one.entries;
    sum.holders += one.holders;
    sum.hand_overs += one.hand_overs;
    sum.ends += one.ends;
    sum.commands += one.commands;
    sum.refused += one.refused;
    sum.faults += one.faults;
    sum.partitions += one.partitions;
    sum.calms += one.calms;
    sum.slow_hand_overs += one.slow_hand_overs;
    sum.overlaps += one.overlaps;
    sum.slowest = std::max(sum.slowest, one.slowest);
}

// What led to it: the same world again, with its last steps printed.
void explain(std::uint64_t seed, const Setting& setting, std::uint64_t steps, std::uint64_t shown) {
    World again(seed, setting);
    again.trace_from(steps > shown ? steps - shown : 0);
    again.run(kStepsOfWorld);
    fmt::print("VIOLATION {}\n", *again.auditor().violation());
}

bool run(std::uint64_t seed, std::uint64_t steps, std::uint64_t shown, std::uint64_t& partitions) {
    Random random(seed);
    Tally sum;
    const auto begin = std::chrono::steady_clock::now();
    while (sum.steps < steps) {
        const Setting setting = any_setting(random);
        const std::uint64_t world_seed = random.seed();
        World world(world_seed, setting);
        world.run(std::min(kStepsOfWorld, steps - sum.steps));
        add(sum, world.auditor().tally);
        if (world.auditor().violation()) {
            fmt::print("seed {}: {} members, {} nodes, {} voters\n", seed, setting.members, setting.nodes,
                       lease::Votes(setting.members, setting.nodes, setting.witness).size());
            explain(world_seed, setting, world.auditor().tally.steps, shown);
            break;
        }
    }
    const double taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print(
        "seed {}: {} steps of the lease, {} entries, {} faults, {} holders, {} released, {} ended, {} "
        "commands took effect, "
        "{} refused by the server's clock; {} calm times, slowest holder after {:.2f} s, {} slow hand-overs; "
        "{} times two might have the addresses; "
        "{:.1f} s\n",
        seed, sum.steps, sum.entries, sum.faults, sum.holders, sum.hand_overs, sum.ends, sum.commands,
        sum.refused, sum.calms, std::chrono::duration<double>(sum.slowest).count(), sum.slow_hand_overs,
        sum.overlaps, taken);
    if (sum.slow_hand_overs * 50 > sum.calms + 50) {
        fmt::print("VIOLATION {} of {} hand-overs with everything working were slow\n", sum.slow_hand_overs,
                   sum.calms);
        return false;
    }
    partitions += sum.partitions;
    return sum.steps >= steps;
}

// Whether the holders stay; with the times of the product.
bool run_jitter(std::uint64_t seed, std::uint64_t steps, Time longest) {
    Random random(seed);
    Tally sum;
    while (sum.steps < steps) {
        Setting setting = any_setting(random);
        setting.parameters = {};
        Jitter world(random.seed(), setting, longest);
        world.run(std::min(kStepsOfWorld, steps - sum.steps));
        add(sum, world.auditor().tally);
        if (const auto& violation = world.auditor().violation()) {
            fmt::print("seed {}: {} members, {} nodes: VIOLATION {} after {:.1f} s\n", seed, setting.members,
                       setting.nodes, *violation, std::chrono::duration<double>(world.now()).count());
            return false;
        }
    }
    fmt::print("seed {}: {} steps of the lease with jitter, {} looks at who holds it, {} ended\n", seed,
               sum.steps, sum.calms, sum.ends);
    return true;
}

}  // namespace
}  // namespace pgpool::simulator

int main(int argc, char** argv) {
    CLI::App app("Simulator of the lease");
    std::uint64_t seed = 1;
    std::uint64_t steps = 1'000'000;
    std::uint64_t runs = 1;
    std::uint64_t shown = 300;
    std::uint64_t wanted_partitions = 0;
    std::uint64_t partitions = 0;
    app.add_option("--seed", seed, "of the first run; each further run has the next one")
        ->capture_default_str();
    app.add_option("--steps", steps, "of the lease in each run")->capture_default_str();
    app.add_option("--runs", runs, "how many")->capture_default_str();
    app.add_option("--partitions", wanted_partitions, "at least; as many further runs as that needs")
        ->capture_default_str();
    app.add_option("--shown", shown, "steps before a violation that are printed")->capture_default_str();
    std::int64_t jitter = 0;
    app.add_option("--jitter", jitter, "milliseconds: nothing else, and the holder must stay")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    if (jitter > 0) {
        const std::chrono::milliseconds longest(jitter);
        return pgpool::simulator::run_jitter(seed, steps, longest) ? 0 : 1;
    }
    for (std::uint64_t i = 0; i < runs || partitions < wanted_partitions; ++i) {
        if (!pgpool::simulator::run(seed + i, steps, shown, partitions)) return 1;
    }
    fmt::print("{} partitions\n", partitions);
    return 0;
}
