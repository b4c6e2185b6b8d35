// SPDX-License-Identifier: GPL-2.0-only
#include "payload/types/lines.h"

#include <algorithm>
#include <dwarf.h>
#include <fmt/format.h>
#include <unordered_map>

namespace xlp::types {

struct Lines::Table {
    struct Row {
        std::uint64_t address = 0;
        std::uint32_t file = 0; // index into files; 0: the end of a run, nothing known from here
        std::uint32_t line = 0;
    };
    struct Code {
        std::uint64_t begin = 0, end = 0;
        Dwarf_Off entry = 0; // of the subprogram
    };

    // A function inlined into another, or (the first) that function itself.
    struct Body {
        std::string function;
        SourceLine call; // where it was inlined
        std::uint32_t parent = 0;
    };
    struct Part {
        std::uint64_t begin = 0, end = 0;
        std::uint32_t body = 0;
    };
    struct Inlining {
        std::vector<Body> bodies; // parents first
        std::vector<Part> parts;  // in the order of bodies: of those that hold a place, the last
    };

    std::shared_ptr<DebugInfo> info;
    std::unordered_map<Dwarf_Off, Inlining> inlined; // by subprogram, made when first asked for
    std::vector<std::string> files{""};
    std::unordered_map<std::string, std::uint32_t> file_ids;
    std::vector<Row> rows;       // by address
    std::vector<Code> functions; // by address
    struct Declared {
        SourceLine line;
        bool definition = false;
    };
    std::unordered_map<std::string, Declared> declared;

    std::uint32_t file_id(const char* name, const char* folder);
    bool read_unit(Dwarf_Die& unit);
    void read_rows(Dwarf_Die& unit, const char* folder);
    void read_function(Dwarf_Die&, const char* folder);
    const Row* row(std::uint64_t address) const;
    SourceLine line(const Row& r) const { return {files[r.file], r.line}; }
    void read_inlined(Dwarf_Die& parent, std::uint32_t body, Inlining&, unsigned depth);
    const Inlining* inlining(Dwarf_Off function);
};

namespace {

const char* compile_folder(Dwarf_Die& unit) {
    Dwarf_Attribute a;
    const char* folder = dwarf_attr(&unit, DW_AT_comp_dir, &a) ? dwarf_formstring(&a) : nullptr;
    return folder ? folder : "";
}

std::uint64_t number(Dwarf_Die& die, unsigned attribute) {
    Dwarf_Attribute a;
    Dwarf_Word v = 0;
    return dwarf_attr_integrate(&die, attribute, &a) && dwarf_formudata(&a, &v) == 0 ? v : 0;
}

std::string name_of(Dwarf_Die& die) {
    Dwarf_Attribute a;
    const char* name = dwarf_attr_integrate(&die, DW_AT_name, &a) ? dwarf_formstring(&a) : nullptr;
    return name ? name : "";
}

SourceLine call_of(Dwarf_Die& die) {
    Dwarf_Die unit;
    Dwarf_Files* files = nullptr;
    const char* file = nullptr;
    if (!dwarf_diecu(&die, &unit, nullptr, nullptr))
        return {};
    if (dwarf_getsrcfiles(&unit, &files, nullptr) == 0)
        file = dwarf_filesrc(files, number(die, DW_AT_call_file), nullptr, nullptr);
    return {file ? source_name(file, compile_folder(unit)) : "",
            static_cast<unsigned>(number(die, DW_AT_call_line))};
}

} // namespace

std::uint32_t Lines::Table::file_id(const char* name, const char* folder) {
    if (!name)
        return 0;
    std::string source = source_name(name, folder);
    auto [at, fresh] = file_ids.emplace(source, static_cast<std::uint32_t>(files.size()));
    if (fresh)
        files.push_back(std::move(source));
    return at->second;
}

void Lines::Table::read_rows(Dwarf_Die& unit, const char* folder) {
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrclines(&unit, &lines, &count) != 0)
        return; // a unit without code
    rows.reserve(rows.size() + count);
    std::unordered_map<const char*, std::uint32_t> known; // libdw gives one pointer for each file
    for (std::size_t i = 0; i < count; ++i) {
        Dwarf_Line* l = dwarf_onesrcline(lines, i);
        Dwarf_Addr address = 0;
        int number = 0;
        bool end = false;
        if (!l || dwarf_lineaddr(l, &address) != 0 || dwarf_lineno(l, &number) != 0)
            continue;
        dwarf_lineendsequence(l, &end);
        std::uint32_t file = 0;
        if (!end && number > 0) {
            const char* name = dwarf_linesrc(l, nullptr, nullptr);
            auto [at, fresh] = known.emplace(name, 0);
            if (fresh)
                at->second = file_id(name, folder);
            file = at->second;
        }
        if (!end && number == 0)
            continue; // code of no line: counts for the line before
        rows.push_back({address, file, static_cast<std::uint32_t>(number)});
    }
}

