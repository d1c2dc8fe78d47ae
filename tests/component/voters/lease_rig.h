// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the tests of the lease sessions share: members as lease threads that are waited for, the links between
// them, and their files in a folder that is gone with the rig.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/page/lease_page_reader.h"
#include "watchdog/voters/lease_thread.h"

namespace pgpool::voters {

inline constexpr std::size_t kMembers = 2;

// A question has twice the default time: a busy machine must not look like a dead one.
[[nodiscard]] lease::Parameters test_parameters();

[[nodiscard]] pg::ConnectParams login_at(std::uint16_t port, std::string user = "postgres");

// A value of one row, by a session of its own as superuser.
[[nodiscard]] std::string query(std::uint16_t port, const std::string& sql);
[[nodiscard]] std::uint64_t recorded_at(std::uint16_t port);

class TemporaryFolder {
public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Settings of a member whose files are in the folder.
[[nodiscard]] Settings settings_of(const std::filesystem::path& folder, std::uint16_t member,
                                   const std::vector<std::uint16_t>& ports);

// Where members of one process meet.
class Meeting {
public:
    void join(lease::VoterId who, LeaseThread& thread);
    void leave(lease::VoterId who);
    void send(lease::VoterId from, lease::VoterId to, std::string bytes);

private:
    std::mutex mutex_;
    std::map<lease::VoterId, LeaseThread*> present_;
};

class Member : public MemberLink {
public:
    Member(const Settings& settings, Meeting& meeting);
    ~Member() override;

    [[nodiscard]] LeaseThread& thread() { return *thread_; }
    [[nodiscard]] const page::LeasePageReader& page() const { return page_; }
    void send(lease::VoterId to, std::string bytes) noexcept override;

    // The next report of this kind that fits; throws std::runtime_error with all reports if none comes in
    // time.
    template <typename What>
    What wait_for(const std::function<bool(const What&)>& fits = [](const What&) { return true; }) {
        std::optional<What> found;
        wait_until([&](const Report& report) {
            const What* what = std::get_if<What>(&report);
            if (what == nullptr || !fits(*what)) return false;
            found = *what;
            return true;
        });
        return *found;
    }
    // How many of this kind were looked at so far.
    template <typename What>
    [[nodiscard]] std::size_t count() const {
        std::size_t sum = 0;
        for (const Report& report : looked_at_) sum += std::holds_alternative<What>(report) ? 1 : 0;
        return sum;
    }
    [[nodiscard]] CommandOutcome run(lease::VoterId node, Command command);

private:
    void wait_until(const std::function<bool(const Report&)>& fits);
    [[nodiscard]] std::string history() const;

    lease::VoterId self_;
    Meeting& meeting_;
    page::LeasePageReader page_;
    std::vector<Report> waiting_;  // taken, not looked at
    std::vector<Report> looked_at_;
    std::unique_ptr<LeaseThread> thread_;
};

}  // namespace pgpool::voters
