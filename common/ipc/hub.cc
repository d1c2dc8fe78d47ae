// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/hub.h"

#include <future>

#include "common/ipc/service.h"

namespace pgpool::ipc {

Hub::Hub(HubOptions options, HubHandler& handler) {
    std::promise<Service*> started;
    auto service = started.get_future();
    thread_ = std::thread([this, &started, options = std::move(options), &handler] {
        std::unique_ptr<Service> own;
        try {
            own = std::make_unique<Service>(options, handler, counters_);
        } catch (...) {
            started.set_exception(std::current_exception());
            return;
        }
        Service& running = *own;
        started.set_value(&running);
        running.run();
    });
    try {
        service_ = service.get();
    } catch (...) {
        thread_.join();
        throw;
    }
}

Hub::~Hub() {
    service_->post([service = service_] { service->stop(); });
    thread_.join();
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
