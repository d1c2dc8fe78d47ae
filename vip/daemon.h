// SPDX-License-Identifier: PostgreSQL
#pragma once

// Daemon: pgpool-vip as a member runs it. It takes and releases the addresses as the watchdog orders over the
// bus (Duty), for as long as the page of the lease allows (LeaseMandate), and tells the watchdog what became
// of it.
//
// Threads: main, which this is: orders, events, signals, clients, log. The Holder's, which nothing here can
// hold up: it gets wishes and gives events without a lock. The bus client's, which does the waiting for the
// watchdog. When the watchdog is gone the addresses stay until the deadline on the page.

#include <memory>
#include <string>

#include "common/bus/paging.h"
#include "common/config/config.h"
#include "common/ipc/client.h"
#include "common/ipc/member_bus.h"
#include "common/net/mailbox.h"
#include "vip/clients.h"
#include "vip/duty/duty.h"
#include "vip/holder/holder.h"
#include "vip/lease_mandate.h"

namespace pgpool::vip {

class Daemon final : private Observer, private ipc::ClientHandler {
public:
    Daemon(config::Config config, std::string config_file, std::vector<VirtualAddress> addresses,
           Effect effect);
    ~Daemon() override;

    // Until SIGTERM or SIGINT; then everything is let go. An error: it cannot start.
    [[nodiscard]] Result<void> run();

private:
    using Task = std::function<void()>;

    void on_event(const VirtualAddress& address, const Event& event) override;  // the holder's thread
    void on_up(const bus::Welcome& hub) override;
    void on_down(const std::string& reason) override;
    void on_message(bus::Message message) override;

    [[nodiscard]] Result<void> start();
    void serve(int signals);
    void on_signal(int signal);
    void on_order(const bus::VipOrder& order);
    void on_clients(bus::ClientList page);
    void handle(const VirtualAddress& address, const Event& event);
    void perform(const Answers& answers);
    void carry_out(Deed deed);
    void tell(const bus::Message& message);
    void keep_house(BootTime now);
    void tell_alive(BootTime now);
    void look_at_page();
    void reload();
    void apply(const config::Config& next, std::vector<VirtualAddress> addresses);
    [[nodiscard]] int wait_milliseconds(BootTime now) const;

    config::Config config_;
    const std::string config_file_;
    const std::vector<VirtualAddress> addresses_;  // at the start
    const Effect effect_;
    Duty duty_;
    Clients clients_;
    bus::Assembler<bus::ClientList> client_pages_;
    LeaseMandate mandate_;
    std::string page_trouble_;
    BootTime house_;  // when it is kept next
    BootTime beat_;   // when the watchdog is told next that this is alive
    std::uint64_t beats_ = 0;
    BootTime farewell_ = kNever;  // when the program ends at the latest
    UniqueFd only_;
    net::Mailbox<Task> tasks_;
    std::unique_ptr<Holder> holder_;
    std::unique_ptr<ipc::Client> bus_;
};

}  // namespace pgpool::vip
