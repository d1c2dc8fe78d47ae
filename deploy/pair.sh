# shellcheck shell=bash
# SPDX-License-Identifier: PostgreSQL
# deploy/quickstart --pair: two members with a virtual address and three PostgreSQL nodes, each on a host of its own, made of
# namespaces by tests/lab/lab. Sourced by deploy/quickstart, whose functions it uses, and which sets source_dir and pair_name.
# shellcheck disable=SC2154

pair_port=5432
pair_address=10.77.0.50

lab_program() { echo "$source_dir/tests/lab/lab"; }

# lab VERB [WORD...]: of this pair.
lab() { "$(lab_program)" "$1" --name "$pair_name" "${@:2}"; }

# Reads all of the list: who prints it would fail if its reader left early.
pair_exists() { "$(lab_program)" list 2>/dev/null | grep -x "$pair_name" >/dev/null; }

pair_again() { echo "$(me) --pair$([ "$pair_name" = quickstart ] || echo " --name $pair_name")${*:+ $*}"; }

# Before anything is built.
check_pair_can_run() {
    local answer
    answer=$("$(lab_program)" list 2>&1) || die "no pair can run on this machine (a container needs to be privileged): ${answer#lab: }"
}

# PGPOOL_BUILD, as for the tests: a preset or a folder where everything is built already. The lab copies the programs.
build_pair() {
    [ -z "${PGPOOL_BUILD:-}" ] || return 0
    local log=$source_dir/build/quickstart-pair.log
    mkdir -p "$source_dir/build"
    say "the programs of a member: building what is not built yet takes some minutes (release, log: $log)"
    build_release "$log" pgpool-proxy pgpool-ctl pgpool-vip pgpool-watchdog
    export PGPOOL_BUILD=$source_dir/build/release
}

start_pair() {
    local answer
    check_pair_can_run
    if pair_exists; then
        say "the pair is there: starting what does not run"
        answer=$(lab mend 2>&1) || die "${answer#lab: }; a new pair: $(pair_again clean) && $(pair_again)"
    else
        build_pair
        say "two members and three nodes: starting"
        answer=$(lab up 2 --nodes 3 2>&1) || die "${answer#lab: }"
    fi
}

# Bounded: a frozen node may have been asked, and says nothing.
pair_query() {
    timeout 15 "$(lab_program)" psql --name "$pair_name" vip -XAtq -d 'dbname=postgres connect_timeout=5' -c "$1" 2>&1 ||
        { [ $? != 124 ] || echo "no answer within 15 s"; return 1; }
}

# What a member tells of itself and the others; of the first that answers.
pair_story() { lab ctl m1 status 2>/dev/null || lab ctl m2 status 2>/dev/null; }

# A member may answer before it has heard of what the others have.
settled_story() {
    local story
    for _ in $(seq 50); do
        story=$(pair_story)
        ! grep -q '^virtual .*held by m' <<<"$story" || ! grep -q '^primary  *n' <<<"$story" || break
        sleep 0.2
    done
    echo "$story"
}

print_pair_steps() {
    local story active primary standby
    story=$(settled_story)
    active=$(sed -n 's/^virtual .*held by //p' <<<"$story")
    primary=$(sed -n 's/^primary  *//p' <<<"$story")
    standby=$(printf '%s\n' n1 n2 n3 | grep -vx "$primary" | head -n 1)
    cat <<TEXT

Ready. m1 and m2 are members: Corosync, pgpool-watchdog, pgpool-vip, pgpool-proxy. n1, n2 and n3 are PostgreSQL nodes. Each is
a host of its own, and so is "client". The virtual address is $pair_address, port $pair_port. Now the active member is $active, the primary $primary.
For what follows, paste this first:

    pair() { ${SUDO_USER:+sudo }$(lab_program) "\$1" --name $pair_name "\${@:2}"; }

Look:
    pair psql vip                          # psql on "client", by the virtual address
    pair ctl m1 status                     # who has the address, who decides, who is primary; --watch goes on (m2 while m1 is off)
    pair ctl m1 why                        # the last decisions, with their reasons
    pair status                            # what runs on each host

Write all the time, in another terminal (paste the line above there, too):
    pair psql vip -c 'CREATE TABLE t (id serial, at timestamptz DEFAULT now())'
    while sleep 0.2; do pair psql vip -Atqd 'dbname=postgres connect_timeout=1' \\
        -c 'INSERT INTO t DEFAULT VALUES RETURNING id, at, inet_server_addr()'; done

and meanwhile:
    pair kill $active                           # the active member loses power: the other one takes the address
    pair start $active                          # it comes back, and takes nothing away
    pair kill $primary                           # the primary loses power: a standby is promoted (pair kill $primary/postmaster: only it)
    pair mend                              # starts all that does not run; $primary becomes a standby, by a copy of the new primary
                                           # helps also where status tells of a phase "blocked": it says why nobody is promoted
    pair ctl m1 vip move                   # moves the address to the other member, in order
    pair ctl m1 switchover $standby              # another primary, in order: clients wait a moment, nothing fails; then pair mend
    pair cut m1 m2                         # the members do not hear each other any more; pair heal ends it
    pair freeze $active                         # it stands still; pair thaw $active

Logs of all hosts, merged: pair logs    Their files: /var/tmp/pgpool-lab/$pair_name

$(pair_again)                          # brings everything back, as pair mend
$(pair_again status) | stop | clean    # stop: power off, the data stays; clean: nothing is left
TEXT
}

pair_start() {
    install_packages lab
    start_pair
    local answer
    answer=$(pair_query "select 'works'") || die "no query gets through at $pair_address: $answer"
    say "a query works at the virtual address, $pair_address"
    print_pair_steps
}

pair_status() {
    local code=0 story answer
    pair_exists || { echo "no pair is set up"; exit 4; }
    lab status || code=3
    story=$(pair_story) || code=3
    printf '\n%s\n\n' "${story:-no member tells anything}"
    ! grep -q quarantined <<<"$story" || code=3
    if answer=$(pair_query "select 'works'") && [ "$answer" = works ]; then
        echo "a query works at $pair_address"
    else
        echo "no query gets through at $pair_address: $answer"
        code=3
    fi
    [ "$code" = 0 ] || echo "this brings everything back: $(pair_again)"
    exit "$code"
}

pair_stop() {
    pair_exists || { echo "no pair is set up"; return 0; }
    lab off
    say "all hosts of the pair are off; their data stays"
}

pair_clean() {
    pair_exists || { echo "no pair is set up"; return 0; }
    lab down
    say "the pair is removed"
}
