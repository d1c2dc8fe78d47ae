// SPDX-License-Identifier: PostgreSQL
#include "ctl/cluster/options.h"

#include "common/bus/verbs.h"
#include "common/config/value.h"

namespace pgpool::ctl {

namespace {

// As in the configuration: 30min, 90s, 1h.
void add_duration(CLI::App* command, Options& options, seconds longest, const char* help) {
    command
        ->add_option_function<std::string>(
            "--for",
            [&options, type = config::duration(seconds(1), longest)](const std::string& text) {
                const auto value = config::read_scalar(type, text);
                if (!value) throw CLI::ValidationError("--for", value.error());
                options.duration = std::get<milliseconds>(*value);
            },
            help)
        ->type_name("TIME");
}

void add_reason(CLI::App* command, Options& options) {
    command->add_option("--reason", options.reason, "why; shown by status")->type_name("TEXT");
}

void declare_looks(CLI::App& app, Options& options) {
    CLI::App* status =
        add_command(app, options, Command::Status, "status",
                    "who decides and until when, who has the virtual address, the nodes, what is "
                    "waited for; from the watchdog");
    status
        ->add_option_function<double>(
            "--watch", [&options](const double& period) { options.watch = period; },
            "look again and again, every so many seconds (2)")
        ->expected(0, 1)
        ->default_str("2")
        ->check(CLI::Range(0.1, 3600.0))
        ->type_name("SECONDS");
    CLI::App* why = add_command(app, options, Command::Why, "why", "what was decided last, and why");
    why->add_option("count", options.count, "how many decisions")
        ->capture_default_str()
        ->check(CLI::Range(1U, 100'000U))
        ->type_name("COUNT");
    add_command(app, options, Command::Log, "log", "what happens from now on, until interrupted");
    CLI::App* fsm = add_command(app, options, Command::Fsm, "fsm",
                                "the table that failovers are decided by; no program is asked");
    CLI::Option* dot = fsm->add_flag_callback(
        "--dot", [&options] { options.form = TableForm::Dot; }, "a graph for graphviz");
    fsm->add_flag_callback(
           "--mermaid", [&options] { options.form = TableForm::Mermaid; }, "a mermaid state diagram")
        ->excludes(dot);
}

void add_wait(CLI::App* command, Options& options) {
    command->add_flag("--wait", options.waits, "return when it is over; exit status 1 if it was taken back");
}

void declare_role_changes(CLI::App& app, Options& options) {
    CLI::App* switchover =
        add_command(app, options, Command::Switchover, "switchover",
                    "another primary, in order: nothing is lost, and no client sees an error");
    switchover->add_option("node", options.node, "the new primary; default: the best standby")
        ->type_name("NODE");
    add_wait(switchover, options);
    CLI::App* promote = add_command(app, options, Command::Promote, "promote",
                                    "a failover by hand, where it is held back or blocked");
    promote->add_option("node", options.node, "the new primary; default: the best standby")
        ->type_name("NODE");
    promote->add_flag("--force", options.is_forced, "also if acknowledged transactions are lost by it");
    add_wait(promote, options);
}

void declare_rest(CLI::App& app, Options& options) {
    CLI::App* maintenance = add_command(app, options, Command::Maintenance, "maintenance",
                                        "on: no failover by itself for a while; off: the end of that");
    maintenance->add_option("verb", options.verb, "on or off")
        ->required()
        ->check(CLI::IsMember({"on", "off"}))
        ->type_name("on|off");
    add_duration(maintenance, options, bus::kLongestMaintenance, "how long: 30min, 1h; a week at most");
    add_reason(maintenance, options);
    CLI::App* pause =
        add_command(app, options, Command::Pause, "pause",
                    "clients wait, nothing begins at the primary; returns when nothing is under "
                    "way there");
    add_duration(pause, options, bus::kLongestPause,
                 "it ends then by itself; an hour at most; default: health.failover_park_timeout");
    add_reason(pause, options);
    add_command(app, options, Command::Resume, "resume", "the end of a pause: clients go on");
    CLI::App* vip =
        add_command(app, options, Command::Vip, "vip", "move: another member takes the virtual address");
    vip->add_option("verb", options.verb, "move")
        ->required()
        ->check(CLI::IsMember({"move"}))
        ->type_name("move");
    vip->add_option("member", options.member, "who takes it; default: any other")->type_name("MEMBER");
    CLI::App* lease = add_command(
        app, options, Command::Lease, "lease",
        "release: another member decides; force: the last holder acts no more, and is not waited for");
    lease->add_option("verb", options.verb, "release or force")
        ->required()
        ->check(CLI::IsMember({"release", "force"}))
        ->type_name("release|force");
    add_command(app, options, Command::Reload, "reload",
                "the programs of this member read the configuration again; tells what needs a restart");
    lease->add_flag("--yes", options.is_confirmed, "force: you know that it does not act any more");
}

void add_directory(CLI::App* command, Options& options) {
    command->add_option("--directory", options.directory, "where the files of Corosync are")
        ->capture_default_str()
        ->type_name("DIRECTORY");
}

}  // namespace

void declare_cluster_commands(CLI::App& app, Options& options) {
    declare_looks(app, options);
    declare_role_changes(app, options);
    declare_rest(app, options);
}

void declare_installation_commands(CLI::App& app, Options& options) {
    CLI::App* doctor =
        add_command(app, options, Command::Doctor, "doctor",
                    "looks at the installation of this member from end to end, and says what to do");
    add_directory(doctor, options);
    CLI::App* setup =
        add_command(app, options, Command::Setup, "setup",
                    "writes the configuration of Corosync from watchdog.members, and says what losses "
                    "the set-up survives");
    CLI::Option* check = setup->add_flag("--check", options.only_checks,
                                         "write nothing; exit status 1 if a file is missing or another");
    setup->add_flag("--dry-run", options.print_only, "print the files and write nothing")->excludes(check);
    setup->add_flag("--force", options.is_forced,
                    "replace files that it has not written, or that were changed");
    setup->add_flag("--keygen", options.makes_key,
                    "make the key that members encrypt with, if there is none");
    add_directory(setup, options);
}

}  // namespace pgpool::ctl
