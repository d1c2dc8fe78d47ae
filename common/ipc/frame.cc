// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/frame.h"

#include <fmt/core.h>
#include <qb/qbipc_common.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace pgpool::ipc {

namespace {
static_assert(kFrameHeader == sizeof(qb_ipc_response_header));
static_assert(offsetof(qb_ipc_request_header, size) == offsetof(qb_ipc_response_header, size));

constexpr std::size_t kInstanceLimit = 32;  // libqb cuts names of sockets at 107 bytes

bool is_name_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}
}  // namespace

Result<Frame> to_frame(const bus::Message& message) {
    const auto bytes = bus::encode(message);
    if (!bytes) return tl::unexpected(bytes.error());
    qb_ipc_response_header header{};
    header.id = QB_IPC_MSG_USER_START;
    header.size = static_cast<std::int32_t>(kFrameHeader + bytes->size());
    std::string frame(reinterpret_cast<const char*>(&header), kFrameHeader);
    frame += *bytes;
    return std::make_shared<const std::string>(std::move(frame));
}

bool is_frame(ByteView head, std::size_t size) {
    if (size < kFrameHeader || size > kFrameLimit || head.size() < sizeof(qb_ipc_request_header))
        return false;
    qb_ipc_request_header header{};
    std::memcpy(&header, head.data(), sizeof header);
    return header.id >= QB_IPC_MSG_USER_START && header.size >= 0 &&
           static_cast<std::size_t>(header.size) == size;
}

ByteView message_in(ByteView frame) {
    return frame.substr(kFrameHeader);
}

Result<std::string> service_name(std::string_view instance) {
    if (instance.empty() || instance.size() > kInstanceLimit ||
        !std::all_of(instance.begin(), instance.end(), is_name_character)) {
        return fail(sqlstate::kConfigFileError,
                    fmt::format("instance '{}': 1 to {} letters, digits, '_', '-' or '.' are allowed",
                                instance, kInstanceLimit));
    }
    return fmt::format("pgpool-bus.{}", instance);
}

}  // namespace pgpool::ipc
