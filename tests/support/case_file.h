// SPDX-License-Identifier: PostgreSQL
#pragma once

// Table-driven tests in text files: each case is some lines of input, a line "----", the lines of output that
// are expected, and an empty line. Lines with "#" in front, before the input, are comments. With
// PGPOOL_UPDATE=1 in the environment the file is written anew with the outputs as they are; look at the
// difference before committing it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace pgpool::testing {

struct Case {
    std::string comment;  // with "#" and line ends
    std::string input;    // without the last line end
    std::string output;   // every line with its end
    int line = 0;
};

inline std::vector<Case> read_cases(const std::string& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file.good()) << path;
    std::vector<Case> cases;
    Case current;
    bool in_output = false;
    int number = 0;
    const auto finish = [&] {
        if (!current.input.empty()) cases.push_back(current);
        current = {};
        in_output = false;
    };
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (line.empty()) {
            finish();
        } else if (line == "----") {
            in_output = true;
        } else if (in_output) {
            current.output += line + "\n";
        } else if (current.input.empty() && line.front() == '#') {
            current.comment += line + "\n";
        } else {
            if (current.input.empty()) current.line = number;
            current.input += (current.input.empty() ? "" : "\n") + line;
        }
    }
    finish();
    return cases;
}

inline void write_cases(const std::string& path, const std::vector<Case>& cases) {
    std::ofstream file(path);
    for (const Case& item : cases) {
        file << item.comment << item.input << "\n----\n" << item.output << "\n";
    }
    EXPECT_TRUE(file.good()) << path;
}

// Runs every case of the file; returns how many there are.
inline std::size_t run_cases(const std::string& path,
                             const std::function<std::string(const std::string&)>& subject) {
    std::vector<Case> cases = read_cases(path);
    const bool update = std::getenv("PGPOOL_UPDATE") != nullptr;
    for (Case& item : cases) {
        const std::string output = subject(item.input);
        if (!update) {
            EXPECT_EQ(item.output, output) << path << ":" << item.line << ": " << item.input;
        }
        item.output = output;
    }
    if (update) write_cases(path, cases);
    return cases.size();
}

}  // namespace pgpool::testing
