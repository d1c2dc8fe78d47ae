// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/node.h"

#include <algorithm>

namespace pgpool::simulator {

void Node::open(const Link& link) {
    if (is_dead()) {
        if (world_.random.chance(0.5)) link->lost();
        return;
    }
    process_.handle([this, link] {
        sessions_.push_back({link});
        link->opened();
        become_idle(sessions_.back());
    });
}

void Node::ask(const Link& link, const lease::Question& question) {
    if (is_dead()) {
        if (world_.random.chance(0.5)) link->lost();
        return;
    }
    process_.handle([this, link, question] {
        const auto session = find(link);
        if (session == sessions_.end()) {
            link->lost();
        } else {
            serve(*session, question);
        }
    });
}

void Node::close(const Link& link) {
    process_.handle([this, link] {
        const auto session = find(link);
        if (session != sessions_.end()) end(session);
    });
}

std::vector<Node::Session>::iterator Node::find(const Link& link) {
    return std::find_if(sessions_.begin(), sessions_.end(), [&](const Session& s) { return s.link == link; });
}

void Node::serve(Session& session, const lease::Question& question) {
    using Kind = lease::Question::Kind;
    const Link link = session.link;
    if (question.kind == Kind::Lock && !owner_) owner_ = link;
    const bool has_lock = owner_ == link;
    if (has_lock) epoch_ = std::max(epoch_, question.record);
    if (question.kind == Kind::Run && has_lock) run(question, link);
    link->answer({.has_lock = has_lock, .epoch = epoch_, .server_clock = wall_clock()});
    become_idle(session);
}

WallTime Node::wall_clock() const {
    return WallTime(
        std::chrono::duration_cast<WallTime::duration>(clock_.read(world_.queue.now()).time_since_epoch()));
}

void Node::run(const lease::Question& question, const Link& link) {
    if (wall_clock() >= question.not_after) {
        ++world_.auditor.tally.refused;
        return;
    }
    world_.trace("node {}: command {} of member {}, epoch {}, takes effect", id_.value,
                 question.command.value, link->member.value, question.record.value);
    world_.auditor.took_effect(*link, question.record);
}

void Node::become_idle(Session& session) {
    session.idle = ++idle_;
    const Time now = world_.queue.now();
    const Time due = clock_.when(clock_.read(now) + world_.parameters.session_timeout, now);
    world_.queue.at(due, [this, link = session.link, idle = session.idle, life = process_.life()] {
        if (life != process_.life()) return;
        process_.handle_timer([this, link, idle] {
            const auto found = find(link);
            if (found == sessions_.end() || found->idle != idle) return;
            world_.trace("node {}: idle_session_timeout of member {}", id_.value, link->member.value);
            end(found);
            link->lost();
        });
    });
}

void Node::end(std::vector<Session>::iterator session) {
    if (owner_ == session->link) owner_ = nullptr;
    sessions_.erase(session);
}

void Node::die(Death death) {
    process_.die();
    for (const Session& session : sessions_) {
        if (death == Death::Crash) session.link->lost();
    }
    sessions_.clear();
    owner_ = nullptr;
}

void Node::start() {
    process_.start();
}

void Node::terminate_any() {
    if (sessions_.empty() || process_.state() != Process::State::Running) return;
    const auto session =
        sessions_.begin() + static_cast<std::ptrdiff_t>(world_.random.below(sessions_.size()));
    const Link link = session->link;
    end(session);
    link->lost();
}

}  // namespace pgpool::simulator
