// SPDX-License-Identifier: PostgreSQL
// Which files of a home folder libpq opens while it connects to a server that offers TLS. No server is
// needed: they are read before a handshake, so one that says yes to TLS and hangs up is enough.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/pg/libpq.h"

namespace pgpool::pg {
namespace {

class Greeter {
public:
    Greeter() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(socket_.get(), 8) != 0 ||
            ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
            throw std::runtime_error("no socket to listen at");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    Greeter(const Greeter&) = delete;
    Greeter& operator=(const Greeter&) = delete;
    ~Greeter() {
        ::shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    void serve() const {
        while (true) {
            const UniqueFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!client.valid()) return;
            std::array<char, 8> request{};
            if (::recv(client.get(), request.data(), request.size(), MSG_WAITALL) > 0)
                static_cast<void>(::send(client.get(), "S", 1, MSG_NOSIGNAL));
        }
    }

    UniqueFd socket_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

class HomeFilesTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "pgpool-home-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
        home_ = pattern;
        std::filesystem::create_directory(home_ / ".postgresql");
        for (const char* name : {".pgpass", ".postgresql/root.crt", ".postgresql/root.crl",
                                 ".postgresql/postgresql.crt", ".postgresql/postgresql.key"}) {
            std::ofstream(home_ / name) << "# nothing\n";
            std::filesystem::permissions(home_ / name, std::filesystem::perms::owner_read);
        }
        ::setenv("HOME", home_.c_str(), 1);
        opened_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
        for (const auto& folder : {home_, home_ / ".postgresql"})
            ASSERT_GE(::inotify_add_watch(opened_.get(), folder.c_str(), IN_OPEN), 0);
    }
    void TearDown() override { std::filesystem::remove_all(home_); }

    [[nodiscard]] std::string home() const { return home_.string(); }
    // Names of what was opened, by a connect that comes to its end.
    std::set<std::string> opened_by(HomeFiles files) {
        const Greeter server;
        ConnectParams params;
        params.host = "127.0.0.1";
        params.port = server.port();
        params.user = "postgres";
        params.database = "postgres";
        const auto connection = start_connection(params, "127.0.0.1", files);
        PostgresPollingStatusType state = PGRES_POLLING_WRITING;
        const TimePoint end = SteadyClock::now() + seconds(20);
        while (::PQstatus(connection.get()) != CONNECTION_BAD && state != PGRES_POLLING_FAILED) {
            pollfd ready{::PQsocket(connection.get()),
                         static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
            ::poll(&ready, 1, 1000);
            if (SteadyClock::now() > end) throw std::runtime_error("it does not end");
            state = ::PQconnectPoll(connection.get());
        }
        return take_opened();
    }

private:
    std::set<std::string> take_opened() const {
        std::set<std::string> names;
        alignas(inotify_event) std::array<char, 4096> buffer{};
        const ssize_t size = ::read(opened_.get(), buffer.data(), buffer.size());
        for (ssize_t at = 0; at < size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
            if (event->len > 0) names.insert(event->name);
            at += static_cast<ssize_t>(sizeof *event + event->len);
        }
        return names;
    }

    std::filesystem::path home_;
    UniqueFd opened_;
};

TEST_F(HomeFilesTest, AreReadUnlessTheyAreIgnored) {
    const auto read = opened_by(HomeFiles::Read);
    EXPECT_TRUE(read.contains(".pgpass") && read.contains("root.crt")) << "else this test sees nothing";
    EXPECT_EQ(opened_by(HomeFiles::Ignored), std::set<std::string>());
}

TEST_F(HomeFilesTest, NoVariableOfTheEnvironmentBringsThemBack) {
    ::setenv("PGPASSFILE", (home() + "/.pgpass").c_str(), 1);
    ::setenv("PGSSLROOTCERT", (home() + "/.postgresql/root.crt").c_str(), 1);
    ::setenv("PGSSLMODE", "verify-ca", 1);
    EXPECT_EQ(opened_by(HomeFiles::Ignored), std::set<std::string>());
    for (const char* name : {"PGPASSFILE", "PGSSLROOTCERT", "PGSSLMODE"}) ::unsetenv(name);
}

}  // namespace
}  // namespace pgpool::pg
