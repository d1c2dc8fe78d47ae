// SPDX-License-Identifier: PostgreSQL
#include "tests/support/scripted_exchange.h"

#include <fmt/core.h>

#include <algorithm>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/message.h"
#include "common/wire/messages.h"
#include "tests/support/frames.h"

namespace pgpool::support {

using exec::Disposal;
using exec::TimerKind;

namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

config::ConfigPtr configuration(const Exchange::Setup& setup) {
    auto config = std::make_shared<config::Config>();
    config->pool.prepared_statements = setup.prepared_statements;
    config->routing.consistency = config::Consistency::Eventual;
    config->routing.primary_reads = setup.standbys == 0;
    setup.configure(*config);
    return config;
}

cluster::TopologyPtr topology(std::size_t standbys) {
    auto topology = std::make_shared<cluster::Topology>();
    for (std::size_t i = 0; i <= standbys; ++i) {
        cluster::NodeStatus node;
        node.id = NodeId(static_cast<std::uint16_t>(i));
        node.name = fmt::format("node{}", i);
        node.role = i == 0 ? cluster::Role::Primary : cluster::Role::Standby;
        node.state = cluster::NodeState::Up;
        topology->nodes.push_back(node);
    }
    topology->primary = NodeId(0);
    return topology;
}

// Functions and tables that scripts use; all reads of them may go to a standby.
sql::CatalogFactsPtr facts() {
    auto facts = std::make_shared<sql::CatalogFacts>();
    facts->version = 1;
    for (const char* name : {"writes_after_all", "conflict", "generate_series", "current_setting"}) {
        facts->functions[name] = {sql::Volatility::Stable, true, true};
    }
    for (const char* name : {"pg_sleep", "set_config", "pg_advisory_lock", "pg_advisory_unlock_all"}) {
        facts->functions[name] = {sql::Volatility::Volatile, true, true};
    }
    for (const char* name : {"t", "u"}) facts->relations[name] = {};
    return facts;
}

// Appends the whole messages in `pending` to `log`, printed.
template <typename Print>
void print_whole(std::string& pending, std::string& log, Print print) {
    while (true) {
        const auto [frame, error] = wire::next_frame(pending);
        if (error || !frame.complete()) return;
        if (!log.empty()) log.push_back(' ');
        log += print(frame);
        pending.erase(0, frame.size);
    }
}

}  // namespace

// ---- a server connection

Link::Link(Exchange& exchange, std::size_t the_number, NodeId the_node, FakeNode& at)
    : ServerLink(the_node, exchange.around_.names, exchange.around_.config->pool.prepared_statements),
      postgres(at, {}, Exchange::kPrefix),
      number(the_number) {
    const auto reports = postgres.sql().reports();
    reported = exchange.around_.names.make({reports.begin(), reports.end()});
}

// ---- a client

Client::Client(Exchange& exchange, std::uint64_t id, std::string user, exec::NameValuesPtr startup)
    : exchange_(exchange), startup_(std::move(startup)) {
    exec::Session::Login login{.user = std::move(user),
                               .database = &exchange.database_,
                               .startup = startup_,
                               .pid = static_cast<std::uint32_t>(id),
                               .secret = 7};
    session_ = std::make_unique<exec::Session>(id, std::move(login), exchange.around_, *this);
}

void Client::start() {
    session_->start();
}

Client& Client::operator>>(const std::string& messages) {
    send(messages);
    exchange_.run();
    return *this;
}

void Client::send(std::string_view messages) {
    if (gone_ || closed_) return;
    sending_ += messages;
    unchecked_ += messages;
}

std::string Client::received() {
    return std::exchange(printed_, {});
}

std::string Client::statements() {
    return std::exchange(statements_, {});
}

void Client::statement(std::string_view sql, const exec::ServerLink* at) {
    statements_ += fmt::format("[{}] {}\n", at != nullptr ? std::to_string(at->node.value) : "-", sql);
}

void Client::cancel() {
    if (gone_) return;
    session_->on_cancel();
    pump();
    exchange_.run();
}

void Client::leave() {
    vanish();
    exchange_.run();
}

void Client::vanish() {
    if (!std::exchange(gone_, true)) session_->on_client_gone();
}

