// SPDX-License-Identifier: GPL-2.0-only
// Reads the members of our JSON documents.
#pragma once

#include "payload/base/bytes.h"
#include "payload/base/json.h"
#include "payload/base/result.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace xlp::manifest {

// Collects what is wrong, so that all of it is said at once.
class Reader {
public:
    Reader(std::string origin, std::string code, std::string remedy)
        : origin_(std::move(origin)), code_(std::move(code)), remedy_(std::move(remedy)) {}

    std::string text(const Json& j, const char* key, bool needed = false) {
        const Json* v = member(j, key, needed);
        if (v && !v->is_string())
            wrong(fmt::format("`{}' is not a string.", key));
        return v && v->is_string() ? v->get<std::string>() : std::string();
    }

    std::string hex(const Json& j, const char* key, bool needed) {
        std::string s = text(j, key, needed);
        if (!s.empty() && !from_hex(s))
            wrong(fmt::format("`{}' is not hexadecimal.", key));
        if (s.empty() && needed)
            wrong(fmt::format("`{}' is empty.", key));
        return s;
    }

    std::vector<std::string> list(const Json& j, const char* key) {
        std::vector<std::string> out;
        const Json* v = member(j, key, false);
        if (!v)
            return out;
        if (!v->is_array()) {
            wrong(fmt::format("`{}' is not a list.", key));
            return out;
        }
        for (const Json& e : *v)
            if (e.is_string())
                out.push_back(e);
            else
                wrong(fmt::format("`{}' holds something that is not a string.", key));
        return out;
    }

    const Json& object(const Json& j, const char* key) {
        static const Json empty = Json::object();
        const Json* v = member(j, key, true);
        if (v && !v->is_object())
            wrong(fmt::format("`{}' is not an object.", key));
        return v && v->is_object() ? *v : empty;
    }

    std::uint64_t number(const Json& j, const char* key) {
        const Json* v = member(j, key, true);
        if (v && !v->is_number_unsigned())
            wrong(fmt::format("`{}' is not a whole number.", key));
        return v && v->is_number_unsigned() ? v->get<std::uint64_t>() : 0;
    }

    void wrong(std::string why) {
        findings_.push_back(bad_input(code_, std::move(why), remedy_, {origin_, {}, {}, 0}));
    }

    const Findings& findings() const { return findings_; }

private:
    const Json* member(const Json& j, const char* key, bool needed) {
        auto it = j.find(key);
        if (it == j.end() && needed)
            wrong(fmt::format("`{}' is missing.", key));
        return it == j.end() ? nullptr : &*it;
    }

    std::string origin_, code_, remedy_;
    Findings findings_;
};

} // namespace xlp::manifest
