// SPDX-License-Identifier: GPL-2.0-only
// The model of Xen's loader, for a version that the first byte chooses, alone and on top of the
// sample.
#include "load_fake_xen.h"
#include "payload/load/report.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace {

using namespace xlp;

constexpr xen::Version versions[] = {{4, 14, 0}, {4, 14, 5}, {4, 16, 4}, {4, 17, 0}, {4, 17, 5},
                                     {4, 18, 0}, {4, 19, 0}, {4, 20, 0}, {4, 22, 0}};

const xen::Image& image() {
    static const xen::Image image = load::FakeXen().image({4, 17, 5});
    return image;
}

const load::Loaded& below() {
    static const auto loaded = [] {
        load::Options o;
        o.name = "below";
        const auto sample = sample::bytes_of(
            sample::make({load::FakeXen::build_id(), "old_function", 64, "second_function", 32}));
        return load::load(sample, image(), o).loaded;
    }();
    return *loaded;
}

void check(const load::Verdict& v) {
    // an answer that is not `accepted' comes with its reason
    const bool accepted = v.upload.outcome == load::Outcome::accepted;
    if (!accepted && !has_errors(v.findings))
        std::abort();
    if ((v.upload.outcome == load::Outcome::refused) != (v.upload.error < 0))
        std::abort();
    if (v.loaded->memory.size() > load::max_modelled_memory + 4096 * 3)
        std::abort();
    if (load::to_json(v).empty() || load::to_lines(v).empty())
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (!size)
        return 0;
    load::Options options;
    options.version = versions[data[0] % std::size(versions)];
    if (data[0] & 0x80)
        options.below = {&below()};
    check(load::load({data + 1, size - 1}, image(), options));
    return 0;
}