// As session::Stream and ClientConnection: everything that is not consumed, after every event. The copy makes
// the sanitizers see views that are kept too long.
void Client::pump() {
    if (gone_ || closed_ || (kept_.empty() && !session_->runs_script())) return;
    const std::string bytes = kept_;
    const std::size_t used = session_->pump(bytes);
    if (used > bytes.size()) return exchange_.blame("pump() consumed more than there was");
    kept_.erase(0, used);
    if (closed_) kept_.clear();
}

bool Client::deliver() {
    if (sending_.empty()) return false;
    if (gone_ || closed_) {
        sending_.clear();
        return false;
    }
    exchange_.step();
    if (gone_ || closed_) return true;
    const std::size_t size =
        exchange_.size_of_piece(delivered_, sending_.size(), exchange_.disturbance_.cut_client_at);
    kept_ += sending_.substr(0, size);
    delivered_ += size;
    exchange_.most_sent_ = std::max(exchange_.most_sent_, delivered_);
    sending_.erase(0, size);
    pump();
    return true;
}

void Client::reply(ByteView bytes) {
    if (gone_) return exchange_.blame("a reply to a client that is gone");
    if (closed_) return exchange_.blame("a reply after close()");
    unread_ += bytes;
    take_replies();
}

void Client::take_replies() {
    // What the client had sent before counts before what it receives.
    while (true) {
        const auto [frame, error] = wire::next_frame(unchecked_);
        if (error || !frame.complete()) break;
        if (ready_) checker_.sent(frame);
        unchecked_.erase(0, frame.size);
    }
    while (true) {
        const auto [frame, error] = wire::next_frame(unread_);
        if (error == wire::FrameError::BadLength) return exchange_.blame("the client lost the framing");
        if (error || !frame.complete()) return;
        if (ready_) {
            const std::string wrong = checker_.received(frame);
            if (!wrong.empty()) exchange_.blame(wrong + " after: " + transcript_);
            const std::string printed = print_from_server(frame);
            if (frame.type == wire::backend::kDataRow && exchange_.is_foreign(printed, *this)) {
                exchange_.blame("a foreign row: " + printed);
            }
            for (std::string* text : {&printed_, &transcript_}) {
                if (!text->empty()) text->push_back(' ');
                *text += printed;
            }
        } else {
            if (frame.type == wire::backend::kErrorResponse) printed_ = print_from_server(frame);
            ready_ = frame.type == wire::backend::kReadyForQuery;
        }
        unread_.erase(0, frame.size);
    }
}

void Client::send(exec::ServerLink& link, ByteView bytes) {
    auto& to = static_cast<Link&>(link);
    if (to.client != this) return exchange_.blame("bytes for a connection that was not lent");
    to.to_server += bytes;
    to.unprinted += bytes;
    print_whole(to.unprinted, to.log, [](const wire::Frame& frame) { return print_from_client(frame); });
}

exec::ServerLink* Client::acquire(const route::Target& target) {
    const auto node = exchange_.resolve(target);
    const bool must_queue =
        std::any_of(exchange_.waiters_.begin(), exchange_.waiters_.end(),
                    [&](const Client* other) { return exchange_.resolve(*other->waits_for_) == node; });
    Link* idle = node && !must_queue ? exchange_.idle_link(*node) : nullptr;
    if (idle != nullptr) {
        idle->client = this;
        return idle;
    }
    waits_for_ = target;
    exchange_.waiters_.push_back(this);
    return nullptr;
}

void Client::withdraw() {
    if (waits_for_) {
        std::erase(exchange_.waiters_, this);
        waits_for_.reset();
        return;
    }
    for (Exchange::Handoff& handoff : exchange_.handoffs_) {
        if (handoff.client == this) handoff.client = nullptr;
    }
}

void Client::release(exec::ServerLink& link, Disposal disposal) {
    auto& given = static_cast<Link&>(link);
    if (given.client != this) return exchange_.blame("a connection was released that was not lent");
    given.client = nullptr;
    if (!given.alive) return;
    if (disposal == Disposal::Close) {
        given.alive = false;
        return;
    }
    if (disposal == Disposal::Keep) exchange_.check_clean(given);
    if (disposal == Disposal::Reset) {
        given.postgres.take(query("DISCARD ALL"));
        static_cast<void>(given.postgres.output());
        const auto reports = given.postgres.sql().reports();
        given.reported = exchange_.around_.names.make({reports.begin(), reports.end()});
        given.settings.replace(exchange_.around_.names.empty());
        given.statements.clear();
        exchange_.check_clean(given);
    }
    exchange_.returned(given);
}

