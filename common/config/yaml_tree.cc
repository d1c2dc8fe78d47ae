// SPDX-License-Identifier: PostgreSQL
#include "common/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "common/base/utf8.h"

namespace pgpool::config {

namespace {

// Leaves yaml-cpp's parser from within an event; caught in read_yaml.
struct Stop {
    YamlError error;
};

Place place_of(const YAML::Mark& mark) {
    // yaml-cpp counts from 0; a mark without place has -1.
    return {mark.line < 0 ? 1 : mark.line + 1, mark.column < 0 ? 1 : mark.column + 1};
}

class TreeBuilder final : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add({YamlNode::Kind::Null, place_of(mark), false, {}, {}}, anchor);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        check_tag(mark, tag);
        // yaml-cpp gives a quoted scalar without tag the tag "!".
        add({YamlNode::Kind::Scalar, place_of(mark), tag == "!", value, {}}, anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw Stop{{place_of(mark), "an alias to an unknown anchor"}};
        if (open_anchors_.contains(anchor)) throw Stop{{place_of(mark), "an alias inside of what it names"}};
        attach(found->second);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(YamlNode::Kind::List, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(YamlNode::Kind::Map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

    [[nodiscard]] YamlTree take() {
        if (tree_.nodes.empty()) tree_.nodes.push_back({YamlNode::Kind::Null, {1, 1}, false, {}, {}});
        return std::move(tree_);
    }

private:
    struct Open {
        std::size_t index;
        YAML::anchor_t anchor;
    };

    static void check_tag(const YAML::Mark& mark, const std::string& tag) {
        const bool is_core = tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:");
        if (!is_core) throw Stop{{place_of(mark), "tags are not supported"}};
    }

    std::size_t add(YamlNode node, YAML::anchor_t anchor) {
        const std::size_t index = tree_.nodes.size();
        tree_.nodes.push_back(std::move(node));
        if (anchor != 0) anchors_[anchor] = index;
        attach(index);
        return index;
    }

    void attach(std::size_t index) {
        if (!open_.empty()) tree_.nodes[open_.back().index].items.push_back(index);
    }

    void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        check_tag(mark, tag);
        if (open_.size() >= kMaxDepth) {
            throw Stop{{place_of(mark), fmt::format("nested more than {} levels deep", kMaxDepth)}};
        }
        open_.push_back({add({kind, place_of(mark), false, {}, {}}, anchor), anchor});
        if (anchor != 0) open_anchors_.insert(anchor);
    }

    void close() {
        open_anchors_.erase(open_.back().anchor);
        open_.pop_back();
    }

    YamlTree tree_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, std::size_t> anchors_;
    std::set<YAML::anchor_t> open_anchors_;
};

// Walks over the bytes and knows where it is.
class Scan {
public:
    explicit Scan(std::string_view text) : rest_(text) {}

    // What yaml-cpp would misread: it takes 0x04 for the end, does not check UTF-8 and takes tabs for blanks
    // in some places only.
    std::optional<YamlError> run() {
        if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
        while (!rest_.empty()) {
            if (is_indentation_ && rest_.front() == '\t' && !is_blank_line()) {
                return error("a tab in the indentation; use blanks");
            }
            const std::size_t length = utf8_character(rest_);
            if (length == 0) return error("not UTF-8");
            if (length == 1 && is_control(rest_.front())) return error("a control character");
            step(length);
        }
        return std::nullopt;
    }

private:
    static bool is_control(char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t' && c != '\r') || byte == 0x7F;
    }

    [[nodiscard]] std::optional<YamlError> error(std::string message) const {
        return YamlError{place_, std::move(message)};
    }

    // Nothing more than blanks or a comment.
    [[nodiscard]] bool is_blank_line() const {
        const std::size_t first = rest_.find_first_not_of(" \t\r");
        return first == std::string_view::npos || rest_[first] == '\n' || rest_[first] == '#';
    }

    void step(std::size_t length) {
        const char c = rest_.front();
        is_indentation_ = c == '\n' || (is_indentation_ && (c == ' ' || c == '\t'));
        place_ = c == '\n' ? Place{place_.line + 1, 1} : Place{place_.line, place_.column + 1};
        rest_.remove_prefix(length);
    }

    std::string_view rest_;
    Place place_{1, 1};
    bool is_indentation_ = true;
};

// yaml-cpp takes the end of the text for the closing quote. A document's end inside of quotes it refuses.
std::string with_document_end(std::string_view text) {
    std::string ended(text);
    if (!ended.empty() && ended.back() != '\n') ended += '\n';
    return ended + "...\n";
}

std::string message_of(const YAML::Exception& exception) {
    if (exception.msg == YAML::ErrorMsg::DOC_IN_SCALAR) return "a quote that is not closed";
    return "not YAML: " + exception.msg;
}

YamlTree parse(std::string_view text) {
    std::istringstream stream{with_document_end(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    parser.HandleNextDocument(builder);
    YamlTree tree = builder.take();
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
        throw Stop{{second.take()[0].place, "a second document; the file must hold one"}};
    }
    return tree;
}

}  // namespace

tl::expected<YamlTree, YamlError> read_yaml(std::string_view text) {
    if (text.size() > kMaxFileBytes) {
        return tl::unexpected(YamlError{{}, fmt::format("larger than {} bytes", kMaxFileBytes)});
    }
    if (std::optional<YamlError> error = Scan(text).run()) return tl::unexpected(std::move(*error));
    try {
        return parse(text);
    } catch (const Stop& stop) {
        return tl::unexpected(stop.error);
    } catch (const YAML::Exception& exception) {
        return tl::unexpected(YamlError{place_of(exception.mark), message_of(exception)});
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& exception) {
        // yaml-cpp lets errors of the standard library through, e.g. of a number in an escape.
        return tl::unexpected(YamlError{{}, fmt::format("not YAML: {}", exception.what())});
    }
}

}  // namespace pgpool::config
