// SPDX-License-Identifier: PostgreSQL
#include "tests/component/health/postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace pgpool::test {

namespace {

namespace fs = std::filesystem;

std::string bin(std::string_view program) {
    const char* folder = std::getenv("PGPOOL_PG_BINDIR");
    return fmt::format("{}/{}", folder != nullptr ? folder : "/usr/lib/postgresql/15/bin", program);
}

int try_run(const std::string& command) {
    const std::string prefix = ::geteuid() == 0 ? "runuser -u postgres -- " : "";
    return std::system(("cd / && " + prefix + command).c_str());
}

void run(const std::string& command) {
    const int status = try_run(command);
    if (status != 0) throw std::runtime_error(fmt::format("status {} of: {}", status, command));
}

fs::path make_root() {
    std::string path = "/var/tmp/pgpool-test-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    if (::geteuid() == 0) {
        const int status = std::system(fmt::format("chown postgres {}", path).c_str());
        if (status != 0) throw std::runtime_error("cannot give " + path + " to postgres");
    }
    return path;
}

void init_cluster(const fs::path& data) {
    run(fmt::format("{} -D {} -A trust -N -U postgres --no-instructions >/dev/null 2>&1", bin("initdb"),
                    data.string()));
}

// A cluster that was never started.
class Template {
public:
    Template() { init_cluster(data()); }
    ~Template() {
        std::error_code ignored;
        fs::remove_all(root_, ignored);
    }
    Template(const Template&) = delete;
    Template& operator=(const Template&) = delete;
    [[nodiscard]] fs::path data() const { return root_ / "data"; }

private:
    fs::path root_ = make_root();
};

std::string slurp(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

bool is_free(std::uint16_t port) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

fs::path lock_folder() {
    const char* home = std::getenv("HOME");
    const fs::path caches = ::geteuid() == 0 || home == nullptr ? "/var/cache" : fs::path(home) / ".cache";
    const fs::path folder = caches / "pgpool-tests" / "ports";
    fs::create_directories(folder);
    return folder;
}

// The postmaster that pg_ctl left behind is a child of ours (subreaper). Its ghost would keep it from
// starting again: it would be taken for a running server.
void reap(int pid) {
    ::waitpid(pid, nullptr, 0);
}

// (pid, parent) of every process: /proc/pid/stat, fields 1 and 4; the name in between may hold anything.
std::vector<int> children_of(int parent) {
    std::vector<int> children;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
        const int pid = std::atoi(entry.path().filename().c_str());
        if (pid == 0) continue;
        const std::string stat = slurp(entry.path() / "stat");
        const std::size_t after_name = stat.rfind(") ");
        if (after_name == std::string::npos) continue;
        if (std::atoi(stat.c_str() + after_name + 4) == parent) children.push_back(pid);
    }
    return children;
}

}  // namespace

ReservedPort::ReservedPort() {
    constexpr std::uint16_t kFirst = 6450;
    constexpr std::uint16_t kLast = 6499;
    const fs::path folder = lock_folder();
    for (std::uint16_t port = kFirst; port <= kLast; ++port) {
        const std::string file = (folder / std::to_string(port)).string();
        UniqueFd lock(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || !is_free(port)) continue;
        number_ = port;
        lock_ = std::move(lock);
        return;
    }
    throw std::runtime_error("no free port");
}

PostgresServer::PostgresServer(std::string name, fs::path root)
    : name_(std::move(name)), root_(std::move(root)) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

PostgresServer::~PostgresServer() {
    const int pid = postmaster();
    if (pid > 0 && ::kill(pid, 0) == 0) {
        signal_all(SIGCONT);
        static_cast<void>(try_run(
            fmt::format("{} -D {} -m immediate -t 10 stop >/dev/null 2>&1", bin("pg_ctl"), data().string())));
        reap(pid);
    }
    std::error_code ignored;
    fs::remove_all(root_, ignored);
}

std::unique_ptr<PostgresServer> PostgresServer::primary(std::string name) {
    std::unique_ptr<PostgresServer> server(new PostgresServer(std::move(name), make_root()));
    static const Template pattern;
    run(fmt::format("cp -a {} {}", pattern.data().string(), server->data().string()));
    server->configure();
    server->start();
    return server;
}

std::unique_ptr<PostgresServer> PostgresServer::stranger(std::string name) {
    std::unique_ptr<PostgresServer> server(new PostgresServer(std::move(name), make_root()));
    init_cluster(server->data());
    server->configure();
    server->start();
    return server;
}

std::unique_ptr<PostgresServer> PostgresServer::standby(std::string name) const {
    std::unique_ptr<PostgresServer> server(new PostgresServer(std::move(name), make_root()));
    run(fmt::format(
        "{} -D {} -c fast -X stream -R -d 'host=127.0.0.1 port={} user=postgres application_name={}'",
        bin("pg_basebackup"), server->data().string(), port(), server->name_));
    server->configure();
    server->start();
    return server;
}

void PostgresServer::configure() const {
    std::ofstream file(data() / "postgresql.conf", std::ios::app);
    file << fmt::format("port = {}\nunix_socket_directories = '{}'\nlisten_addresses = '127.0.0.1'\n", port(),
                        root_.string());
    file << "fsync = off\nmax_connections = 20\nmax_prepared_transactions = 4\nshared_buffers = 16MB\nwal_retrieve_retry_interval = 100ms\n";
}

void PostgresServer::start() {
    const std::string log = (root_ / "log").string();
    const int status = try_run(
        fmt::format("{} -D {} -w -t 30 -l {} start >/dev/null 2>&1", bin("pg_ctl"), data().string(), log));
    if (status != 0) throw std::runtime_error("server " + name_ + " does not start:\n" + slurp(log));
}

void PostgresServer::stop() {
    const int pid = postmaster();
    run(fmt::format("{} -D {} -m fast -w -t 30 stop >/dev/null", bin("pg_ctl"), data().string()));
    reap(pid);
}

int PostgresServer::postmaster() const {
    return std::atoi(slurp(data() / "postmaster.pid").c_str());
}

void PostgresServer::kill_postmaster() const {
    const int pid = postmaster();
    ::kill(pid, SIGKILL);
    reap(pid);
}

void PostgresServer::signal_all(int signal) const {
    const int pid = postmaster();
    if (pid <= 0) return;
    ::kill(pid, signal);
    for (const int child : children_of(pid)) ::kill(child, signal);
}

void PostgresServer::promote() const {
    run(fmt::format("{} -D {} -W promote >/dev/null", bin("pg_ctl"), data().string()));
}

void PostgresServer::psql(std::string_view sql, std::string_view database) const {
    const fs::path script = root_ / "script.sql";
    std::ofstream(script) << sql;
    run(fmt::format("{} -X -q -v ON_ERROR_STOP=1 -h {} -p {} -U postgres -d {} -f {} >/dev/null", bin("psql"),
                    root_.string(), port(), database, script.string()));
}

void PostgresServer::allow_only_password(std::string_view role) const {
    const std::string rules = slurp(data() / "pg_hba.conf");
    std::ofstream(data() / "pg_hba.conf")
        << fmt::format("host all {} 127.0.0.1/32 scram-sha-256\n", role) << rules;
    psql("SELECT pg_reload_conf()");
}

config::Node PostgresServer::node() const {
    config::Node node;
    node.name = name_;
    node.host = "127.0.0.1";
    node.port = port();
    return node;
}

}  // namespace pgpool::test