// A cancel request takes its own way; what runs when it arrives is what it hits.
void Client::cancel(exec::ServerLink& link) {
    auto& to = static_cast<Link&>(link);
    to.postgres.cancel();
    to.from_server += to.postgres.output();
}

void Client::await_news() {
    awaits_replay_ = true;
}

void Client::arm(TimerKind timer, milliseconds after) {
    timers_[timer] = exchange_.around_.now + after;
}

TimePoint Client::clock() {
    return exchange_.around_.now;
}

void Client::ddl_seen() {
    exchange_.database_.marks->ddl_seen(exchange_.around_.now);
}

exec::OwnAnswer Client::own_command(const sql::Statement& statement, exec::Run /*run*/) {
    if (statement.name == "pool_nodes") {
        exec::OwnResult result;
        result.columns = {{"v", wire::ColumnType::Text}};
        result.rows = {{"own"}};
        result.tag = "SHOW";
        return Result<exec::OwnResult>(result);
    }
    return Result<exec::OwnResult>(fail(sqlstate::kFeatureNotSupported, "not here"));
}

Result<exec::OwnResult> Client::own_result() {
    return fail(sqlstate::kInternalError, "nothing was promised");
}

// ---- all of them

Exchange::Exchange(Setup setup, Disturbance disturbance)
    : setup_(std::move(setup)),
      disturbance_(disturbance),
      stopped_(setup_.standbys + 1, false),
      around_(configuration(setup_), kPrefix, 42) {
    for (std::size_t i = 0; i <= setup_.standbys; ++i) {
        nodes_.push_back(std::make_unique<FakeNode>());
        nodes_.back()->is_standby = i > 0;
    }
    around_.topology = topology(setup_.standbys);
    around_.now = kStart;
    database_.name = "app";
    database_.facts = facts();
}

Exchange::~Exchange() = default;

void Exchange::blame(std::string_view what) {
    if (problem_.empty()) problem_ = what;
}

Client& Exchange::client(const std::map<std::string, std::string>& startup, const std::string& user) {
    std::vector<exec::NameValues::Pair> settings;
    for (const auto& [name, value] : startup) settings.emplace_back(name, exec::startup_value(value));
    clients_.push_back(
        std::make_unique<Client>(*this, clients_.size() + 1, user, around_.names.make(std::move(settings))));
    Client& client = *clients_.back();
    client.start();
    run();
    for (const auto& link : links_) link->log.clear();
    return client;
}

bool Exchange::is_foreign(std::string_view row, const Client& receiver) const {
    return std::any_of(clients_.begin(), clients_.end(), [&](const auto& client) {
        return client.get() != &receiver && !client->own_tag_.empty() &&
               row.starts_with("D(" + client->own_tag_);
    });
}

void Exchange::configure(const std::function<void(config::Config&)>& change) {
    auto next = std::make_shared<config::Config>(*around_.config);
    change(*next);
    around_.replace_config(next);
}

void Exchange::set_topology(const std::function<void(cluster::Topology&)>& change) {
    auto next = std::make_shared<cluster::Topology>(*around_.topology);
    change(*next);
    ++next->version;
    if (next->primary != around_.topology->primary) around_.parameters.clear();
    around_.topology = next;
    for (const auto& client : clients_) {
        if (!std::exchange(client->awaits_replay_, false) || client->gone_) continue;
        client->session_->on_news();
        client->pump();
    }
    run();
}

void Exchange::step() {
    const std::size_t now = steps_++;
    if (finishing_) return;
    if (disturbance_.lose_links_at_step == now) lose_all_links();
    if (disturbance_.lose_clients_at_step == now) lose_all_clients();
}

void Exchange::run() {
    // The bound makes an endless loop of a session and its server a failure instead of a hang.
    for (int round = 0; round < 100'000; ++round) {
        bool moved = run_handoffs() || open_for_waiters();
        for (std::size_t i = 0; i < clients_.size(); ++i) moved = clients_[i]->deliver() || moved;
        for (std::size_t i = 0; i < links_.size(); ++i) moved = run_link(*links_[i]) || moved;
        if (!moved) return;
    }
    blame("it runs for ever");
}

