// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/tables.h"

#include "payload/base/bytes.h"
#include "payload/xen/abi.h"
#include "payload/xen/contract.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace xlp::match {

namespace {

using namespace xen::abi;

template <class T>
T load(View bytes, std::size_t at) {
    T v;
    std::memcpy(&v, bytes.data() + at, sizeof v);
    return v;
}

// A table between two symbols of the linker script.
struct Span {
    Address begin = 0;
    View bytes;
    std::size_t count(std::size_t entry) const { return bytes.size() / entry; }
    // A field that holds its target's distance from itself.
    Address relative(std::size_t at) const {
        return begin + at + static_cast<Address>(std::int64_t{load<std::int32_t>(bytes, at)});
    }
};

Span between(const xen::Image& image, std::string_view begin, std::string_view end) {
    const auto b = image.resolve(begin), e = image.resolve(end);
    if (!b || !e || *e < *b)
        return {};
    return {*b, image.bytes(*b, *e - *b)};
}

void read_alternatives(const xen::Image& image, Tables& t) {
    const Span table = between(image, "__alt_instructions", "__alt_instructions_end");
    const bool padded = xen::has(image.version(), xen::Feature::long_alternatives);
    const std::size_t size = padded ? sizeof(xen::abi::Alternative) : alternative_size_old;
    for (std::size_t n = 0; n < table.count(size); ++n) {
        const std::size_t at = n * size;
        const Address original = table.relative(at), replacement = table.relative(at + 4);
        const unsigned pad =
            padded ? table.bytes[at + offsetof(xen::abi::Alternative, pad_len)] : 0;
        Alternative a;
        a.original = {original, original + table.bytes[at + 10] + pad};
        a.replacement = {replacement, replacement + table.bytes[at + 11]};
        a.feature = load<std::uint16_t>(table.bytes, at + 8);
        t.alternatives.push_back(a);
    }
    std::stable_sort(
        t.alternatives.begin(), t.alternatives.end(),
        [](const auto& x, const auto& y) { return x.original.begin < y.original.begin; });
}

void read_alt_calls(const xen::Image& image, Tables& t) {
    const Span table = between(image, "__alt_call_sites_start", "__alt_call_sites_end");
    for (std::size_t n = 0; n < table.count(alternative_call_size); ++n) {
        const Address site = table.relative(n * alternative_call_size);
        t.alt_calls.push_back({site, site + alternative_call_code});
    }
    std::sort(t.alt_calls.begin(), t.alt_calls.end(),
              [](const Range& x, const Range& y) { return x.begin < y.begin; });
}

void read_sealed(const xen::Image& image, Tables& t) {
    const Span table = between(image, "__initdata_cf_clobber_start", "__initdata_cf_clobber_end");
    for (std::size_t n = 0; n < table.count(8); ++n) {
        const auto target = load<Address>(table.bytes, n * 8);
        if (image.text().contains(target) && has_endbr(image, target))
            t.sealed.push_back(target);
    }
    std::sort(t.sealed.begin(), t.sealed.end());
    t.sealed.erase(std::unique(t.sealed.begin(), t.sealed.end()), t.sealed.end());
}

void read_exceptions(const xen::Image& image, Tables& t) {
    for (const char* name : {"ex_table", "pre_ex_table"}) {
        const Span table =
            between(image, fmt::format("__start___{}", name), fmt::format("__stop___{}", name));
        for (std::size_t n = 0; n < table.count(8); ++n)
            t.exceptions.push_back({table.relative(n * 8), table.relative(n * 8 + 4)});
    }
}

void read_bug_frames(const xen::Image& image, Tables& t) {
    for (unsigned kind = 0; kind < 4; ++kind) {
        // up to 4.19 the tables share their borders and the first has no number
        Span table = between(image, fmt::format("__start_bug_frames_{}", kind),
                             fmt::format("__stop_bug_frames_{}", kind));
        if (!table.begin)
            table = between(image,
                            kind ? fmt::format("__stop_bug_frames_{}", kind - 1)
                                 : std::string("__start_bug_frames"),
                            fmt::format("__stop_bug_frames_{}", kind));
        const std::size_t size = kind == assert_frame ? assert_frame_size : bug_frame_size;
        for (std::size_t n = 0; n < table.count(size); ++n) {
            // 24 bits of distance below seven bits of line number
            const auto word = load<std::uint32_t>(table.bytes, n * size);
            const std::int64_t distance = static_cast<std::int32_t>(word << 8) >> 8;
            t.bug_frames.push_back(table.begin + n * size + static_cast<Address>(distance));
        }
    }
    std::sort(t.bug_frames.begin(), t.bug_frames.end());
}

} // namespace

bool has_endbr(const xen::Image& image, Address a) {
    return begins_with_endbr64(image.bytes(a, sizeof endbr64));
}

Tables Tables::read(const xen::Image& image) {
    Tables t;
    read_alternatives(image, t);
    read_alt_calls(image, t);
    read_sealed(image, t);
    read_exceptions(image, t);
    read_bug_frames(image, t);
    t.rewritten = t.alt_calls;
    for (const Alternative& a : t.alternatives)
        if (a.original.end > a.original.begin)
            t.rewritten.push_back(a.original);
    for (Address a : t.sealed)
        t.rewritten.push_back({a, a + sizeof endbr64});
    std::sort(t.rewritten.begin(), t.rewritten.end(),
              [](const Range& x, const Range& y) { return x.begin < y.begin; });
    return t;
}

} // namespace xlp::match
