// SPDX-License-Identifier: GPL-2.0-only
// Two passes: compare() judges an atom at an assumed address and changes nothing but a memory of
// verdicts; bind() then writes down where the nameless things are that matching atoms refer to.
#include "payload/match/match.h"

#include "payload/base/bytes.h"
#include "payload/disasm/disasm.h"
#include "payload/match/contrast.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <unordered_map>

namespace xlp::match {

using atom::Atom;
using atom::AtomId;
using atom::Reference;

namespace {

constexpr unsigned max_depth = 64;             // of nameless contents that refer to each other
constexpr std::size_t max_differences = 8;     // kept for an atom
constexpr std::size_t max_string_shown = 60;   // bytes
constexpr std::uint64_t longest_string = 4096; // that a string of the image may have

std::int64_t read_field(View bytes, std::size_t at, std::size_t width, bool is_signed) {
    std::uint64_t v = 0;
    std::memcpy(&v, bytes.data() + at, width);
    if (width == 1)
        return static_cast<std::int8_t>(v);
    return width == 4 && is_signed ? static_cast<std::int32_t>(v) : static_cast<std::int64_t>(v);
}

bool is_relative(std::uint32_t type) {
    return type != R_X86_64_64 && type != R_X86_64_32 && type != R_X86_64_32S;
}

std::string hex(View bytes) {
    std::string s;
    for (std::uint8_t b : bytes.first(std::min<std::size_t>(bytes.size(), 8)))
        s += fmt::format("{}{:02x}", s.empty() ? "" : " ", b);
    return s;
}

std::string quoted(View bytes) {
    std::string s = "\"";
    for (std::uint8_t b : bytes) {
        if (!b)
            break;
        if (s.size() > max_string_shown)
            return s + "...\"";
        s += b >= ' ' && b < 0x7f ? static_cast<char>(b) : '.';
    }
    return s + '"';
}

// The string that begins at an address, with its end; nothing where none begins.
std::optional<View> string_at(const xen::Image& image, Address a) {
    const elf::Section* s = image.section_at(a);
    if (!s || a - s->address >= s->bytes.size())
        return std::nullopt;
    const std::size_t at = a - s->address;
    if (at && s->bytes[at] && s->bytes[at - 1])
        return std::nullopt; // in the middle of one
    View rest = s->bytes.subspan(at);
    rest = rest.first(std::min(rest.size(), longest_string));
    const auto end = std::find(rest.begin(), rest.end(), 0);
    if (end == rest.end())
        return std::nullopt;
    for (auto it = rest.begin(); it != end; ++it)
        if ((*it < ' ' && *it != '\n' && *it != '\t' && *it != '\r') || *it == 0x7f)
            return std::nullopt;
    return rest.first(static_cast<std::size_t>(end - rest.begin()) + 1);
}

} // namespace

class Matcher {
public:
    Matcher(const atom::Module& m, const xen::Image& i) : m_(m), image_(i) {}
    Match run();

private:
    struct Verdict {
        State state = State::matched;
        std::vector<Difference> different;
    };

    void find_names();
    void match_named(const Atom&);
    Verdict judge(const Atom&, const xen::ImageSymbol&);
    Verdict compare(const Atom&, Address base, unsigned depth);
    State contents(const Atom& nameless, Address base, unsigned depth);
    State piece(const Atom&, Address base, std::int64_t delta, Difference&);
    State reference(const Atom&, const Reference&, View linked, Address base, unsigned depth,
                    Difference&);
    void compare_bytes(const Atom&, View linked, Verdict&);
    bool means(const Reference&, Address target) const;
    bool means_section(std::string_view section, Address target) const;
    void bind(const Atom&, Address base, unsigned depth);
    std::string meaning(const Reference&) const;
    std::string place(Address) const;
    std::uint64_t symbol_size(const Atom&) const;