bool Exchange::run_link(Link& link) {
    if (!link.alive) return false;
    const bool given = give_to_server(link);
    const bool taken = link.alive && give_to_client(link);
    return given || taken;
}

bool Exchange::give_to_server(Link& link) {
    if (held_ || link.to_server.empty()) return false;
    step();
    if (!link.alive) return true;
    link.postgres.take(std::exchange(link.to_server, {}));
    link.from_server += link.postgres.output();
    if (!link.postgres.violation().empty()) {
        blame(fmt::format("server {}: {}", link.number, link.postgres.violation()));
    }
    return true;
}

bool Exchange::give_to_client(Link& link) {
    if (replies_held_) return false;
    if (link.from_server.empty()) {
        if (!link.postgres.closed()) return false;
        lose(link.number);
        return true;
    }
    step();
    if (!link.alive) return true;
    std::size_t size = size_of_piece(link.received, link.from_server.size(), disturbance_.cut_server_at);
    if (disturbance_.loses()) {  // message by message: each may be the last that arrives
        const auto [frame, error] = wire::next_frame(link.from_server);
        if (!error && frame.complete()) size = frame.size;
    }
    link.kept += link.from_server.substr(0, size);
    link.received += size;
    most_replied_ = std::max(most_replied_, link.received);
    link.from_server.erase(0, size);
    handle_server_bytes(link);
    return true;
}

void Exchange::handle_server_bytes(Link& link) {
    if (link.client != nullptr && link.client->session_->link() == &link) {
        Client& client = *link.client;
        const std::string bytes = link.kept;
        const std::size_t used = client.session_->on_server_bytes(link, bytes);
        if (used > bytes.size()) return blame("on_server_bytes() consumed more than there was");
        link.kept.erase(0, used);
        client.pump();
    }
    if (link.alive && link.client == nullptr) take_own_bytes(link);
}

// Nobody has it: a server may tell parameters, and nothing else.
void Exchange::take_own_bytes(Link& link) {
    while (true) {
        const auto [frame, error] = wire::next_frame(link.kept);
        if (error || !frame.complete()) return;
        if (const auto told = wire::read_parameter_status(frame.body);
            told && frame.type == wire::backend::kParameterStatus) {
            link.reported = around_.names.with(link.reported, told->name, told->value);
        } else if (frame.type != wire::backend::kErrorResponse) {
            blame("an answer came for nobody: " + print_from_server(frame));
        }
        link.kept.erase(0, frame.size);
    }
}

std::optional<std::size_t> Exchange::resolve(const route::Target& target) const {
    if (!target.is_primary()) return target.node.value;
    if (!around_.topology->primary) return std::nullopt;
    return around_.topology->primary->value;
}

std::size_t Exchange::size_of_piece(std::size_t position, std::size_t available,
                                    std::optional<std::size_t> cut) const {
    std::size_t size = std::min(available, disturbance_.piece);
    if (cut && position < *cut) size = std::min(size, *cut - position);
    return size;
}

Link* Exchange::idle_link(std::size_t node) {
    for (const auto& link : links_) {
        if (link->alive && link->client == nullptr && link->node.value == node) return link.get();
    }
    return nullptr;
}

std::size_t Exchange::open_links(std::size_t node) const {
    return static_cast<std::size_t>(std::count_if(links_.begin(), links_.end(), [&](const auto& link) {
        return link->alive && link->node.value == node;
    }));
}

// One waiter, the first that can be served or refused.
bool Exchange::open_for_waiters() {
    for (Client* client : waiters_) {
        const auto node = resolve(*client->waits_for_);
        if (!node || stopped_.at(*node)) continue;
        if (!refusal_.empty()) {
            client->withdraw();
            std::string frame;
            wire::append_error(frame, {.severity = wire::Severity::Fatal,
                                       .sqlstate = SqlState(refusal_),
                                       .message = "connection refused by the node"});
            client->session_->on_link_refused(ByteView(frame).substr(wire::kFrameHeader));
            client->pump();
            return true;
        }
        Link* link = idle_link(*node);
        if (link == nullptr) {
            if (open_links(*node) >= setup_.links_per_node) continue;
            links_.push_back(std::make_unique<Link>(
                *this, links_.size(), NodeId(static_cast<std::uint16_t>(*node)), *nodes_[*node]));
            link = links_.back().get();
        }
        client->withdraw();
        link->client = client;
        handoffs_.push_back({client, link});
        return true;
    }
    return false;
}

