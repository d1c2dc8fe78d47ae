// SPDX-License-Identifier: PostgreSQL
#include "watchdog/store/record_file.h"

#include <fmt/core.h>

#include <charconv>

#include "common/files/durable_file.h"

namespace pgpool::store {

namespace {

constexpr std::string_view kHead = "pgpool cluster 1\n";

std::string head_of(const group::Record& record) {
    return fmt::format("{}stamp {} {} bytes {}\n", kHead, record.stamp.epoch, record.stamp.revision,
                       record.text.size());
}

// The number that stands there after the word.
std::uint64_t take_number(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) return 0;
    text.remove_prefix(word.size());
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc() ? value : 0;
}

}  // namespace

Error unreadable(const std::filesystem::path& path, std::string why) {
    return {.message = fmt::format("{}: what this member knows of the cluster cannot be read: {}",
                                   path.string(), why),
            .sqlstate = sqlstate::kSystemError,
            .hint =
                "Remove it if another member is up, it has the same. Otherwise restore it: without it "
                "nobody knows which node was the primary, and which are out of service."};
}

Result<group::Record> load_record(const std::filesystem::path& path) {
    auto text = read_whole(path);
    if (!text) return tl::unexpected(unreadable(path, text.error().message));
    if (!*text) return group::Record{};
    std::string_view rest = **text;
    group::Record record;
    if (rest.starts_with(kHead)) rest.remove_prefix(kHead.size());
    record.stamp.epoch = take_number(rest, "stamp ");
    record.stamp.revision = take_number(rest, " ");
    static_cast<void>(take_number(rest, " bytes "));
    if (rest.starts_with('\n')) record.text = rest.substr(1);
    // What does not come out the same was cut short, edited or written by another version.
    if (head_of(record) + record.text != **text)
        return tl::unexpected(unreadable(path, "it is not as it was written"));
    return record;
}

std::optional<Error> save_record(const std::filesystem::path& path, const group::Record& record) {
    return write_durably(path, head_of(record) + record.text);
}

}  // namespace pgpool::store
