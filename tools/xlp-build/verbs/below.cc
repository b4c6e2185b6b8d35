// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/below.h"

#include "payload/base/file.h"

#include <fmt/format.h>

namespace xlp::build {

namespace fs = std::filesystem;
namespace po = cli::po;

namespace {

using Strings = std::vector<std::string>;

struct Given {
    fs::path payload;
    std::vector<fs::path> patches;
};

Given split(const std::string& option) {
    std::error_code error;
    const std::size_t equals = fs::exists(option, error) ? option.npos : option.find('=');
    Given given{option.substr(0, equals), {}};
    for (std::size_t at = equals; at != option.npos;) {
        const std::size_t comma = option.find(',', at + 1);
        given.patches.emplace_back(option.substr(at + 1, comma - at - 1));
        at = comma;
    }
    return given;
}

Result<manifest::Manifest> manifest_of(const fs::path& payload) {
    const fs::path file = manifest::manifest_path(payload);
    std::error_code error;
    if (!fs::exists(file, error))
        return manifest::Manifest{};
    auto text = read_text(file);
    if (!text)
        return fail(text);
    return manifest::parse(*text, file.string());
}

// The patch that a manifest names, by its hash.
Result<fs::path> find_patch(const manifest::Input& patch, const fs::path& payload,
                            const fs::path& folder) {
    fs::path other;
    for (const fs::path& at : {payload.parent_path() / patch.file, folder / patch.file}) {
        std::error_code error;
        if (!fs::exists(at, error))
            continue;
        auto bytes = read_file(at);
        if (!bytes)
            return fail(bytes);
        if (manifest::sha256_hex(*bytes) == patch.sha256)
            return at;
        other = at;
    }
    const std::string remedy =
        fmt::format("Specify it: --below {}=PATCH.", payload.filename().string());
    if (!other.empty())
        return fail(bad_input("below.other-patch",
                              fmt::format("The payload was built from a different {}.", patch.file),
                              remedy, {.file = other.string()}));
    return fail(bad_input("below.no-patch",
                          fmt::format("The payload was built from {}, which is neither next to it "
                                      "nor next to the new patches.",
                                      patch.file),
                          remedy, {.file = payload.string()}));
}

Result<void> find_patches(Given& given, const manifest::Manifest& m, const fs::path& folder) {
    for (const manifest::Input& i : m.inputs) {
        if (i.role != "patch")
            continue;
        auto found = find_patch(i, given.payload, folder);
        if (!found)
            return fail(found);
        given.patches.push_back(std::move(*found));
    }
    if (given.patches.empty())
        return fail(bad_input(
            "below.no-patch",
            "There is no manifest next to the payload to say which patch it was built from.",
            fmt::format("Specify it: --below {}=PATCH.", given.payload.filename().string()),
            {.file = given.payload.string()}));
    return {};
}

Result<Below> read(const po::variables_map& vm, const fs::path* folder) {
    Below below;
    if (!vm.count("below"))
        return below;
    if (vm.count("depends"))
        return fail(wrong_usage("--below and --depends exclude each other: the payload depends on "
                                "the topmost --below."));
    for (const std::string& option : vm["below"].as<Strings>()) {
        Given given = split(option);
        auto bytes = read_file(given.payload);
        if (!bytes)
            return fail(bytes);
        auto about = manifest_of(given.payload);
        if (!about)
            return fail(about);
        if (folder && given.patches.empty())
            if (auto ok = find_patches(given, *about, *folder); !ok)
                return fail(ok);
        if (!about->partial.empty())
            below.findings.push_back(warning("below.partial",
                                             "This payload is a partial fix. A payload built on "
                                             "top of it assumes that what it leaves out is fixed.",
                                             {}, {.file = given.payload.string()}));
        below.inputs.push_back(
            {"below", given.payload.filename().string(), manifest::sha256_hex(*bytes)});
        below.payloads.push_back({pipeline::upload_name(given.payload), std::move(*bytes)});
        below.patches.insert(below.patches.end(), given.patches.begin(), given.patches.end());
    }
    return below;
}

} // namespace

void add_below_option(po::options_description& options) {
    options.add_options()("below", po::value<Strings>()->value_name("PAYLOAD[=PATCH,...]"),
                          "a payload that is already applied (repeatable, from the bottom up), "
                          "with its patches if its manifest does not name them");
}

Result<Below> read_below(const po::variables_map& vm, const fs::path& folder) {
    return read(vm, &folder);
}

Result<Below> read_below(const po::variables_map& vm) {
    return read(vm, nullptr);
}

} // namespace xlp::build
