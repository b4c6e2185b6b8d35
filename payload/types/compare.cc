// SPDX-License-Identifier: GPL-2.0-only
// Types are paired by name, once for each name; functions and variables too. What is equal costs a
// look at two hashes or two lists of members.
#include "payload/types/compare.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <optional>
#include <unordered_map>

namespace xlp::types {

namespace {

// A model with what is asked about it again and again.
struct Side {
    explicit Side(Model m) : model(std::move(m)), identity(model) {}
    Side(const Side&) = delete;
    Side& operator=(const Side&) = delete;

    Model model;
    Identity identity;
    std::optional<UsageGraph> graph; // only made when something changed

    SourceLine line(SourcePoint p) const { return {model.files[p.file], p.line}; }

    Usage usage(TypeId id) {
        if (!graph)
            graph.emplace(model, identity);
        return graph->of(id);
    }

    // The function as it was written, of one of its copies.
    const Function& written(FunctionId id) const {
        const Function* f = &model.functions[id];
        for (int i = 0; i < 3 && f->origin != no_function; ++i)
            f = &model.functions[f->origin];
        return *f;
    }

    std::string scope(FunctionId id) const {
        return id == no_function ? std::string() : std::string(written(id).name);
    }
};

class Comparison {
public:
    Comparison(Side& before, Side& after) : before_(before), after_(after) {}

    TypeChanges run() {
        changes_.known = true;
        types();
        functions();
        variables();
        return std::move(changes_);
    }

private:
    Side& before_;
    Side& after_;
    TypeChanges changes_;

    void types();
    void structure(TypeId was, TypeId is);
    void enumeration(TypeId was, TypeId is);
    void functions();
    void function(const Function& was, const Function& is, std::vector<std::string> symbols);
    void variables();
    void variable(const Variable& was, const Variable& is);
    std::string difference(const Function& was, const Function& is);

