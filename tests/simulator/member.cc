// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/member.h"

namespace pgpool::simulator {

using lease::State;

Member::Member(Surroundings& world, MemberId id, const std::vector<VoterEnd*>& ends,
               const std::vector<Member*>& members)
    : world_(world), id_(id), ends_(ends), members_(members), voter_(world, process_, clock_) {
    start();
}

void Member::start() {
    process_.start();
    voter_.start();
    const std::uint64_t first_session = std::uint64_t{process_.life()} << 32;
    lease_ = std::make_unique<lease::Lease>(world_.votes, world_.parameters,
                                            lease::Lease::Start{.self = id_,
                                                                .known = voter_.stored(),
                                                                .first_session = SessionId(first_session),
                                                                .seed = world_.random.seed()});
    links_.clear();
    world_.trace("member {}: starts", id_.value);
}

void Member::happens(const lease::Event& event) {
    process_.handle([this, event] { step(event); });
}

void Member::step(const lease::Event& event) {
    ++world_.auditor.tally.steps;
    const State before = lease_->state();
    const lease::Actions actions = lease_->step(event, local());
    if (lease_->state() != before) {
        world_.trace("member {}: {} -> {}", id_.value, name(before), name(lease_->state()));
    }
    for (const lease::Action& action : actions) {
        std::visit([this](const auto& what) { perform(what); }, action);
    }
}

void Member::perform(const lease::action::Open& open) {
    const Host here = id_.value;
    const Host there = open.voter.value;
    auto link = std::make_shared<Connection>();
    link->member = id_;
    link->voter = open.voter;
    link->session = open.session;
    link->up = world_.network.stream(here, there);
    link->down = world_.network.stream(there, here);
    link->deliver = [this, weak = std::weak_ptr(link), life = process_.life()](const lease::Event& event) {
        if (const Link alive = weak.lock()) hears(alive, life, event);
    };
    links_[open.session] = link;
    link->up->send([end = ends_[there], link] { end->open(link); });
}

void Member::hears(const Link& link, std::uint32_t life, const lease::Event& event) {
    if (life != process_.life()) return;
    process_.handle([this, link, event] {
        if (std::holds_alternative<lease::event::Answered>(event)) {
            link->is_asked = false;
            link->fresh = link->asked;
        }
        step(event);
    });
}

void Member::perform(const lease::action::Ask& ask) {
    const auto found = links_.find(ask.session);
    if (found == links_.end()) return world_.auditor.report("a question in a session that is closed");
    const Link link = found->second;
    world_.auditor.asks(*link, ask.question, local());
    link->is_asked = true;
    link->asked = local();
    link->is_before_deadline = [this, boot = boots_, deadline = lease_->view().deadline] {
        return boot != boots_ || local() < deadline;
    };
    link->up->send(
        [end = ends_[ask.voter.value], link, question = ask.question] { end->ask(link, question); });
}

void Member::perform(const lease::action::Close& close) {
    const auto found = links_.find(close.session);
    if (found == links_.end()) return world_.auditor.report("a session is closed twice");
    const Link link = found->second;
    // What is on its way from the voter may still be seen, as in a shell whose queue holds it already.
    world_.queue.after(std::chrono::seconds(2), [link] {});
    links_.erase(found);
    link->up->send([end = ends_[close.voter.value], link] { end->close(link); });
}

void Member::perform(const lease::action::Send& send) {
    world_.trace("member {}: sends {} of epoch {} to member {}", id_.value,
                 static_cast<int>(send.message.kind), send.message.epoch.value, send.message.to.value);
    if (send.message.kind == lease::Message::Kind::Released) ++world_.auditor.tally.hand_overs;
    Member* to = members_[send.message.to.value];
    world_.network.send(id_.value, to->id_.value,
                        [to, message = send.message] { to->happens(lease::event::Received{message}); });
}

void Member::perform(const lease::action::Publish& publish) {
    page_ = publish.view;
    const bool is_slow = !world_.is_calm && world_.random.chance(0.05);
    const Time delay = world_.random.between(Time(0), milliseconds(is_slow ? 400 : 20));
    world_.queue.after(delay, [this] { read_page(); });
}

void Member::read_page() {
    if (is_frozen_) return;
    gate_ = page_;
    if (gate_.state != State::Releasing) return;
    happens(lease::event::GatesClosed{gate_.epoch});
}

void Member::perform(const lease::action::Became& became) {
    world_.trace("member {}: becomes holder, epoch {}", id_.value, became.epoch.value);
    world_.auditor.became(id_, became.epoch);
}

void Member::perform(const lease::action::SteppedDown& down) {
    world_.trace("member {}: epoch {} ends: {}", id_.value, down.epoch.value, down.reason);
    ++world_.auditor.tally.ends;
}

void Member::perform(const lease::action::WaitUntil& wait) {
    const Time now = world_.queue.now();
    world_.queue.at(clock_.when(wait.time, now), [this, wake = ++wake_] {
        if (wake != wake_) return;
        process_.handle_timer([this, wake] {
            if (wake == wake_) step(lease::event::Tick{});
        });
    });
}

void Member::kill() {
    world_.trace("member {}: killed", id_.value);
    process_.die();
    for (const auto& [session, link] : links_) {
        link->up->send([end = ends_[link->voter.value], link = link] { end->close(link); });
    }
    links_.clear();
    ++wake_;
}

void Member::lose_power() {
    world_.trace("member {}: loses power", id_.value);
    process_.die();
    links_.clear();
    ++wake_;
    page_ = {};
    gate_ = {};
    is_frozen_ = false;
    clock_.restart(world_.queue.now());
    ++boots_;
}

void Member::freeze() {
    process_.stop();
    is_frozen_ = true;
}

void Member::thaw() {
    is_frozen_ = false;
    world_.queue.after(world_.random.between(Time(0), milliseconds(20)), [this] { read_page(); });
    go_on();
}

void Member::command(lease::VoterId node) {
    happens(lease::event::Command{lease::CommandId(next_command_++), node});
}

void Member::tell_who_may_act() {
    if (!is_dead() && lease_->view().may_act(local())) {
        world_.auditor.may_act(id_, lease_->view().epoch, "watchdog");
    }
    if (gate_.may_act(local())) world_.auditor.may_act(id_, gate_.epoch, "gate");
    if (gate_.may_act(local()) || local() < gate_.locked_until) world_.auditor.may_hold(id_);
}

}  // namespace pgpool::simulator
