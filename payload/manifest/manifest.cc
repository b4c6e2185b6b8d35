// SPDX-License-Identifier: GPL-2.0-only
#include "payload/manifest/manifest.h"

#include "payload/base/file.h"

#include "payload/base/bytes.h"
#include "payload/base/hash.h"
#include "payload/base/json.h"
#include "payload/elf/note.h"
#include "payload/manifest/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <openssl/sha.h>
#include <sstream>

namespace xlp::manifest {
namespace {

using Json = nlohmann::ordered_json;

std::string id_in(const elf::Object& object, std::string_view section) {
    const elf::Section* s = object.section(section);
    auto id = s ? elf::build_id_of_note(s->bytes) : std::nullopt;
    return id ? hex(*id) : "";
}

Finding mismatch(const std::string& origin, const char* what, const std::string& manifest,
                 const std::string& payload) {
    return refusal(
        "manifest.mismatch",
        fmt::format(
            "The manifest is for another payload: {} is {} in the manifest and {} in the payload.",
            what, manifest.empty() ? "absent" : manifest, payload.empty() ? "absent" : payload),
        "Download the payload and its manifest again, together.", {origin, {}, {}, 0});
}

std::vector<std::string> words(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> list;
    for (std::string w; in >> w;)
        list.push_back(w);
    return list;
}

} // namespace

std::string sha256_hex(View bytes) {
    Bytes digest(SHA256_DIGEST_LENGTH);
    SHA256(bytes.data(), bytes.size(), digest.data());
    return hex(digest);
}

std::filesystem::path manifest_path(std::filesystem::path payload) {
    return payload += ".json";
}

Json to_json(const Manifest& m) {
    Json inputs = Json::array();
    for (const Input& i : m.inputs)
        inputs.push_back({{"role", i.role}, {"file", i.file}, {"sha256", i.sha256}});
    Json j = {{"schema", schema},
              {"name", m.name},
              {"title", m.title},
              {"payload",
               {{"file", m.file},
                {"sha256", m.sha256},
                {"size", m.size},
                {"build_id", m.build_id},
                {"depends", m.depends}}},
              {"xen", {{"build_id", m.xen_build_id}, {"version", m.xen_version}}},
              {"advisories", m.advisories},
              {"cves", m.cves},
              {"supersedes", m.supersedes},
              {"functions", m.functions},
              {"inputs", inputs},
              {"tool", {{"name", m.tool}, {"version", m.tool_version}}}};
    if (!m.partial.empty())
        j["partial"] = m.partial;
    return j;
}

std::string to_text(const Manifest& m) {
    return to_json(m).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> describe(View payload, const std::string& file) {
    auto object = elf::Object::parse({payload.begin(), payload.end()}, file);
    if (!object)
        return fail(object);
    return describe(*object, sha256_hex(payload), payload.size(), file);
}

Result<Manifest> describe_file(const std::filesystem::path& payload) {
    auto bytes = read_file(payload);
    return bytes ? describe(*bytes, payload.filename().string()) : fail(bytes);
}

Result<Manifest> describe(const elf::Object& object, const std::string& sha256, std::uint64_t size,
                          const std::string& file) {
    Manifest m;
    m.file = std::filesystem::path(file).filename();
    m.name = std::filesystem::path(file).stem();
    if (const elf::Section* s = object.section(".modinfo"))
        read_modinfo(m, {reinterpret_cast<const char*>(s->bytes.data()), s->bytes.size()});
    m.sha256 = sha256;
    m.size = size;
    m.build_id = id_in(object, ".note.gnu.build-id");
    m.depends = id_in(object, ".livepatch.depends");
    m.xen_build_id = id_in(object, ".livepatch.xen_depends");
    if (m.build_id.empty() || m.depends.empty())
        return fail(bad_input("manifest.no-payload",
                              "This is an object file, but not a live-patch payload: it has no "
                              "build-id, or does not name the build-id that it depends on.",
                              "Use a payload built by `xlp-build payload'.", {file, {}, {}, 0}));
    for (ReplacedFunction& f : replaced_functions(object))
        m.functions.push_back(std::move(f.name));
    return m;
}

Findings compare(const Manifest& m, View payload, const std::string& origin) {
    auto is = describe(payload, origin);
    return is ? compare(m, *is, origin) : is.error();
}

Findings compare(const Manifest& m, const Manifest& itself, const std::string& origin) {
    Findings f;
    const auto check = [&](const char* what, const std::string& manifest, const std::string& here) {
        if (manifest != here)
            f.push_back(mismatch(origin, what, manifest, here));
    };
    check("the SHA-256", m.sha256, itself.sha256);
    check("the size", std::to_string(m.size), std::to_string(itself.size));
    check("the build-id", m.build_id, itself.build_id);
    check("what it depends on", m.depends, itself.depends);
    check("the hypervisor's build-id", m.xen_build_id, itself.xen_build_id);
    return f;
}

std::vector<std::pair<std::string, std::string>> modinfo(const Manifest& m) {
    std::vector<std::pair<std::string, std::string>> pairs;
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty())
            pairs.emplace_back(key, value);
    };
    add("name", m.name);
    add("title", m.title);
    add("advisories", fmt::format("{}", fmt::join(m.advisories, " ")));
    add("partial", fmt::format("{}", fmt::join(m.partial, " ")));
    add("cves", fmt::format("{}", fmt::join(m.cves, " ")));
    add("supersedes", fmt::format("{}", fmt::join(m.supersedes, " ")));
    add("built-by", m.tool.empty() ? "" : m.tool + " " + m.tool_version);
    return pairs;
}

void read_modinfo(Manifest& m, std::string_view metadata) {
    while (!metadata.empty()) {
        const std::string_view line = metadata.substr(0, metadata.find('\0'));
        metadata.remove_prefix(std::min(line.size() + 1, metadata.size()));
        const std::size_t equals = line.find('=');
        if (equals == line.npos)
            continue;
        const std::string_view key = line.substr(0, equals);
        const std::string value(line.substr(equals + 1));
        if (key == "name")
            m.name = value;
        else if (key == "title")
            m.title = value;
        else if (key == "advisories")
            m.advisories = words(value);
        else if (key == "partial")
            m.partial = words(value);
        else if (key == "cves")
            m.cves = words(value);
        else if (key == "supersedes")
            m.supersedes = words(value);
        else if (key == "built-by") {
            m.tool = value.substr(0, value.find(' '));
            m.tool_version = value.substr(std::min(m.tool.size() + 1, value.size()));
        }
    }
}

} // namespace xlp::manifest