void Lines::Table::read_function(Dwarf_Die& die, const char* folder) {
    const std::string name = name_of(die);
    Dwarf_Attribute a;
    const bool definition = !dwarf_attr(&die, DW_AT_declaration, &a);
    if (!name.empty()) {
        Declared& d = declared[name];
        if (d.line.line == 0 || (definition && !d.definition)) {
            const char* file = dwarf_decl_file(&die);
            d = {{file ? source_name(file, folder) : "",
                  static_cast<unsigned>(number(die, DW_AT_decl_line))},
                 definition};
        }
    }
    Dwarf_Addr base = 0, begin = 0, end = 0;
    for (std::ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &begin, &end)) > 0;)
        functions.push_back({begin, end, dwarf_dieoffset(&die)});
}

bool Lines::Table::read_unit(Dwarf_Die& unit) {
    const char* folder = compile_folder(unit);
    read_rows(unit, folder);
    Dwarf_Die child;
    Dwarf_Off last = dwarf_dieoffset(&unit);
    int more = dwarf_child(&unit, &child);
    while (more == 0) {
        if (dwarf_dieoffset(&child) <= last)
            return false;
        last = dwarf_dieoffset(&child);
        if (dwarf_tag(&child) == DW_TAG_subprogram)
            read_function(child, folder);
        Dwarf_Die next;
        more = dwarf_siblingof(&child, &next);
        child = next;
    }
    return more > 0;
}

const Lines::Table::Row* Lines::Table::row(std::uint64_t address) const {
    auto after = std::upper_bound(rows.begin(), rows.end(), address,
                                  [](std::uint64_t a, const Row& r) { return a < r.address; });
    if (after == rows.begin() || std::prev(after)->file == 0)
        return nullptr;
    return &*std::prev(after);
}

void Lines::Table::read_inlined(Dwarf_Die& parent, std::uint32_t body, Inlining& out,
                                unsigned depth) {
    constexpr unsigned max_depth = 200; // bounds the recursion on damaged input
    Dwarf_Die child;
    Dwarf_Off last = dwarf_dieoffset(&parent);
    int more = dwarf_child(&parent, &child);
    while (more == 0 && depth < max_depth && dwarf_dieoffset(&child) > last) {
        last = dwarf_dieoffset(&child);
        const int tag = dwarf_tag(&child);
        if (tag == DW_TAG_lexical_block) {
            read_inlined(child, body, out, depth + 1);
        } else if (tag == DW_TAG_inlined_subroutine) {
            const auto id = static_cast<std::uint32_t>(out.bodies.size());
            out.bodies.push_back({name_of(child), call_of(child), body});
            Dwarf_Addr base = 0, begin = 0, end = 0;
            for (std::ptrdiff_t at = 0; (at = dwarf_ranges(&child, at, &base, &begin, &end)) > 0;)
                out.parts.push_back({begin, end, id});
            read_inlined(child, id, out, depth + 1);
        }
        Dwarf_Die next;
        more = dwarf_siblingof(&child, &next);
        child = next;
    }
}