    const atom::Module& m_;
    const xen::Image& image_;
    disasm::Disassembler disassembler_;
    std::vector<std::vector<const xen::ImageSymbol*>> names_;   // candidates by atom
    std::map<std::pair<AtomId, Address>, State> verdicts_;      // of nameless contents
    std::unordered_map<std::string_view, std::uint64_t> sizes_; // of symbols, by name
    std::vector<AtomMatch> result_;
};

std::string_view text(State s) {
    static constexpr std::array<std::string_view, 8> names = {
        "not compared", "matched",      "strings differ", "line numbers differ",
        "missing",      "size differs", "bytes differ",   "reference differs"};
    return names[static_cast<std::size_t>(s)];
}

std::optional<Address> place_meant(const Reference& r, View linked, Address base) {
    if (r.offset > linked.size() || r.width() > linked.size() - r.offset)
        return std::nullopt;
    const std::int64_t value = read_field(linked, r.offset, r.width(), r.type != R_X86_64_32);
    if (!is_relative(r.type))
        return static_cast<Address>(value);
    return base + r.offset + static_cast<Address>(value) - static_cast<Address>(r.bias);
}

std::vector<const xen::ImageSymbol*> candidates(const atom::Module& m, const Atom& a,
                                                const xen::Image& image) {
    auto found = image.find(a.xen_name());
    for (const xen::ImageSymbol* added : image.find_added(a.xen_name()))
        found.push_back(added); // also the cold part of what a payload replaced
    for (auto alias = a.aliases.begin(); found.empty() && alias != a.aliases.end(); ++alias) {
        found = image.find(*alias);
        if (found.empty() && !a.file.empty())
            found = image.find(fmt::format("{}#{}", a.file, *alias));
    }
    if (found.empty() && !a.global && a.file.empty()) {
        // GNU ld invents a file symbol of the object's name for objects that have none
        const std::string_view object = m.object().name();
        const std::string_view base = object.substr(object.rfind('/') + 1);
        found = image.find(fmt::format("{}#{}", base, a.name));
    }
    return found;
}

void Matcher::find_names() {
    names_.resize(m_.atoms().size());
    for (const Atom& a : m_.atoms())
        if (!a.anonymous())
            names_[a.id] = candidates(m_, a, image_);
    for (const elf::Symbol& s : m_.object().symbols())
        if (s.defined() && s.size)
            sizes_.try_emplace(s.name, s.size);
}

// The atom's own size ends where the next begins, and may hold pieces behind the symbol's end.
std::uint64_t Matcher::symbol_size(const Atom& a) const {
    auto it = sizes_.find(a.name);
    return it == sizes_.end() ? 0 : it->second;
}

std::string Matcher::place(Address a) const {
    const xen::ImageSymbol* s = image_.covering(a);
    if (!s)
        return fmt::format("{:#x}", a);
    return a == s->address ? s->name : fmt::format("{}+{:#x}", s->name, a - s->address);
}

std::string Matcher::meaning(const Reference& r) const {
    std::string name = r.atom == atom::no_atom ? std::string(r.external) : m_.atom(r.atom).label();
    if (r.delta)
        name += fmt::format("{}{:#x}", r.delta < 0 ? "-" : "+",
                            r.delta < 0 ? -static_cast<std::uint64_t>(r.delta)
                                        : static_cast<std::uint64_t>(r.delta));
    return name;
}

bool Matcher::means(const Reference& r, Address target) const {
    auto is_target = [&](const xen::ImageSymbol* s) {
        const xen::ImageSymbol* now = image_.replacement_of(s->address);
        return s->address == target || (now && now->address == target);
    };
    if (r.atom != atom::no_atom)
        return std::any_of(names_[r.atom].begin(), names_[r.atom].end(), is_target);
    auto symbols = image_.find(r.external);
    for (const xen::ImageSymbol* added : image_.find_added(r.external))
        symbols.push_back(added);
    if (!symbols.empty())
        return std::any_of(symbols.begin(), symbols.end(), is_target);
    if (means_section(r.external, target))
        return true;
    // absolute symbols (of the linker script) are not in Xen's table
    for (const elf::Symbol& s : image_.object().symbols())
        if (s.section == SHN_ABS && s.name == r.external)
            return s.value == target;
    return false;
}

// Places in arrays like .data.paramhypfs, and places before the start of a section, have no atom;
// the section lies where its symbols say.
bool Matcher::means_section(std::string_view section, Address target) const {
    const elf::Section* home = m_.object().section(section);
    if (!home)
        return false;
    for (const elf::Symbol& s : m_.object().symbols()) {
        if (s.section != home->index || s.name.empty() || s.type == STT_SECTION)
            continue;
        const std::string_view file = image_.file_name(s.file);
        const std::string name =
            s.local() && !file.empty() ? fmt::format("{}#{}", file, s.name) : std::string(s.name);
        for (const xen::ImageSymbol* found : image_.find(name))
            if (found->address - s.value == target)
                return true;
    }
    return false;
}

// One string or literal of a mergeable section: the linker places each by itself, so `base` is
// right for the piece at `delta` only.
State Matcher::piece(const Atom& a, Address base, std::int64_t delta, Difference& d) {
    const elf::Section& home = m_.object().sections()[a.section];
    const std::uint64_t unit = std::max<std::uint64_t>(home.entsize, 1);
    std::uint64_t begin = delta > 0 && static_cast<std::uint64_t>(delta) < a.size
                              ? static_cast<std::uint64_t>(delta)
                              : 0;
    std::uint64_t end = std::min(begin - begin % unit + unit, a.size);
    if (home.strings())
        while (end < a.size && a.bytes[end - 1])
            ++end; // wide strings end at the zero of their last unit's last byte: good enough here
    else
        begin -= begin % unit;
    const View ours = a.bytes.subspan(begin, end - begin);
    const View linked = image_.bytes(base + begin, ours.size());
    if (linked.size() == ours.size() && std::equal(linked.begin(), linked.end(), ours.begin()))
        return State::matched;
    const auto other = string_at(image_, base + begin);
    if (!home.strings() || !other || image_.in_text(base + begin)) {
        d.actual = place(base + begin);
        return State::reference_differs;
    }
    d.expected = quoted(ours);
    d.actual = quoted(*other);
    return State::string_differs;
}

// Nameless contents at an address. While a pair is being judged it counts as equal, so that
// contents which refer to each other come to an end.
State Matcher::contents(const Atom& a, Address base, unsigned depth) {
    if (a.zero)
        return image_.section_at(base) ? State::matched : State::reference_differs;
    if (depth > max_depth)
        return State::reference_differs;
    auto [it, fresh] = verdicts_.try_emplace({a.id, base}, State::matched);
    if (fresh) {
        const State s = compare(a, base, depth + 1).state;
        verdicts_[{a.id, base}] = s;
        return s;
    }
    return it->second;
}

State Matcher::reference(const Atom& a, const Reference& r, View linked, Address base,
                         unsigned depth, Difference& d) {
    d.offset = r.offset;
    d.expected = meaning(r);
    const auto meant = place_meant(r, linked, base);
    if (!meant)
        return State::bytes_differ;
    d.actual = place(*meant);
    const Address target = *meant - static_cast<Address>(r.delta);
    if (r.atom == atom::no_atom)
        return means(r, target) ? State::matched : State::reference_differs;
    const Atom& to = m_.atom(r.atom);
    if (!names_[to.id].empty() || to.id == a.id) {
        if (to.id == a.id ? target == base : means(r, target))
            return State::matched;
        // a payload may carry a constant of its own
        if (to.section_class != xen::SectionClass::constant || !image_.in_payload(target))
            return State::reference_differs;
    }
    if (m_.object().sections()[to.section].mergeable())
        return piece(to, target, r.delta, d);
    const State s = contents(to, target, depth);
    return same(s) ? s : State::reference_differs;
}

void Matcher::compare_bytes(const Atom& a, View linked, Verdict& v) {
    std::size_t at = 0;
    auto until = [&](std::size_t end) {
        for (end = std::min<std::size_t>(end, a.bytes.size()); at < end; ++at)
            if (a.bytes[at] != linked[at]) {
                v.state = State::bytes_differ;
                if (v.different.size() < max_differences)
                    v.different.push_back({static_cast<std::uint32_t>(at), hex(a.bytes.subspan(at)),
                                           hex(linked.subspan(at))});
                return;
            }
    };
    for (const Reference& r : a.references) {
        until(r.offset);
        at = std::max<std::size_t>(at, r.offset + r.width());
    }
    until(a.bytes.size());
}

Matcher::Verdict Matcher::compare(const Atom& a, Address base, unsigned depth) {
    Verdict v;
    const View linked = image_.bytes(base, a.bytes.size());
    if (linked.size() != a.bytes.size()) {
        v.state = State::bytes_differ;
        v.different.push_back({0, fmt::format("{} bytes", a.bytes.size()), "nothing"});
        return v;
    }
    compare_bytes(a, linked, v);
    if (v.state == State::bytes_differ) {
        if (!xen::is_code(a.section_class)
            || !only_line_numbers(contrast(with_fields_of(a, linked), linked, base, disassembler_)))
            return v;
        v.state = State::line_differs;
    }
    for (const Reference& r : a.references) {
        Difference d;
        const State s = reference(a, r, linked, base, depth, d);
        if (s == State::matched || s < v.state)
            continue;
        if (s > v.state)
            v.different.clear(); // keep those that weigh most
        v.state = s;
        if (v.different.size() < max_differences)
            v.different.push_back(std::move(d));
    }
    return v;
}

// `s` is where the atom's code or contents are now: in the payload that replaced it, if one did.
Matcher::Verdict Matcher::judge(const Atom& a, const xen::ImageSymbol& s) {
    const std::uint64_t size = symbol_size(a);
    Verdict v = a.zero ? Verdict{} : compare(a, s.address, 0);
    if (size != s.size) {
        v.state = State::size_differs;
        const Difference d{0, fmt::format("{} bytes", size), fmt::format("{} bytes", s.size)};
        v.different.insert(v.different.begin(), d);
    }
    return v;
}

void Matcher::match_named(const Atom& a) {
    AtomMatch& m = result_[a.id];
    if (names_[a.id].empty()) {
        m.state = State::missing;
        return;
    }
    for (const xen::ImageSymbol* s : names_[a.id]) {
        if (const xen::ImageSymbol* now = image_.replacement_of(s->address))
            s = now;
        Verdict v = judge(a, *s);
        if (m.state != State::unchecked && v.state >= m.state)
            continue;
        m = {v.state, s->address, s->size, std::move(v.different)};
        if (m.state == State::matched)
            break;
    }
    if (same(m.state) && !a.zero)
        bind(a, m.address, 0);
}

void Matcher::bind(const Atom& a, Address base, unsigned depth) {
    const View linked = image_.bytes(base, a.bytes.size());
    for (const Reference& r : a.references) {
        if (r.atom == atom::no_atom || !m_.atom(r.atom).anonymous() || depth > max_depth)
            continue;
        const auto meant = place_meant(r, linked, base);
        AtomMatch& to = result_[r.atom];
        if (!meant || to.state != State::unchecked)
            continue;
        const Atom& target = m_.atom(r.atom);
        to.address = *meant - static_cast<Address>(r.delta);
        to.size = target.size;
        Difference d;
        to.state = m_.object().sections()[target.section].mergeable()
                       ? piece(target, to.address, r.delta, d)
                       : contents(target, to.address, depth);
        if (!target.zero)
            bind(target, to.address, depth + 1);
    }
}

Match Matcher::run() {
    result_.resize(m_.atoms().size());
    find_names();
    for (const Atom& a : m_.atoms())
        if (!a.anonymous())
            match_named(a);
    Match match;
    match.module_ = &m_;
    match.atoms_ = std::move(result_);
    return match;
}

void Match::take_better(const Match& other) {
    std::unordered_map<std::string, AtomId> there;
    for (const Atom& a : other.module().atoms())
        if (!a.anonymous() && a.is_function() && same(other.of(a.id).state))
            there.emplace(a.xen_name(), a.id);
    for (const Atom& a : module_->atoms())
        if (!a.anonymous() && a.is_function() && !same(atoms_[a.id].state))
            if (const auto it = there.find(a.xen_name()); it != there.end())
                atoms_[a.id] = other.of(it->second);
}

Match match_module(const atom::Module& original, const xen::Image& image) {
    return Matcher(original, image).run();
}

} // namespace xlp::match
