// SPDX-License-Identifier: GPL-2.0-only
#include "payload/manifest/index.h"

#include "payload/base/json.h"
#include "payload/manifest/reader.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace xlp::manifest {
namespace {

using Kind = Answer::Kind;

constexpr Kind kinds[] = {Kind::in_build, Kind::payload, Kind::not_concerned, Kind::reboot};

std::optional<Kind> kind_of(const std::string& word) {
    for (Kind k : kinds)
        if (word == to_string(k))
            return k;
    return std::nullopt;
}

// "2027-01-31T00:00:00Z": of this form, texts compare as times do.
bool is_time(const std::string& s) {
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:ddZ";
    return s.size() == form.size()
           && std::equal(s.begin(), s.end(), form.begin(),
                         [](char c, char f) { return f == 'd' ? c >= '0' && c <= '9' : c == f; });
}

Answer read_answer(Reader& r, const Json& j) {
    Answer a;
    a.advisory = r.text(j, "advisory", true);
    a.cves = r.list(j, "cves");
    const std::string word = r.text(j, "answer", true);
    const auto kind = kind_of(word);
    if (!kind) {
        r.wrong(fmt::format("`{}' is not a valid answer for {}.", word, a.advisory));
        return a;
    }
    a.kind = *kind;
    if (a.kind == Kind::payload) {
        const Json& p = r.object(j, "payload");
        a.sha256 = r.hex(p, "sha256", true);
        a.build_id = r.hex(p, "build_id", true);
        a.name = r.text(p, "name");
    }
    a.why = r.text(j, "why", a.kind == Kind::not_concerned);
    a.version = r.text(j, "version", a.kind == Kind::reboot);
    return a;
}

std::vector<Answer> read_answers(Reader& r, const Json& j) {
    std::vector<Answer> answers;
    const auto list = j.find("advisories");
    if (list == j.end() || !list->is_array()) {
        r.wrong("`advisories' is not a list.");
        return answers;
    }
    std::set<std::string> seen;
    for (const Json& e : *list) {
        if (!e.is_object()) {
            r.wrong("`advisories' holds something that is not an object.");
            continue;
        }
        answers.push_back(read_answer(r, e));
        if (!seen.insert(answers.back().advisory).second)
            r.wrong(fmt::format("{} has two answers.", answers.back().advisory));
    }
    return answers;
}

} // namespace

const char* to_string(Kind k) {
    switch (k) {
    case Kind::in_build:
        return "in-build";
    case Kind::payload:
        return "payload";
    case Kind::not_concerned:
        return "not-concerned";
    case Kind::reboot:
        break;
    }
    return "reboot";
}

const Answer* Index::find(const std::string& advisory) const {
    auto it = std::find_if(answers.begin(), answers.end(),
                           [&](const Answer& a) { return a.advisory == advisory; });
    return it == answers.end() ? nullptr : &*it;
}

bool Index::revokes(const std::string& sha256) const {
    return std::find(revoked.begin(), revoked.end(), sha256) != revoked.end();
}

Json to_json(const Index& i) {
    Json answers = Json::array();
    for (const Answer& a : i.answers) {
        Json j = {{"advisory", a.advisory}, {"cves", a.cves}, {"answer", to_string(a.kind)}};
        if (a.kind == Kind::payload)
            j["payload"] = {{"sha256", a.sha256}, {"build_id", a.build_id}, {"name", a.name}};
        if (!a.why.empty())
            j["why"] = a.why;
        if (!a.version.empty())
            j["version"] = a.version;
        answers.push_back(std::move(j));
    }
    return {{"schema", index_schema},
            {"xen", {{"build_id", i.xen_build_id}, {"version", i.xen_version}}},
            {"serial", i.serial},
            {"minimum_serial", i.minimum_serial},
            {"valid_until", i.valid_until},
            {"revoked", i.revoked},
            {"advisories", answers}};
}

std::string to_text(const Index& i) {
    return to_json(i).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Index> parse_index(std::string_view text, const std::string& origin) {
    const Where at{origin, {}, {}, 0};
    const char* const remedy = "docs/index.md has the schema.";
    if (text.size() > max_index_size)
        return fail(bad_input("index.size", "The index is larger than 4 MiB.", {}, at));
    const Json j = Json::parse(text, nullptr, false);
    if (!j.is_object())
        return fail(bad_input("index.malformed", "The index is not a JSON object.", remedy, at));
    Reader r(origin, "index.malformed", remedy);
    const std::string version = r.text(j, "schema", true);
    if (version != index_schema)
        return fail(bad_input(
            "index.schema",
            fmt::format("The index's schema is `{}'; this tool reads `{}'.", version, index_schema),
            "Use the release of xlp that wrote it.", at));
    Index i;
    const Json& xen = r.object(j, "xen");
    i.xen_build_id = r.hex(xen, "build_id", true);
    i.xen_version = r.text(xen, "version");
    i.serial = r.number(j, "serial");
    i.minimum_serial = j.contains("minimum_serial") ? r.number(j, "minimum_serial") : 0;
    i.valid_until = r.text(j, "valid_until", true);
    if (!is_time(i.valid_until))
        r.wrong("`valid_until' is not a time of the form 2027-01-31T00:00:00Z.");
    i.revoked = r.list(j, "revoked");
    i.answers = read_answers(r, j);
    if (has_errors(r.findings()))
        return fail(r.findings());
    return i;
}

} // namespace xlp::manifest
