// SPDX-License-Identifier: PostgreSQL
#pragma once

// WorkerTest: one worker with its thread, and one client connected to it, who is trusted.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/net/socket.h"
#include "common/wire/encoder.h"
#include "common/wire/startup.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

class WorkerTest : public testing::Test {
protected:
    using Parameters = std::vector<std::pair<std::string, std::string>>;

    WorkerTest()
        : shared_([this](const config::Node&, TimePoint) { return addresses_; }),
          worker_(shared_, 0, config(), trusting()) {
        shared_.worker_count = 1;
        shared_.post_to_worker = [this](std::uint32_t, std::function<void()> task) {
            worker_.run_on(std::move(task));
        };
        UniqueFd listener = listen_at(address_of("127.0.0.1", 0));
        client_ = net::start_connect(net::local_address(listener.get())).value();
        worker_.listen(std::move(listener));
    }
    ~WorkerTest() override { stop(); }

    static config::ConfigPtr config() {
        config::Config config;
        config.admin.users = {"amy"};
        return std::make_shared<const config::Config>(std::move(config));
    }
    static AuthTablesPtr trusting() {
        auto tables = std::make_shared<AuthTables>();
        config::AccessRule rule;
        rule.method = config::AuthMethod::Trust;
        tables->access = auth::AccessList::compile({rule}).value();
        return tables;
    }
    static net::Address address_of(const char* host, std::uint16_t port) {
        return net::resolve(host, port).value().front();
    }
    static UniqueFd listen_at(const net::Address& address) {
        return net::listen_on(address, 10, net::ReusePort::No).value();
    }

    void start(const Parameters& startup) {
        thread_ = std::thread([this] { worker_.run(); });
        std::string packet;
        wire::append_startup(packet, startup);
        tell(packet);
    }
    void stop() {
        worker_.stop();
        if (thread_.joinable()) thread_.join();
    }
    void ask(std::string_view sql) {
        std::string query;
        wire::append_query(query, sql);
        tell(query);
    }
    void tell(const std::string& bytes) {
        for (int i = 0; i < 1000 && net::transmit(client_.get(), bytes).count != bytes.size(); ++i)
            std::this_thread::sleep_for(milliseconds(1));
    }
    std::string heard_until_ready() {
        std::string heard;
        const std::string ready("Z\0\0\0\5I", 6);
        for (int i = 0; i < 10'000 && !heard.ends_with(ready); ++i) {
            char bytes[4096];
            const net::IoResult got = net::receive(client_.get(), bytes, sizeof bytes);
            heard.append(bytes, got.count);
            if (got.count == 0) std::this_thread::sleep_for(milliseconds(1));
        }
        return heard;
    }

    std::vector<net::Address> addresses_;  // what the name of every node resolves to
    Shared shared_;
    Worker worker_;
    UniqueFd client_;
    std::thread thread_;
};

}  // namespace pgpool::session
