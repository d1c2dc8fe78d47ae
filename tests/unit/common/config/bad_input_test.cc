// SPDX-License-Identifier: PostgreSQL
// Every message that a wrong file can bring, with its exact text.
#include <gtest/gtest.h>

#include "common/config/parser.h"

namespace pgpool::config {
namespace {

// A file that is right but for what a case puts behind it.
constexpr std::string_view kNodes = "nodes: [{name: n1, host: h1}, {name: n2, host: h2}]\n";

struct Case {
    std::string text;
    std::string expected;  // all errors, one per line
};

std::string errors_of(const std::string& text) {
    const ParseOutcome outcome = parse(text, "f");
    EXPECT_NE(outcome.config.has_value(), !outcome.errors.empty());
    std::string lines;
    for (const ConfigError& error : outcome.errors) lines += (lines.empty() ? "" : "\n") + to_string(error);
    return lines;
}

void check(std::initializer_list<Case> cases, std::string_view before) {
    for (const Case& item : cases)
        EXPECT_EQ(errors_of(std::string(before) + item.text), item.expected) << item.text;
}

TEST(BadInput, Syntax) {
    check(
        {
            {"", "f:1:1: nodes: at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}"},
            {"# only a comment\n",
             "f:1:1: nodes: at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}"},
            {"~\n", "f:1:1: nodes: at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}"},
            {"just text\n", "f:1:1: a single value where a map of parameters is expected"},
            {"- a list\n", "f:1:1: a list where a map of parameters is expected"},
            {"nodes: [\n", "f:2:1: not YAML: end of sequence flow not found"},
            {"nodes: [{name: n1, host: h1}\npool: 3\n", "f:2:1: not YAML: end of sequence flow not found"},
            {"a: b: c\n", "f:1:5: not YAML: illegal map value"},
            {"pool:\n\tsize: 3\n", "f:2:1: a tab in the indentation; use blanks"},
            {"pool:\n  size: 3\n \tmode: auto\n", "f:3:2: a tab in the indentation; use blanks"},
            {"nodes: \"open\n", "f:2:1: a quote that is not closed"},
            {"pool:\n  size: 3\n mode: auto\n", "f:3:2: not YAML: end of map not found"},
            {"{a: 1]\n", "f:1:6: not YAML: illegal flow end"},
            {"a: &x\n",
             "f:1:1: a: unknown parameter\n"
             "f:1:1: nodes: at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}"},
            {"a: *x\n", "f:1:4: not YAML: the referenced anchor is not defined"},
            {"&a [*a]\n", "f:1:5: an alias inside of what it names"},
            {"nodes: &n [{name: *n}]\n", "f:1:19: an alias inside of what it names"},
            {"pool: !custom {size: 3}\n", "f:1:7: tags are not supported"},
            {"pool: {size: !int 3}\n", "f:1:14: tags are not supported"},
            {"%YAML 9.0\n---\npool: {}\n", "f:1:1: not YAML: YAML major version too large"},
            {"pool: {size: 3}\n---\npool: {size: 4}\n", "f:3:1: a second document; the file must hold one"},
            {"pool: {size: 3}\n--- 4\n", "f:2:5: a second document; the file must hold one"},
            {"pool: \001\n", "f:1:7: a control character"},
            {"pool: \177\n", "f:1:7: a control character"},
            {"[[[[[[[[[[[[[[[[[[[[\n", "f:1:9: nested more than 16 levels deep"},
            {"'\n", "f:2:1: a quote that is not closed"},
        },
        "");
}

TEST(BadInput, BytesThatAreNoText) {
    check(
        {
            {"pool: caf\351\n", "f:1:10: not UTF-8"},
            {"pool: \355\240\200\n", "f:1:7: not UTF-8"},
            {std::string("\377\376p\000o\000", 6), "f:1:1: not UTF-8"},
            {std::string("pool: 3\000\n", 9), "f:1:8: a control character"},
        },
        "");
}

TEST(BadInput, KeysAndKinds) {
    check(
        {
            {"pool:\n  sizee: 3\n", "f:3:3: pool.sizee: unknown parameter; did you mean \"pool.size\"?"},
            {"pol:\n  size: 3\n", "f:2:1: pol: unknown parameter; did you mean \"pool\"?"},
            {"port: 5433\n", "f:2:1: port: unknown parameter; did you mean \"listen.port\"?"},
            {"rules: []\n", "f:2:1: rules: unknown parameter; did you mean \"routing.rules\"?"},
            {"whatever: 1\n", "f:2:1: whatever: unknown parameter"},
            {"pool: {port: 1}\n", "f:2:8: pool.port: unknown parameter; did you mean \"listen.port\"?"},
            {"pool: {unrelated_thing: 1}\n", "f:2:8: pool.unrelated_thing: unknown parameter"},
            {"poool: 1\nlimts: 2\n",
             "f:2:1: poool: unknown parameter; did you mean \"pool\"?\n"
             "f:3:1: limts: unknown parameter; did you mean \"limits\"?"},
            {"pool:\n  size: 3\n  size: 4\n", "f:4:3: pool.size: stands twice, first in line 3"},
            {"pool: {}\npool: {}\n", "f:3:1: pool: stands twice, first in line 2"},
            {"nodes: []\n", "f:2:1: nodes: stands twice, first in line 1"},
            {"pool: 3\n", "f:2:7: pool: a single value where a map of parameters is expected"},
            {"pool: [size, 3]\n", "f:2:7: pool: a list where a map of parameters is expected"},
            {"pool: {size: [3]}\n", "f:2:14: pool.size: a list where a single value is expected"},
            {"pool: {size: {a: 1}}\n", "f:2:14: pool.size: a map where a single value is expected"},
            {"listen: {addresses: {a: 1}}\n", "f:2:21: listen.addresses: a map where a list is expected"},
            {"listen: {addresses: [[a]]}\n",
             "f:2:22: listen.addresses: a list where a single value is expected"},
            {"listen: {addresses: [~]}\n",
             "f:2:22: listen.addresses: nothing where a single value is expected"},
            {"listen: {addresses: ~, port: 1}\n",
             "f:2:10: listen.addresses: empty, and listen.unix_socket_directory too: nobody could connect"},
            {"pool: {size: }\n", "f:2:8: pool.size: has no value; allowed: 1 to 100000"},
            {"pool:\n  size:\n", "f:3:3: pool.size: has no value; allowed: 1 to 100000"},
            {"health: {user: }\n", "f:2:10: health.user: has no value; write \"\" for an empty text"},
            {"? [a, b]\n: 1\n", "f:2:3: a list where the name of a parameter is expected"},
            {"pool: {~: 1}\n", "f:2:8: pool: nothing where the name of a parameter is expected"},
            {"pool: {<<: {size: 3}}\n",
             "f:2:8: pool: merge keys (<<) are not supported; write the parameters out"},
            {"pool: {\"<<\": 1}\n", "f:2:8: pool.<<: unknown parameter"},
            {"pool: {Size: 3}\n", "f:2:8: pool.Size: unknown parameter; did you mean \"pool.size\"?"},
            {"pool: {\"a\\nb\": 3}\n", "f:2:8: pool.a?b: unknown parameter"},
            {"routing: {rules: {target: any}}\n",
             "f:2:18: routing.rules: a map where a list (lines that begin with \"-\") is expected"},
            {"routing: {rules: [any]}\n",
             "f:2:19: routing.rules[0]: a single value where a map of parameters is expected"},
            {"routing: {rules: [{user: a}]}\n",
             "f:2:19: routing.rules[0].target: missing; every element needs it"},
            {"routing: {rules: [{}]}\n", "f:2:19: routing.rules[0].target: missing; every element needs it"},
            {"routing: {rules: [~]}\n", "f:2:19: routing.rules[0].target: missing; every element needs it"},
            {"routing: {rules: [{target: any, usr: a}]}\n",
             "f:2:33: routing.rules[0].usr: unknown parameter; did you mean \"user\"?"},
            {"auth: {access: [{methd: trust}]}\n",
             "f:2:18: auth.access[0].methd: unknown parameter; did you mean \"method\"?"},
            {"auth: {access: 3}\n",
             "f:2:16: auth.access: a single value where a list (lines that begin with \"-\") is expected"},
            {"admin: {\"\": 3}\n", "f:2:9: admin.\"\": unknown parameter"},
        },
        kNodes);
}

TEST(BadInput, Values) {
    check(
        {
            {"pool: {size: abc}\n", "f:2:14: pool.size: \"abc\" is not a whole number; allowed: 1 to 100000"},
            {"pool: {size: 0}\n", "f:2:14: pool.size: \"0\" is out of range; allowed: 1 to 100000"},
            {"pool: {size: -1}\n", "f:2:14: pool.size: \"-1\" is out of range; allowed: 1 to 100000"},
            {"pool: {size: 1.5}\n", "f:2:14: pool.size: \"1.5\" is not a whole number; allowed: 1 to 100000"},
            {"pool: {size: 99999999999999999999999}\n",
             "f:2:14: pool.size: \"99999999999999999999999\" is out of range; allowed: 1 to 100000"},
            {"pool: {size: \"\"}\n", "f:2:14: pool.size: \"\" is not a whole number; allowed: 1 to 100000"},
            {"pool: {size: 0x10}\n",
             "f:2:14: pool.size: \"0x10\" is not a whole number; allowed: 1 to 100000"},
            {"pool: {size: 3 apples}\n",
             "f:2:14: pool.size: \"3 apples\" is not a whole number; allowed: 1 to 100000"},
            {"listen: {port: 0}\n", "f:2:16: listen.port: \"0\" is out of range; allowed: 1 to 65535"},
            {"listen: {port: 65536}\n",
             "f:2:16: listen.port: \"65536\" is out of range; allowed: 1 to 65535"},
            {"pool: {wait_timeout: abc}\n",
             "f:2:22: pool.wait_timeout: \"abc\" is not a duration; allowed: 1ms to 1d, e.g. 500ms, 30s"},
            {"pool: {wait_timeout: 0}\n",
             "f:2:22: pool.wait_timeout: \"0\" is out of range; allowed: 1ms to 1d, e.g. 500ms, 30s"},
            {"pool: {wait_timeout: 2d}\n",
             "f:2:22: pool.wait_timeout: \"2d\" is out of range; allowed: 1ms to 1d, e.g. 500ms, 30s"},
            {"pool: {wait_timeout: 1.5s}\n",
             "f:2:22: pool.wait_timeout: \"1.5s\" is not a duration; allowed: 1ms to 1d, e.g. 500ms, 30s"},
            {"pool: {wait_timeout: 5 minutes}\n",
             "f:2:22: pool.wait_timeout: \"5 minutes\" is not a duration; allowed: 1ms to 1d, e.g. 500ms, "
             "30s"},
            {"pool: {wait_timeout: -5s}\n",
             "f:2:22: pool.wait_timeout: \"-5s\" is out of range; allowed: 1ms to 1d, e.g. 500ms, 30s"},
            {"pool: {wait_timeout: 999999999999999999d}\n",
             "f:2:22: pool.wait_timeout: \"999999999999999999d\" is out of range; allowed: 1ms to 1d, e.g. "
             "500ms, 30s"},
            {"routing: {max_lag_bytes: 16mb}\n",
             "f:2:26: routing.max_lag_bytes: \"16mb\" is not a size; allowed: 0 to 1024TB, e.g. 64kB, 16MB"},
            {"routing: {max_lag_bytes: 2000000GB}\n",
             "f:2:26: routing.max_lag_bytes: \"2000000GB\" is out of range; allowed: 0 to 1024TB, e.g. 64kB, "
             "16MB"},
            {"routing: {max_lag_bytes: lots}\n",
             "f:2:26: routing.max_lag_bytes: \"lots\" is not a size; allowed: 0 to 1024TB, e.g. 64kB, 16MB"},
            {"routing: {read_write_split: maybe}\n",
             "f:2:29: routing.read_write_split: \"maybe\" is not a boolean; allowed: on, off, true, false, "
             "yes, no"},
            {"routing: {read_write_split: 1}\n",
             "f:2:29: routing.read_write_split: \"1\" is not a boolean; allowed: on, off, true, false, yes, "
             "no"},
            {"mode: multi\n",
             "f:2:7: mode: \"multi\" is not allowed; allowed: streaming, single, replication"},
            {"mode: Streaming\n",
             "f:2:7: mode: \"Streaming\" is not allowed; allowed: streaming, single, replication"},
            {"pool: {mode: sesion}\n",
             "f:2:14: pool.mode: \"sesion\" is not allowed; allowed: auto, session, transaction"},
            {"routing: {consistency: strong}\n",
             "f:2:24: routing.consistency: \"strong\" is not allowed; allowed: eventual, session, global"},
            {"routing: {balance: query}\n",
             "f:2:20: routing.balance: \"query\" is not allowed; allowed: session, transaction, statement"},
            {"log: {level: warn}\n",
             "f:2:14: log.level: \"warn\" is not allowed; allowed: debug, info, warning, error"},
            {"auth: {access: [{method: scram}]}\n",
             "f:2:26: auth.access[0].method: \"scram\" is not allowed; allowed: trust, password, md5, "
             "scram-sha-256, reject"},
            {"health: {user: \"\"}\n", "f:2:16: health.user: must not be empty"},
            {"health: {user: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}\n",
             "f:2:16: health.user: is too long (64 bytes); allowed: at most 63 bytes"},
            {"health: {user: \"a\\x00b\"}\n", "f:2:16: health.user: holds a control character"},
            {"admin: {database: \"\"}\n", "f:2:19: admin.database: must not be empty"},
            {"admin: {users: [a, \"\"]}\n", "f:2:16: admin.users: holds an empty text"},
            {"admin: {users: [\"a\\e\"]}\n", "f:2:16: admin.users: holds a control character"},
            {"health: {password: \"secret\\x07\"}\n", "f:2:20: health.password: holds a control character"},
            {"listen: {addresses: [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, "
             "a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, "
             "a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49, a50, a51, a52, a53, "
             "a54, a55, a56, a57, a58, a59, a60, a61, a62, a63, a64]}\n",
             "f:2:21: listen.addresses: has 65 elements; allowed: 0 to 64 elements"},
            {"pool: {size: \"caf\303\251 \\x1b[1m\"}\n",
             "f:2:14: pool.size: \"caf\303\251 ?[1m\" is not a whole number; allowed: 1 to 100000"},
            {"pool: {size: "
             "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
             "yyyyy}\n",
             "f:2:14: pool.size: \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...\" is not "
             "a whole number; allowed: 1 to 100000"},
            {"listen: {unix_socket_directory: "
             "/ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd}"
             "\n",
             "f:2:33: listen.unix_socket_directory: is too long (92 bytes); allowed: at most 91 bytes"},
        },
        kNodes);
}

TEST(BadInput, Nodes) {
    check(
        {
            {"nodes:\n", "f:1:1: nodes: at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}"},
            {"nodes: []\n", "f:1:1: nodes: at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}"},
            {"nodes: [n1]\n", "f:1:9: nodes[0]: a single value where a map of parameters is expected"},
            {"nodes: [{}]\n",
             "f:1:9: nodes[0].name: missing; every element needs it\n"
             "f:1:9: nodes[0].host: missing; every element needs it"},
            {"nodes: [{name: n1}]\n", "f:1:9: nodes[0].host: missing; every element needs it"},
            {"nodes: [{host: h1}]\n", "f:1:9: nodes[0].name: missing; every element needs it"},
            {"nodes: [{name: \"\", host: \"\"}]\n",
             "f:1:16: nodes[0].name: must not be empty\n"
             "f:1:26: nodes[0].host: must not be empty"},
            {"nodes: [{name: n1, hots: h1}]\n",
             "f:1:9: nodes[0].host: missing; every element needs it\n"
             "f:1:20: nodes[0].hots: unknown parameter; did you mean \"host\"?"},
            {"nodes: [{name: n1, host: h1, port: x, weight: -1}]\n",
             "f:1:36: nodes[0].port: \"x\" is not a whole number; allowed: 1 to 65535\n"
             "f:1:47: nodes[0].weight: \"-1\" is out of range; allowed: 0 to 1000000"},
            {"nodes: [{name: n1, host: h1, weight: nan}]\n",
             "f:1:38: nodes[0].weight: \"nan\" is not a number; allowed: 0 to 1000000"},
            {"nodes: [{name: n1, host: h1, weight: 1e400}]\n",
             "f:1:38: nodes[0].weight: \"1e400\" is out of range; allowed: 0 to 1000000"},
            {"nodes: [{name: n1, host: h1, weight: heavy}]\n",
             "f:1:38: nodes[0].weight: \"heavy\" is not a number; allowed: 0 to 1000000"},
            {"nodes:\n- {name: n1, host: h1}\n- {name: n1, host: h2}\n",
             "f:3:4: nodes[1].name: a second node named \"n1\""},
            {"nodes:\n- {name: n1, host: h1}\n- {name: n2, host: h1}\n",
             "f:3:14: nodes[1].host: h1 port 5432 is already node \"n1\""},
            {"nodes: [{name: primary, host: h1}]\n",
             "f:1:10: nodes[0].name: \"primary\" is a word of routing rules; give the node another name"},
            {"nodes: [{name: \"n 1\", host: h1}]\n",
             "f:1:10: nodes[0].name: \"n 1\" is not a node name; allowed: letters, digits, \"_\", \"-\", "
             "\".\""},
            {"nodes: [{name: n1, host: \"h 1\"}]\n", "f:1:20: nodes[0].host: \"h 1\" has a blank in it"},
            {"nodes: [{name: n1, host: 127.0.0.1, port: 9999}]\n",
             "f:1:20: nodes[0].host: 127.0.0.1 port 9999 is the proxy itself (listen.addresses, "
             "listen.port)"},
            {"nodes: [{name: n1, host: /run/pg, port: 9999}]\nlisten: {unix_socket_directory: /run/pg}\n",
             "f:1:20: nodes[0].host: /run/pg port 9999 is the proxy itself (listen.addresses, listen.port)"},
            {"mode: single\nnodes:\n- {name: n1, host: h1}\n- {name: n2, host: h2}\n",
             "f:2:1: nodes: 2 nodes, but mode \"single\" takes one"},
            {"nodes: [{name: n1, host: h1, weight: 0}]\nrouting: {primary_reads: off}\n",
             "f:2:11: routing.primary_reads: off, and no node has a weight above 0: nobody would serve "
             "reads"},
            {"nodes: [{name: n0, host: h0}, {name: n1, host: h1}, {name: n2, host: h2}, {name: n3, host: "
             "h3}, {name: n4, host: h4}, {name: n5, host: h5}, {name: n6, host: h6}, {name: n7, host: h7}, "
             "{name: n8, host: h8}, {name: n9, host: h9}, {name: n10, host: h10}, {name: n11, host: h11}, "
             "{name: n12, host: h12}, {name: n13, host: h13}, {name: n14, host: h14}, {name: n15, host: "
             "h15}, {name: n16, host: h16}, {name: n17, host: h17}, {name: n18, host: h18}, {name: n19, "
             "host: h19}, {name: n20, host: h20}, {name: n21, host: h21}, {name: n22, host: h22}, {name: "
             "n23, host: h23}, {name: n24, host: h24}, {name: n25, host: h25}, {name: n26, host: h26}, "
             "{name: n27, host: h27}, {name: n28, host: h28}, {name: n29, host: h29}, {name: n30, host: "
             "h30}, {name: n31, host: h31}, {name: n32, host: h32}, {name: n33, host: h33}, {name: n34, "
             "host: h34}, {name: n35, host: h35}, {name: n36, host: h36}, {name: n37, host: h37}, {name: "
             "n38, host: h38}, {name: n39, host: h39}, {name: n40, host: h40}, {name: n41, host: h41}, "
             "{name: n42, host: h42}, {name: n43, host: h43}, {name: n44, host: h44}, {name: n45, host: "
             "h45}, {name: n46, host: h46}, {name: n47, host: h47}, {name: n48, host: h48}, {name: n49, "
             "host: h49}, {name: n50, host: h50}, {name: n51, host: h51}, {name: n52, host: h52}, {name: "
             "n53, host: h53}, {name: n54, host: h54}, {name: n55, host: h55}, {name: n56, host: h56}, "
             "{name: n57, host: h57}, {name: n58, host: h58}, {name: n59, host: h59}, {name: n60, host: "
             "h60}, {name: n61, host: h61}, {name: n62, host: h62}, {name: n63, host: h63}, {name: n64, "
             "host: h64}, {name: n65, host: h65}, {name: n66, host: h66}, {name: n67, host: h67}, {name: "
             "n68, host: h68}, {name: n69, host: h69}, {name: n70, host: h70}, {name: n71, host: h71}, "
             "{name: n72, host: h72}, {name: n73, host: h73}, {name: n74, host: h74}, {name: n75, host: "
             "h75}, {name: n76, host: h76}, {name: n77, host: h77}, {name: n78, host: h78}, {name: n79, "
             "host: h79}, {name: n80, host: h80}, {name: n81, host: h81}, {name: n82, host: h82}, {name: "
             "n83, host: h83}, {name: n84, host: h84}, {name: n85, host: h85}, {name: n86, host: h86}, "
             "{name: n87, host: h87}, {name: n88, host: h88}, {name: n89, host: h89}, {name: n90, host: "
             "h90}, {name: n91, host: h91}, {name: n92, host: h92}, {name: n93, host: h93}, {name: n94, "
             "host: h94}, {name: n95, host: h95}, {name: n96, host: h96}, {name: n97, host: h97}, {name: "
             "n98, host: h98}, {name: n99, host: h99}, {name: n100, host: h100}, {name: n101, host: h101}, "
             "{name: n102, host: h102}, {name: n103, host: h103}, {name: n104, host: h104}, {name: n105, "
             "host: h105}, {name: n106, host: h106}, {name: n107, host: h107}, {name: n108, host: h108}, "
             "{name: n109, host: h109}, {name: n110, host: h110}, {name: n111, host: h111}, {name: n112, "
             "host: h112}, {name: n113, host: h113}, {name: n114, host: h114}, {name: n115, host: h115}, "
             "{name: n116, host: h116}, {name: n117, host: h117}, {name: n118, host: h118}, {name: n119, "
             "host: h119}, {name: n120, host: h120}, {name: n121, host: h121}, {name: n122, host: h122}, "
             "{name: n123, host: h123}, {name: n124, host: h124}, {name: n125, host: h125}, {name: n126, "
             "host: h126}, {name: n127, host: h127}, {name: n128, host: h128}]\n",
             "f:1:8: nodes: has 129 elements; allowed: at most 128"},
        },
        "");
}

TEST(BadInput, BetweenParameters) {
    check(
        {
            {"pool: {size: 3, min_size: 4}\n", "f:2:17: pool.min_size: 4 is more than pool.size (3)"},
            {"pool: {min_size: 21}\n", "f:2:8: pool.min_size: 21 is more than pool.size (20)"},
            {"listen: {addresses: [a, b, a]}\n", "f:2:10: listen.addresses: \"a\" stands twice"},
            {"listen: {addresses: []}\n",
             "f:2:10: listen.addresses: empty, and listen.unix_socket_directory too: nobody could connect"},
            {"listen: {unix_socket_directory: run}\n",
             "f:2:10: listen.unix_socket_directory: \"run\" is not an absolute path"},
            {"routing: {rules: [{target: any}, {target: n3}]}\n",
             "f:2:35: routing.rules[1].target: no node is named \"n3\"; allowed: primary, standby, any, the "
             "name of a node"},
            {"routing: {read_only_functions: [f, g], write_functions: [g]}\n",
             "f:2:11: routing.read_only_functions: \"g\" is also in routing.write_functions"},
            {"vip: {addresses: [{address: vip, interface: eth0}]}\n",
             "f:2:20: vip.addresses[0].address: \"vip\" is not an address; allowed: e.g. 10.0.0.100, "
             "fd00::100"},
            {"vip: {addresses: [{address: \"fd00::1\", interface: a}, {address: \"fd00:0::1\", interface: "
             "b}]}\n",
             "f:2:56: vip.addresses[1].address: \"fd00:0::1\" stands twice"},
            {"vip: {addresses: [{address: 10.0.0.1}]}\n",
             "f:2:19: vip.addresses[0].interface: missing; every element needs it"},
            {"vip: {lifetime: 1500ms}\n",
             "f:2:7: vip.lifetime: the kernel counts lifetimes in whole seconds"},
            {"watchdog: {enabled: on}\nvip: {lifetime: 2s}\n",
             "f:3:7: vip.lifetime: the lease is too short for it, no address would ever be held; allowed: "
             "1s, "
             "with watchdog.profile wan up to 5s"},
            {"watchdog: {enabled: on, profile: wan}\nvip: {lifetime: 6s}\n",
             "f:3:7: vip.lifetime: the lease is too short for it, no address would ever be held; allowed: "
             "1s, "
             "with watchdog.profile wan up to 5s"},
            {"vip: {refresh: 501ms}\n",
             "f:2:7: vip.refresh: more than half of vip.lifetime: one late refresh would lose the addresses"},
            {"watchdog: {members: [{name: a, address: h1}, {name: a, address: h2}]}\n",
             "f:2:47: watchdog.members[1].name: a second member named \"a\""},
            {"watchdog: {members: [{name: a, address: h1}, {name: b, address: h1}]}\n",
             "f:2:56: watchdog.members[1].address: h1 is already member \"a\""},
            {"watchdog: {members: [{name: a b, address: h1}, {name: b, address: h2}]}\n",
             "f:2:23: watchdog.members[0].name: \"a b\" is not a member name; allowed: letters, digits, "
             "\"_\", "
             "\"-\", \".\""},
            {"watchdog: {members: [{name: a, address: h1}]}\n",
             "f:2:12: watchdog.members: one member alone is not listed: leave the list empty, or name the "
             "others"},
            {"watchdog: {name: c, members: [{name: a, address: h1}, {name: b, address: h2}]}\n",
             "f:2:12: watchdog.name: no member is named \"c\" in watchdog.members"},
            {"watchdog: {witness: c}\n",
             "f:2:12: watchdog.witness: there is no list of members (watchdog.members) that it could be in"},
            {"watchdog: {maximum_lag: 1MB}\n",
             "f:2:12: watchdog.maximum_lag: nothing may be lost with watchdog.durability: strict; allowed: "
             "0"},
            {"auth: {auth_query: \"SELECT 1\"}\n",
             "f:2:8: auth.auth_query: needs auth.auth_user, the role that runs it"},
            {"auth: {auth_user: u, auth_query: \"\"}\n",
             "f:2:22: auth.auth_query: empty, but auth.auth_user is set"},
            {"auth: {auth_user: u, auth_query: \"SELECT 1\"}\n",
             "f:2:22: auth.auth_query: has no $1, which stands for the user's name"},
            {"auth: {access: [{address: 10.0.0.0/33}]}\n",
             "f:2:18: auth.access[0].address: \"10.0.0.0/33\" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
            {"auth: {access: [{address: 10.0.0/8}]}\n",
             "f:2:18: auth.access[0].address: \"10.0.0/8\" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
            {"auth: {access: [{address: \"::1/129\"}]}\n",
             "f:2:18: auth.access[0].address: \"::1/129\" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
            {"auth: {access: [{address: 10.0.0.0/}]}\n",
             "f:2:18: auth.access[0].address: \"10.0.0.0/\" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
            {"auth: {access: [{address: 10.0.0.0/-1}]}\n",
             "f:2:18: auth.access[0].address: \"10.0.0.0/-1\" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
            {"auth: {access: [{address: example.org}]}\n",
             "f:2:18: auth.access[0].address: \"example.org\" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
            {"auth: {access: [{address: Local}]}\n",
             "f:2:18: auth.access[0].address: \"Local\" is not a network; allowed: e.g. 10.0.0.0/8, ::1/128, "
             "192.0.2.7, local"},
            {"auth: {access: [{address: \"10.0.0.0/8 \"}]}\n",
             "f:2:18: auth.access[0].address: \"10.0.0.0/8 \" is not a network; allowed: e.g. 10.0.0.0/8, "
             "::1/128, 192.0.2.7, local"},
        },
        kNodes);
}

}  // namespace
}  // namespace pgpool::config