    Usage usage(TypeId was, TypeId is) {
        Usage u = before_.usage(was);
        return u |= after_.usage(is);
    }
};

void Comparison::types() {
    std::unordered_map<std::string, TypeId> old_by_key;
    for (TypeId id = 1; id < before_.model.types.size(); ++id)
        if (std::string key = before_.identity.key(id); !key.empty())
            old_by_key.emplace(std::move(key), id);
    for (TypeId id = 1; id < after_.model.types.size(); ++id) {
        const std::string key = after_.identity.key(id);
        if (key.empty())
            continue;
        auto found = old_by_key.find(key);
        if (found == old_by_key.end())
            continue;
        const TypeId was = found->second;
        old_by_key.erase(found); // once for each name
        if (before_.model.types[was].kind == Kind::enumeration
            && after_.model.types[id].kind == Kind::enumeration)
            enumeration(was, id);
        else if (before_.model.types[was].aggregate() && after_.model.types[id].aggregate())
            structure(was, id);
    }
    auto by_name = [](const auto& a, const auto& b) {
        return std::tie(a.name, a.scope) < std::tie(b.name, b.scope);
    };
    std::sort(changes_.structs.begin(), changes_.structs.end(), by_name);
    std::sort(changes_.enums.begin(), changes_.enums.end(), by_name);
}

void Comparison::structure(TypeId was, TypeId is) {
    LayoutChange layout =
        compare_layout(before_.model, before_.identity, was, after_.model, after_.identity, is);
    if (layout.effect == Effect::none)
        return;
    const Type& t = after_.model.types[is];
    changes_.structs.push_back({.name = display_name(after_.model, is),
                                .scope = after_.scope(t.scope),
                                .layout = std::move(layout),
                                .source = after_.line(t.source),
                                .usage = usage(was, is)});
}

// As in NR_x, x_MAX, NUM_x, x_last.
bool is_count_name(std::string_view name) {
    static constexpr std::array<std::string_view, 9> words{"nr",  "num",  "max",   "count", "last",
                                                           "end", "size", "total", "limit"};
    std::string word;
    for (std::size_t i = 0; i <= name.size(); ++i) {
        if (i < name.size() && name[i] != '_') {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
            continue;
        }
        if (std::find(words.begin(), words.end(), word) != words.end())
            return true;
        word.clear();
    }
    return false;
}

void Comparison::enumeration(TypeId was, TypeId is) {
    const Type &a = before_.model.types[was], &b = after_.model.types[is];
    EnumChange change;
    change.old_size = a.size;
    change.new_size = b.size;
    std::unordered_map<std::string_view, std::int64_t> old_values;
    const Enumerator* greatest = nullptr;
    for (std::uint32_t i = 0; i < a.parts.count; ++i) {
        const Enumerator& e = before_.model.enumerators[a.parts.first + i];
        old_values.emplace(e.name, e.value);
        if (!greatest || e.value > greatest->value)
            greatest = &e;
    }
    std::int64_t new_greatest = 0;
    for (std::uint32_t i = 0; i < b.parts.count; ++i) {
        const Enumerator& e = after_.model.enumerators[b.parts.first + i];
        new_greatest = i ? std::max(new_greatest, e.value) : e.value;
        auto found = old_values.find(e.name);
        if (found == old_values.end()) {
            change.added.emplace_back(e.name);
            continue;
        }
        if (found->second != e.value)
            change.changed.push_back({std::string(e.name), found->second, e.value});
        old_values.erase(found);
    }
    for (const auto& [name, value] : old_values)
        change.removed.emplace_back(name);
    std::sort(change.removed.begin(), change.removed.end());
    if (change.compatible() && change.added.empty())
        return;
    change.only_count = change.changed.size() == 1 && change.removed.empty()
                        && change.changed[0].name == greatest->name && is_count_name(greatest->name)
                        && change.changed[0].new_value == new_greatest
                        && change.changed[0].new_value > greatest->value;
    change.name = b.name.empty()
                      ? fmt::format("enum with {}", after_.model.enumerators[b.parts.first].name)
                      : display_name(after_.model, is);
    change.scope = after_.scope(b.scope);
    change.source = after_.line(b.source);
    change.usage = usage(was, is);
    changes_.enums.push_back(std::move(change));
}

// One entry for each function that is written in the unit, with the symbols of all its copies.
struct Written {
    const Function* function = nullptr;
    std::vector<std::string> symbols;
};

std::unordered_map<std::string_view, Written> written_functions(const Side& side) {
    std::unordered_map<std::string_view, Written> all;
    for (FunctionId id = 0; id < side.model.functions.size(); ++id) {
        const Function& f = side.model.functions[id];
        const Function& source = side.written(id);
        if (f.declaration || source.name.empty())
            continue;
        Written& w = all[source.name];
        if (!w.function)
            w.function = &source;
        if (!f.symbol.empty())
            w.symbols.emplace_back(f.symbol);
    }
    return all;
}

void Comparison::functions() {
    const auto old_functions = written_functions(before_);
    for (auto& [name, is] : written_functions(after_))
        if (auto was = old_functions.find(name); was != old_functions.end())
            function(*was->second.function, *is.function, is.symbols);
    std::sort(changes_.functions.begin(), changes_.functions.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
}

std::string Comparison::difference(const Function& was, const Function& is) {
    std::string s;
    auto add = [&](std::string part) { s += (s.empty() ? "" : "; ") + std::move(part); };
    if (before_.identity.of(was.result) != after_.identity.of(is.result))
        add(fmt::format("it returned `{}`, now `{}`", before_.identity.spell(was.result),
                        after_.identity.spell(is.result)));
    if (was.parameters.count != is.parameters.count)
        add(fmt::format("it had {} parameter{}, now {}", was.parameters.count,
                        was.parameters.count == 1 ? "" : "s", is.parameters.count));
    if (was.variadic != is.variadic)
        add(is.variadic ? "it now takes any number of arguments"
                        : "it no longer takes any number of arguments");
    for (std::uint32_t i = 0; i < std::min(was.parameters.count, is.parameters.count); ++i) {
        const TypeId a = before_.model.parameters[was.parameters.first + i];
        const TypeId b = after_.model.parameters[is.parameters.first + i];
        if (before_.identity.of(a) != after_.identity.of(b))
            add(fmt::format("parameter {} was `{}`, now `{}`", i + 1, before_.identity.spell(a),
                            after_.identity.spell(b)));
    }
    return s;
}

void Comparison::function(const Function& was, const Function& is,
                          std::vector<std::string> symbols) {
    std::string what = difference(was, is);
    if (what.empty())
        return;
    std::sort(symbols.begin(), symbols.end());
    changes_.functions.push_back({.name = std::string(is.name),
                                  .symbols = std::move(symbols),
                                  .external = is.external,
                                  .old_prototype = before_.identity.prototype(was),
                                  .new_prototype = after_.identity.prototype(is),
                                  .what = std::move(what),
                                  .source = after_.line(is.source)});
}

// By name; static locals also by function, and by order where a function has several of one name.
std::unordered_map<std::string, const Variable*> variables_by_key(const Side& side) {
    std::unordered_map<std::string, const Variable*> all;
    std::unordered_map<std::string_view, bool> seen; // symbols
    for (const Variable& v : side.model.variables) {
        if (v.declaration || v.symbol.empty() || v.name.empty()
            || !seen.emplace(v.symbol, true).second)
            continue;
        for (int n = 0;; ++n)
            if (all.emplace(fmt::format("{}:{}:{}", side.scope(v.function), v.name, n), &v).second)
                break;
    }
    return all;
}

void Comparison::variables() {
    const auto old_variables = variables_by_key(before_);
    for (const auto& [key, is] : variables_by_key(after_))
        if (auto was = old_variables.find(key); was != old_variables.end())
            variable(*was->second, *is);
    std::sort(changes_.variables.begin(), changes_.variables.end(),
              [](const auto& a, const auto& b) {
                  return std::tie(a.name, a.function, a.new_symbol)
                         < std::tie(b.name, b.function, b.new_symbol);
              });
}

// What is in memory: a structure of one member is that member.
std::uint64_t content(Side& side, TypeId type) {
    const TypeId t = side.identity.strip(type);
    if (side.model.types[t].aggregate())
        if (const auto leaves = side.identity.leaves(t);
            leaves.size() == 1 && leaves[0].bit_size == 8 * side.identity.size_of(t))
            return leaves[0].identity;
    return side.identity.of(t);
}

void Comparison::variable(const Variable& was, const Variable& is) {
    const std::uint64_t old_size = before_.identity.size_of(was.type);
    const std::uint64_t new_size = after_.identity.size_of(is.type);
    if (old_size == new_size && content(before_, was.type) == content(after_, is.type))
        return;
    std::vector<MemberChange> members;
    std::string because_of;
    const TypeId a = before_.identity.element(was.type), b = after_.identity.element(is.type);
    if (before_.model.types[a].aggregate() && after_.model.types[b].aggregate()) {
        if (after_.model.types[b].name.empty())
            members =
                compare_layout(before_.model, before_.identity, a, after_.model, after_.identity, b)
                    .members;
        else if (before_.identity.of(was.type) == after_.identity.of(is.type))
            because_of = display_name(after_.model, b);
    }
    changes_.variables.push_back(
        {.name = std::string(is.name),
         .function = after_.scope(is.function),
         .old_symbol = std::string(was.symbol),
         .new_symbol = std::string(is.symbol),
         .per_cpu = is.name.starts_with("per_cpu__"),
         .constant = before_.identity.constant(was.type) && after_.identity.constant(is.type),
         .old_type = before_.identity.spell(was.type),
         .new_type = after_.identity.spell(is.type),
         .old_size = old_size,
         .new_size = new_size,
         .members = std::move(members),
         .because_of = std::move(because_of),
         .source = after_.line(is.source)});
}

template <class Changes, class Same, class Join>
void merge_list(Changes& into, Changes&& from, Same same, Join join) {
    for (auto& change : from) {
        auto twin = std::find_if(into.begin(), into.end(),
                                 [&](const auto& known) { return same(known, change); });
        if (twin == into.end())
            into.push_back(std::move(change));
        else
            join(*twin, change);
    }
}

} // namespace

Result<TypeChanges> compare_types(const elf::Object& original, const elf::Object& patched,
                                  const DataUses& original_uses, const DataUses& patched_uses) {
    auto before = read_model(original, original_uses), after = read_model(patched, patched_uses);
    Findings trouble;
    if (!before)
        append(trouble, std::move(before.error()));
    if (!after)
        append(trouble, std::move(after.error()));
    if (!trouble.empty())
        return fail(std::move(trouble));
    if (!before->info || !after->info) {
        TypeChanges none;
        none.notes.push_back(note(
            "types.absent", "The object has no debug information, so its types were not compared.",
            "Compile with -g.", {.file = before->info ? patched.name() : original.name()}));
        return none;
    }
    Side old_side(std::move(*before)), new_side(std::move(*after));
    return Comparison(old_side, new_side).run();
}

void merge(TypeChanges& into, TypeChanges from) {
    into.known |= from.known;
    auto same_type = [](const auto& a, const auto& b) {
        return a.name == b.name && a.scope == b.scope && a.source.file == b.source.file
               && a.source.line == b.source.line;
    };
    auto join_usage = [](auto& a, const auto& b) { a.usage |= b.usage; };
    merge_list(into.structs, std::move(from.structs), same_type, join_usage);
    merge_list(into.enums, std::move(from.enums), same_type, join_usage);
    merge_list(
        into.functions, std::move(from.functions),
        [](const FunctionChange& a, const FunctionChange& b) {
            return a.name == b.name && a.source.file == b.source.file
                   && a.source.line == b.source.line;
        },
        [](FunctionChange& a, const FunctionChange& b) {
            a.symbols.insert(a.symbols.end(), b.symbols.begin(), b.symbols.end());
            std::sort(a.symbols.begin(), a.symbols.end());
            a.symbols.erase(std::unique(a.symbols.begin(), a.symbols.end()), a.symbols.end());
        });
    // a definition is in one unit only
    into.variables.insert(into.variables.end(), std::make_move_iterator(from.variables.begin()),
                          std::make_move_iterator(from.variables.end()));
    append(into.notes, std::move(from.notes));
}

} // namespace xlp::types