bool Exchange::run_handoffs() {
    if (handoffs_.empty()) return false;
    step();
    if (handoffs_.empty()) return true;
    const Handoff handoff = handoffs_.front();
    handoffs_.pop_front();
    if (!handoff.link->alive) return true;
    if (handoff.client == nullptr) {
        handoff.link->client = nullptr;
        return true;
    }
    handoff.client->session_->on_link(*handoff.link);
    handoff.client->pump();
    return true;
}

void Exchange::returned(Link& link) {
    for (Client* client : waiters_) {
        if (resolve(*client->waits_for_) != link.node.value) continue;
        client->withdraw();
        link.client = client;
        handoffs_.push_back({client, &link});
        return;
    }
}

// REQUIRES: the session says that nothing of its client is left there.
void Exchange::check_clean(const Link& link) {
    auto& postgres = const_cast<Link&>(link).postgres;
    const auto blame_link = [&](std::string_view what) {
        blame(fmt::format("connection {} was given back {}", link.number, what));
    };
    if (!link.replies.empty()) blame_link("with answers owed");
    if (postgres.busy() || !link.to_server.empty()) blame_link("while its server was busy");
    if (postgres.sql().status() != FakeSql::Status::Idle) blame_link("in a transaction");
    if (!postgres.sql().own_state().empty()) blame_link("with" + postgres.sql().own_state());
    for (const auto& [name, prepared] : postgres.sql().prepared()) {
        const bool is_known =
            name.empty() || name.starts_with(kPrefix) || link.statements.own_names.contains(name);
        if (!is_known) blame_link("with an unknown statement " + name);
    }
    if (!postgres.sql().prepared().contains("") && link.statements.unnamed.session != 0) {
        blame_link("without the unnamed statement that it is said to have");
    }
    check_same_settings(const_cast<Link&>(link));
}

// The connection has exactly the settings that it is believed to have.
void Exchange::check_same_settings(Link& link) {
    const auto& actual = link.postgres.sql().settings();
    const auto& defaults = link.postgres.sql().defaults();
    const auto value_in = [](const FakeSql::Settings& settings, const std::string& name) {
        const auto at = settings.find(name);
        return at == settings.end() ? std::string() : at->second;
    };
    const auto plain = [](std::string text) {
        if (text.starts_with('=')) text.erase(0, 1);
        std::erase_if(text, [](char c) { return c == '\'' || c == '"'; });
        return text;
    };
    for (const auto& [name, value] : link.settings.current()->pairs()) {
        if (plain(value_in(actual, name)) != plain(value)) {
            blame(fmt::format("connection {} has {} = {}, believed to be {}", link.number, name,
                              value_in(actual, name), value));
        }
    }
    for (const auto& [name, value] : actual) {
        if (value == value_in(defaults, name) || link.settings.current()->find(name) != nullptr) continue;
        blame(fmt::format("connection {} has {} = {}, believed not to be set", link.number, name, value));
    }
}

void Exchange::lose(std::size_t number) {
    if (number >= links_.size()) return;  // in a disturbed run it may never have been opened
    Link& link = *links_[number];
    if (!std::exchange(link.alive, false)) return;
    Client* client = link.client;
    std::erase_if(handoffs_, [&](const Handoff& handoff) { return handoff.link == &link; });
    if (client == nullptr) return;
    if (client->session_->link() == &link) {
        client->session_->on_link_lost(link, "connection reset");
        if (client->session_->link() == &link) blame("a session keeps a connection that was lost");
        client->pump();
    } else if (!client->gone_ && !client->closed_) {
        client->waits_for_ = route::Target::at(link.node);
        waiters_.push_back(client);
    }
}

void Exchange::lose_all_links() {
    for (std::size_t i = 0; i < links_.size(); ++i) {
        if (links_[i]->client != nullptr) lose(i);
    }
}

void Exchange::lose_all_clients() {
    for (const auto& client : clients_) client->vanish();
}

void Exchange::stop_node(std::size_t node) {
    stopped_.at(node) = true;
    for (std::size_t i = 0; i < links_.size(); ++i) {
        if (links_[i]->node.value == node) lose(i);
    }
    set_topology([&](cluster::Topology& next) {
        next.nodes[node].state = cluster::NodeState::Down;
        if (next.primary == NodeId(static_cast<std::uint16_t>(node))) next.primary.reset();
    });
}

