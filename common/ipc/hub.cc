// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/hub.h"

#include <future>
#include <memory>

#include "common/ipc/service.h"

namespace pgpool::ipc {

Hub::Hub(HubOptions options, HubHandler& handler) {
    std::promise<Service*> opened;
    auto service = opened.get_future();
    thread_ = std::thread([this, &opened, options = std::move(options), &handler] {
        std::unique_ptr<Service> own;
        try {
            own = std::make_unique<Service>(options, handler, counters_);
        } catch (...) {
            opened.set_exception(std::current_exception());
            return;
        }
        opened.set_value(own.get());
        may_run_.acquire();
        own->run();
    });
    try {
        service_ = service.get();
    } catch (...) {
        thread_.join();
        throw;
    }
}

Hub::~Hub() {
    may_run_.release();
    service_->post([service = service_] { service->stop(); });
    thread_.join();
}

void Hub::start() {
    may_run_.release();
}

Result<void> Hub::send(ClientId client, const bus::Message& message) {
    auto frame = to_frame(message);
    if (!frame) return tl::unexpected(std::move(frame.error()));
    service_->post([service = service_, client, frame = *std::move(frame)] { service->send(client, frame); });
    return {};
}

Result<void> Hub::broadcast(const bus::Message& message) {
    auto frame = to_frame(message);
    if (!frame) return tl::unexpected(std::move(frame.error()));
    service_->post([service = service_, frame = *std::move(frame)] { service->broadcast(frame); });
    return {};
}

void Hub::disconnect(ClientId client, std::string reason) {
    service_->post(
        [service = service_, client, reason = std::move(reason)] { service->disconnect(client, reason); });
}

}  // namespace pgpool::ipc
