// SPDX-License-Identifier: GPL-2.0-only
#include "payload/xen/image.h"

#include "payload/xen/abi.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <tuple>

namespace xlp::xen {

namespace {

Finding bad(const elf::Object& o, const char* code, std::string why, std::string remedy = {}) {
    return bad_input(code, std::move(why), std::move(remedy), {o.name(), {}, {}, 0});
}

// xen/tools/symbols.c: symbols that nm shows in lower case (local ones) get their file's name in
// front; file, section, absolute and undefined ones are left out, and the tables' own names.
std::optional<ImageSymbol> table_entry(const elf::Symbol& s) {
    if (!s.defined() || s.type == STT_FILE || s.type == STT_SECTION || s.name.empty()
        || s.name[0] == '$' || s.name.find("_compiled.") != s.name.npos)
        return std::nullopt;
    std::string name(s.name);
    if (s.local() && !s.file.empty())
        name = fmt::format("{}#{}", s.file, s.name);
    return ImageSymbol{std::move(name), s.value, s.size, s.type, s.local()};
}

// The number that a function `return NUMBER;` returns: mov $imm32,%eax at its start, perhaps behind
// ENDBR64. xen_major_version() and xen_minor_version() of xen/common/version.c are such.
std::optional<unsigned> returned_number(const Image& image, std::string_view function) {
    auto at = image.resolve(function);
    if (!at)
        return std::nullopt;
    View code = image.bytes(*at, 9);
    if (code.size() == 9 && abi::begins_with_endbr64(code))
        code = code.subspan(4);
    if (code.size() < 5 || code[0] != 0xb8)
        return std::nullopt;
    std::uint32_t number;
    std::memcpy(&number, code.data() + 1, sizeof number);
    return number;
}

// The string that xen_extra_version() returns: lea disp32(%rip),%rax.
std::string extra_version(const Image& image) {
    auto at = image.resolve("xen_extra_version");
    if (!at)
        return {};
    for (Address start : {*at, *at + 4}) {
        View code = image.bytes(start, 7);
        if (code.size() != 7 || code[0] != 0x48 || code[1] != 0x8d || code[2] != 0x05)
            continue;
        std::int32_t displacement;
        std::memcpy(&displacement, code.data() + 3, sizeof displacement);
        std::string s;
        for (Address a = start + 7 + displacement; s.size() < 64; ++a) {
            View c = image.bytes(a, 1);
            if (c.empty() || c[0] == 0)
                break;
            s += static_cast<char>(c[0]);
        }
        return s;
    }
    return {};
}

std::optional<Version> version_of(const Image& image) {
    auto major = returned_number(image, "xen_major_version");
    auto minor = returned_number(image, "xen_minor_version");
    if (!major || !minor)
        return std::nullopt;
    const std::string text = fmt::format("{}.{}{}", *major, *minor, extra_version(image));
    if (auto v = parse_version(text))
        return v;
    return Version{*major, *minor, 0};
}

} // namespace

Result<Image> Image::from(elf::Object object, std::optional<Version> version) {
    Findings why;
    if (object.type() != ET_EXEC)
        return fail(bad(object, "image.not-linked",
                        "This is not a linked hypervisor (xen-syms is an ELF executable).",
                        "Use the xen-syms of the hypervisor that runs on the host; distributions "
                        "ship it in a debug package."));
    Image image;
    image.object_ = std::move(object);
    const elf::Object& o = image.object_;
    if (auto id = elf::build_id(o))
        image.build_id_ = std::move(*id);
    else
        why.push_back(bad(o, "image.no-build-id",
                          "The hypervisor has no build-id, so no payload can be built for it.",
                          "Xen must be linked with a build-id (CONFIG_LIVEPATCH requires it)."));
    for (const elf::Symbol& s : o.symbols())
        if (auto entry = table_entry(s))
            image.symbols_.push_back(std::move(*entry));
    if (image.symbols_.empty())
        why.push_back(bad(o, "image.no-symbols", "The file has no symbol table.",
                          "Use the unstripped xen-syms, not xen or xen.gz."));
    if (!why.empty())
        return fail(std::move(why));
    if (o.section(efi_build_id_section))
        for (const ImageSymbol& s : image.symbols_)
            image.file_names_.add(s.name);
    image.index();
    for (const elf::Section& s : o.sections())
        if (s.alloc())
            image.sections_.push_back(s);
    auto range = [&](const char* begin, const char* end) {
        auto b = image.resolve(begin), e = image.resolve(end);
        return b && e ? Range{*b, *e} : Range{};
    };
    image.text_ = range("_stext", "_etext");
    image.init_ = range("__init_begin", "__init_end");
    if (!image.text_.end)
        return fail(bad(o, "image.not-xen",
                        "The file has no _stext and _etext: it is not a Xen hypervisor.",
                        "Use the xen-syms of the hypervisor that runs on the host."));
    if (!version)
        version = version_of(image);
    if (!version)
        return fail(bad(o, "image.no-version", "The hypervisor's version cannot be determined.",
                        "Specify the version."));
    image.version_ = *version;
    // which functions are called through pointers differs by version; without IBT none is marked
    image.ibt_ = std::any_of(image.symbols_.begin(), image.symbols_.end(), [&](const auto& f) {
        return f.type == STT_FUNC && image.text_.contains(f.address)
               && abi::begins_with_endbr64(image.bytes(f.address, sizeof abi::endbr64));
    });
    return image;
}

void Image::index() {
    std::stable_sort(
        symbols_.begin(), symbols_.end(),
        [](const ImageSymbol& a, const ImageSymbol& b) { return a.address < b.address; });
    by_name_.clear();
    by_name_.reserve(symbols_.size());
    sized_.clear();
    for (std::size_t i = 0; i < symbols_.size(); ++i) {
        if (!symbols_[i].replacement)
            by_name_.emplace(symbols_[i].name, i);
        if (symbols_[i].size)
            sized_.push_back(i);
    }
}

Image Image::with(std::span<const Applied> applied) const {
    Image image(*this);
    for (const Applied& a : applied) {
        image.applied_.push_back(a.memory);
        for (const elf::Section& s : a.sections) {
            image.sections_.push_back(s);
            image.payloads_.push_back({s.address, s.address + s.size});
        }
        for (const ImageSymbol& s : a.added) {
            image.symbols_.push_back(s);
            image.added_.emplace(unmarked_name(s.name), s);
        }
        for (const Applied::Replacement& r : a.replaced) {
            image.symbols_.push_back(r.now);
            image.symbols_.back().replacement = true;
            image.replaced_.insert_or_assign(r.old_address, r.now);
        }
    }
    image.index();
    return image;
}

std::string_view unmarked_name(std::string_view symbol) {
    constexpr std::size_t digits = 8;
    if (symbol.size() <= digits + 1 || symbol[symbol.size() - digits - 1] != '~'
        || symbol.find_first_not_of("0123456789abcdef", symbol.size() - digits) != symbol.npos)
        return symbol;
    return symbol.substr(0, symbol.size() - digits - 1);
}

std::vector<const ImageSymbol*> Image::find_added(std::string_view name) const {
    std::vector<const ImageSymbol*> found;
    auto [first, last] = added_.equal_range(std::string(name));
    for (auto it = first; it != last; ++it)
        found.push_back(&it->second);
    if (found.empty()) {
        std::tie(first, last) = added_.equal_range(std::string(plain_name(name)));
        for (auto it = first; it != last; ++it)
            if (unmarked_name(it->second.name) == it->second.name) // ours have their file's name
                found.push_back(&it->second);
    }
    std::sort(found.begin(), found.end(),
              [](const ImageSymbol* a, const ImageSymbol* b) { return a->address < b->address; });
    return found;
}

const ImageSymbol* Image::replacement_of(Address function) const {
    const auto it = replaced_.find(function);
    return it == replaced_.end() ? nullptr : &it->second;
}

bool Image::in_payload(Address a) const {
    return std::any_of(payloads_.begin(), payloads_.end(),
                       [&](const Range& r) { return r.contains(a); });
}

bool Image::in_text(Address a) const {
    if (text_.contains(a))
        return true;
    const elf::Section* s = in_payload(a) ? section_at(a) : nullptr;
    return s && s->executable();
}

Result<Image> Image::read(const std::filesystem::path& path, std::optional<Version> version) {
    auto object = elf::Object::read(path);
    if (!object)
        return fail(object);
    return from(std::move(*object), version);
}

std::vector<const ImageSymbol*> Image::find(std::string_view name) const {
    std::vector<const ImageSymbol*> found;
    auto [first, last] = by_name_.equal_range(name);
    for (auto it = first; it != last; ++it)
        found.push_back(&symbols_[it->second]);
    std::sort(found.begin(), found.end()); // by address, as symbols_ is
    return found;
}

std::optional<Address> Image::resolve(std::string_view name) const {
    auto found = find(name);
    if (found.empty() || found.front()->address != found.back()->address)
        return std::nullopt;
    return found.front()->address;
}

const ImageSymbol* Image::covering(Address a) const {
    auto after = std::upper_bound(sized_.begin(), sized_.end(), a, [&](Address x, std::size_t i) {
        return x < symbols_[i].address;
    });
    // nested symbols are rare: a short way back suffices
    const ImageSymbol* best = nullptr;
    for (int steps = 0; after != sized_.begin() && steps < 16; ++steps) {
        const ImageSymbol& s = symbols_[*--after];
        if (a - s.address >= s.size)
            continue;
        if (!best || (best->type == STT_NOTYPE && s.type != STT_NOTYPE))
            best = &s;
    }
    return best;
}

const elf::Section* Image::section_at(Address a) const {
    for (const elf::Section& s : sections_)
        if (a >= s.address && a - s.address < s.size)
            return &s;
    return nullptr;
}

View Image::bytes(Address a, std::uint64_t size) const {
    const elf::Section* s = section_at(a);
    if (!s)
        return {};
    const std::uint64_t offset = a - s->address;
    if (offset > s->bytes.size() || size > s->bytes.size() - offset)
        return {};
    return s->bytes.subspan(offset, size);
}

} // namespace xlp::xen
