// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/vacancies.h"

#include <algorithm>
#include <utility>

#include "proxy/session/shared.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

void VacatedDatabases::add(const std::string& database) {
    const std::lock_guard lock(mutex_);
    ++wishes_[database];
    ++count_;
}

void VacatedDatabases::remove(const std::string& database) {
    const std::lock_guard lock(mutex_);
    const auto at = wishes_.find(database);
    if (--at->second == 0) wishes_.erase(at);
    --count_;
}

bool VacatedDatabases::has(const std::string& database) const {
    if (count_.load(std::memory_order_acquire) == 0) return false;
    const std::lock_guard lock(mutex_);
    return wishes_.contains(database);
}

std::shared_ptr<AskedVacancy> AskedVacancy::ask(Worker& home, std::uint64_t client,
                                                const sql::DatabaseUse& use) {
    auto vacancy = std::make_shared<AskedVacancy>(home, client, use);
    vacancy->ask_workers(false);
    return vacancy;
}

AskedVacancy::AskedVacancy(Worker& home, std::uint64_t client, sql::DatabaseUse use)
    : shared_(home.shared()), home_(home.index()), client_(client), use_(std::move(use)) {
    shared_.vacated.add(use_.emptied);
}

AskedVacancy::~AskedVacancy() {
    for (const std::string& name : {use_.emptied, use_.made}) {
        if (name.empty()) continue;
        shared_.databases.changed(name, SteadyClock::now());
        if (shared_.catalogs) shared_.catalogs->ddl_seen(name);
    }
    shared_.vacated.remove(use_.emptied);
}

exec::Vacancy::State AskedVacancy::state() const {
    const std::lock_guard lock(mutex_);
    if (awaited_ > 0) return State::Asked;
    if (!found_.users.empty()) return State::InUse;
    return found_.are_leaving ? State::Leaving : State::Vacant;
}

std::vector<std::string> AskedVacancy::users() const {
    const std::lock_guard lock(mutex_);
    return found_.users;
}

void AskedVacancy::ask_workers(bool ends_clients) {
    {
        const std::lock_guard lock(mutex_);
        awaited_ = shared_.worker_count;
        found_ = {};
    }
    for (std::uint32_t worker = 0; worker < shared_.worker_count; ++worker) {
        shared_.post_to_worker(worker, [self = shared_from_this(), worker, ends_clients] {
            self->add(
                Worker::of(self->shared_, worker).vacate(self->use_.emptied, self->client_, ends_clients));
        });
    }
}

void AskedVacancy::add(const Occupants& part) {
    {
        const std::lock_guard lock(mutex_);
        std::vector<std::string>& users = found_.users;
        for (const std::string& user : part.users) {
            if (std::find(users.begin(), users.end(), user) == users.end()) users.push_back(user);
        }
        found_.are_leaving |= part.are_leaving;
        if (--awaited_ > 0) return;
    }
    shared_.post_to_worker(home_, [&shared = shared_, home = home_, client = client_] {
        Worker::of(shared, home).tell_news(client);
    });
}

}  // namespace pgpool::session