void Exchange::lose_primary() {
    set_topology([](cluster::Topology& next) { next.primary.reset(); });
}

void Exchange::park_primary() {
    set_topology([](cluster::Topology& next) { next.leaving = std::exchange(next.primary, std::nullopt); });
}

void Exchange::promote(std::size_t node) {
    nodes_.at(node)->is_standby = false;
    stopped_.at(node) = false;
    set_topology([&](cluster::Topology& next) {
        next.nodes[node].state = cluster::NodeState::Up;
        next.nodes[node].role = cluster::Role::Primary;
        next.primary = next.nodes[node].id;
        next.leaving.reset();
    });
}

void Exchange::let_servers_go() {
    held_ = false;
    run();
}

void Exchange::let_replies_go() {
    replies_held_ = false;
    run();
}

void Exchange::wake_sleepers() {
    for (const auto& link : links_) {
        if (!link->alive) continue;
        link->postgres.wake_up();
        link->from_server += link->postgres.output();
    }
    run();
}

void Exchange::advance(milliseconds time) {
    const TimePoint end = around_.now + time;
    while (true) {
        Client* first = nullptr;
        TimerKind kind = TimerKind::Wait;
        TimePoint when = end;
        for (const auto& client : clients_) {
            if (client->gone_ || client->closed_) continue;
            for (const auto& [timer, at] : client->timers_) {
                if (at > when) continue;
                first = client.get();
                kind = timer;
                when = at;
            }
        }
        if (first == nullptr) break;
        around_.now = when;
        first->timers_.erase(kind);
        first->session_->on_timer(kind);
        first->pump();
        run();
    }
    around_.now = end;
}

void Exchange::finish() {
    finishing_ = true;
    held_ = replies_held_ = false;
    refusal_.clear();
    if (!around_.topology->primary) promote(0);
    for (std::size_t i = 0; i < stopped_.size(); ++i) stopped_[i] = false;
    run();
    for (int i = 0; i < 20; ++i) wake_sleepers();
    advance(seconds(1));
    for (int round = 0; round < 3; ++round) {
        for (const auto& client : clients_) end_requests(*client);
    }
    std::vector<Client*> left;
    for (const auto& client : clients_) left.push_back(client.get());
    while (!left.empty()) {  // who holds a connection first: others may wait for it
        auto next = std::find_if(left.begin(), left.end(),
                                 [](const Client* client) { return client->session_->link() != nullptr; });
        if (next == left.end()) next = left.begin();
        end_client(**next);
        left.erase(next);
    }
    for (const auto& link : links_) {
        if (link->alive && link->client != nullptr) {
            blame(fmt::format("connection {} was never given back", link->number));
        }
    }
    if (!waiters_.empty()) blame("somebody waits for ever");
}

// Ends what the client has open, as a well-behaved one would.
void Exchange::end_requests(Client& client) {
    if (client.gone_ || client.closed_ || !client.ready_) return;
    if (client.checker_.wants_copy_data()) client >> copy_fail("enough");
    if (client.checker_.awaits_sync()) client >> sync();
    if (client.checker_.owed_ready() == 0 && client.checker_.status() != 'I') client >> query("ROLLBACK");
    for (int i = 0; i < 5; ++i) wake_sleepers();
    advance(milliseconds(25));
}

// One query more, and the client leaves.
void Exchange::end_client(Client& client) {
    if (!client.gone_ && !client.closed_ && client.ready_) {
        end_requests(client);
        if (client.checker_.owed_ready() > 0 && !client.closed_) {
            blame("a request was never answered; the client has: " + client.transcript_);
        }
        if (!client.closed_ && client.checker_.status() != 'I') blame("ROLLBACK did not end the transaction");
        client >> query("SELECT '" + client.own_tag_ + "last'");
        const std::string last = fmt::format("T D({}last) C(SELECT 1) Z(I)", client.own_tag_);
        const bool others_have_all = client.session_->awaits_link();
        if (!client.closed_ && !others_have_all && !client.transcript_.ends_with(last)) {
            blame("the session does not work any more; the client has: " + client.transcript_);
        }
        client.send(terminate());
        run();
        if (others_have_all) client.vanish();
        if (!client.closed_ && !others_have_all) blame("Terminate did not end the session");
    }
    client.gone_ = true;
}

}  // namespace pgpool::support