const Lines::Table::Inlining* Lines::Table::inlining(Dwarf_Off function) {
    auto [at, fresh] = inlined.try_emplace(function);
    if (fresh) {
        Dwarf_Die die;
        if (!dwarf_offdie(info->dwarf(), function, &die))
            return nullptr;
        at->second.bodies.push_back({name_of(die), {}, 0});
        read_inlined(die, 0, at->second, 0);
    }
    return at->second.bodies.empty() ? nullptr : &at->second;
}

Result<Lines> Lines::from(const elf::Object& object) {
    auto table = std::make_unique<Table>();
    auto info = DebugInfo::open(object);
    if (!info)
        return fail(info);
    table->info = std::move(*info);
    if (!table->info)
        return Lines(std::move(table));
    Dwarf_CU* cu = nullptr;
    Dwarf_Die unit;
    int more = 0;
    while ((more = dwarf_get_units(table->info->dwarf(), cu, &cu, nullptr, nullptr, &unit, nullptr))
           == 0)
        if (!table->read_unit(unit)) {
            more = -1;
            break;
        }
    if (more < 0)
        return fail(bad_input("types.corrupt", "The object's debug information is damaged.",
                              "Recompile the object with -g.", {.file = object.name()}));
    // at one address the end of a run comes before the start of the next
    std::stable_sort(
        table->rows.begin(), table->rows.end(), [](const Table::Row& a, const Table::Row& b) {
            return std::make_pair(a.address, a.file != 0) < std::make_pair(b.address, b.file != 0);
        });
    std::sort(table->functions.begin(), table->functions.end(),
              [](const Table::Code& a, const Table::Code& b) { return a.begin < b.begin; });
    return Lines(std::move(table));
}

Lines::Lines(std::unique_ptr<Table> table) : table_(std::move(table)) {}
Lines::Lines(Lines&&) noexcept = default;
Lines& Lines::operator=(Lines&&) noexcept = default;
Lines::~Lines() = default;

bool Lines::empty() const {
    return table_->rows.empty();
}

std::optional<SourceLine> Lines::at(std::uint32_t section, std::uint64_t offset) const {
    if (!table_->info)
        return std::nullopt;
    const Table::Row* row = table_->row(table_->info->address({section, offset}));
    if (!row)
        return std::nullopt;
    return table_->line(*row);
}

std::vector<Frame> Lines::frames(std::uint32_t section, std::uint64_t offset) const {
    std::vector<Frame> frames;
    auto place = at(section, offset);
    if (!place)
        return frames;
    const std::uint64_t address = table_->info->address({section, offset});
    auto after =
        std::upper_bound(table_->functions.begin(), table_->functions.end(), address,
                         [](std::uint64_t a, const Table::Code& c) { return a < c.begin; });
    if (after == table_->functions.begin() || address >= std::prev(after)->end)
        return frames;
    const Table::Inlining* inlining = table_->inlining(std::prev(after)->entry);
    if (!inlining)
        return frames;
    std::uint32_t body = 0;
    for (const Table::Part& p : inlining->parts)
        if (p.begin <= address && address < p.end)
            body = p.body;
    frames.push_back({inlining->bodies[body].function, *place});
    for (; body != 0; body = inlining->bodies[body].parent)
        frames.push_back({inlining->bodies[inlining->bodies[body].parent].function,
                          inlining->bodies[body].call});
    return frames;
}

std::optional<SourceLine> Lines::decl_line(std::string_view function) const {
    auto found = table_->declared.find(std::string(function));
    if (found == table_->declared.end() || found->second.line.line == 0)
        return std::nullopt;
    return found->second.line;
}

} // namespace xlp::types
