// SPDX-License-Identifier: GPL-2.0-only
#include "edits.h"

#include "bodies.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

namespace xlp::generator {

namespace {

using Kind = Variable::Kind;
using Form = Function::Form;

template <class Good>
Function* some_function(Random& r, Program& p, Good good) {
    std::vector<Function*> list;
    for (Function& f : p.functions)
        if (f.exists && good(f))
            list.push_back(&f);
    return list.empty() ? nullptr : r.pick(list);
}

template <class Good>
Variable* some_variable(Random& r, Program& p, Good good) {
    std::vector<Variable*> list;
    for (Variable& v : p.variables)
        if (v.exists && good(v))
            list.push_back(&v);
    return list.empty() ? nullptr : r.pick(list);
}

int id_of(const Program& p, const Function* f) {
    return static_cast<int>(f - p.functions.data());
}
int id_of(const Program& p, const Variable* v) {
    return static_cast<int>(v - p.variables.data());
}

bool has_body(const Function& f) {
    return !f.body.empty() && f.alias_of < 0;
}

bool is_aliased(const Program& p, int id) {
    return std::any_of(p.functions.begin(), p.functions.end(),
                       [&](const Function& f) { return f.exists && f.alias_of == id; });
}

void replace_all(std::string& s, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = s.find(from, at)) != s.npos; at += to.size())
        s.replace(at, from.size(), to);
}

bool insert_statement(Random& r, Program& p) {
    Function* f = some_function(r, p, has_body);
    if (!f)
        return false;
    const int id = id_of(p, f);
    std::string s = random_statement(r, p, id);
    auto& body = p.functions[id].body;
    body.insert(body.begin() + static_cast<std::ptrdiff_t>(r.below(body.size() + 1)), std::move(s));
    return true;
}

bool delete_statement(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) { return x.body.size() > 1; });
    if (!f)
        return false;
    f->body.erase(f->body.begin() + static_cast<std::ptrdiff_t>(r.below(f->body.size())));
    return true;
}

bool swap_statements(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) { return x.body.size() > 1; });
    if (!f)
        return false;
    const std::size_t i = r.below(f->body.size() - 1);
    std::swap(f->body[i], f->body[i + 1]);
    return true;
}

bool change_constant(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) {
        return std::any_of(x.body.begin(), x.body.end(),
                           [](const std::string& s) { return s.find("@c") != s.npos; });
    });
    if (!f)
        return false;
    std::vector<std::string*> list;
    for (std::string& s : f->body)
        if (s.find("@c") != s.npos)
            list.push_back(&s);
    std::string& s = *r.pick(list);
    const std::size_t at = s.find("@c"), end = s.find('@', at + 1);
    s.replace(at, end + 1 - at, fmt::format("@c{}@", r.between(1, 300)));
    return true;
}

bool move_function(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) {
        return !x.in_header && x.alias_of < 0 && !is_aliased(p, id_of(p, &x));
    });
    if (!f)
        return false;
    f->unit = (f->unit + 1 + static_cast<int>(r.below(units - 1))) % units;
    f->order = r.between(0, 10);
    for (Variable& v : p.variables)
        if (v.owner == id_of(p, f))
            v.unit = f->unit;
    return true;
}

bool move_and_fix(Random& r, Program& p) {
    return move_function(r, p) && change_constant(r, p);
}

bool move_variable(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable& x) { return x.owner < 0; });
    if (!v || v->kind == Kind::address)
        return false;
    v->unit = (v->unit + 1 + static_cast<int>(r.below(units - 1))) % units;
    return true;
}

bool rename_function(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) { return id_of(p, &x) != 0; });
    if (!f)
        return false;
    f->name += "_renamed";
    return true;
}

bool swap_names(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) { return id_of(p, &x) != 0; });
    Function* g = some_function(r, p, [&](const Function& x) {
        return id_of(p, &x) != 0 && &x != f && f && x.outlined == f->outlined;
    });
    if (!f || !g)
        return false;
    std::swap(f->name, g->name);
    return true;
}

bool rename_variable(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable&) { return true; });
    if (!v)
        return false;
    v->name += "_renamed";
    return true;
}

// A part of a function, its static locals with it, becomes a function of its own.
bool outline(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) {
        return has_body(x) && !x.outlined && !x.in_header && x.body.size() > 1;
    });
    if (!f)
        return false;
    const int from = id_of(p, f), to = static_cast<int>(p.functions.size());
    const std::size_t n = f->body.size(), begin = r.below(n), end = begin + 1 + r.below(n - begin);
    Function helper;
    helper.name = fmt::format("{}f{}", p.prefix, to);
    helper.unit = f->unit;
    helper.rank = f->rank;
    helper.order = f->order;
    helper.outlined = true;
    helper.form = r.chance(70) ? Form::noinline : Form::plain;
    helper.body.assign(f->body.begin() + static_cast<std::ptrdiff_t>(begin),
                       f->body.begin() + static_cast<std::ptrdiff_t>(end));
    f->body.erase(f->body.begin() + static_cast<std::ptrdiff_t>(begin),
                  f->body.begin() + static_cast<std::ptrdiff_t>(end));
    f->body.insert(f->body.begin() + static_cast<std::ptrdiff_t>(begin),
                   fmt::format("@f{}@(a, b, &@x@, &@y@);", to));
    for (std::size_t i = 0; i < p.variables.size(); ++i) {
        Variable& v = p.variables[i];
        if (v.owner != from)
            continue;
        const std::string name = fmt::format("@v{}@", i), size = fmt::format("@n{}@", i);
        auto uses = [&](const std::string& s) {
            return s.find(name) != s.npos || s.find(size) != s.npos;
        };
        const bool inside = std::any_of(helper.body.begin(), helper.body.end(), uses);
        const bool outside = std::any_of(f->body.begin(), f->body.end(), uses);
        if (inside)
            v.owner = outside ? -1 : to; // used by both: becomes the unit's
    }
    p.functions.push_back(std::move(helper));
    return true;
}

bool change_form(Random& r, Program& p) {
    Function* f = some_function(
        r, p, [&](const Function& x) { return has_body(x) && id_of(p, &x) != 0 && !x.in_header; });
    if (!f)
        return false;
    const Form forms[] = {Form::plain, Form::noinline, Form::always_inline};
    const Form old = f->form;
    while (f->form == old)
        f->form = forms[r.below(3)];
    if (f->form == Form::always_inline)
        f->wants_static = true;
    return true;
}

bool to_header(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) {
        const int id = id_of(p, &x);
        return has_body(x) && id != 0 && !x.weak && !is_aliased(p, id) && x.section.empty()
               && std::none_of(p.variables.begin(), p.variables.end(),
                               [&](const Variable& v) { return v.owner == id; });
    });
    if (!f)
        return false;
    f->in_header = !f->in_header;
    if (f->in_header)
        f->form = Form::plain;
    return true;
}

// A function becomes another name of one that does something else, or the same.
bool make_alias(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) {
        return has_body(x) && id_of(p, &x) != 0 && !x.outlined && !x.in_header
               && !is_aliased(p, id_of(p, &x));
    });
    if (!f)
        return false;
    Function* to = some_function(r, p, [&](const Function& x) {
        return has_body(x) && &x != f && x.rank >= f->rank && !x.outlined && !x.in_header && !x.weak
               && (!f->leaf || x.leaf) && id_of(p, &x) != 0 && x.section == f->section;
    });
    if (!to)
        return false;
    f->unit = to->unit;
    f->alias_of = id_of(p, to);
    f->wants_static = false;
    f->weak = false;
    f->section.clear();
    f->body.clear();
    to->form = Form::noinline;
    for (Variable& v : p.variables)
        if (v.owner == id_of(p, f))
            v.exists = false;
    if (r.chance(60) && !to->body.empty()) // and that one is fixed
        to->body.push_back(fmt::format("@x@ += @c{}@;", r.between(1, 99)));
    return true;
}

bool end_alias(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) { return x.alias_of >= 0; });
    if (!f)
        return false;
    f->body = p.functions[f->alias_of].body;
    f->alias_of = -1;
    f->body.push_back(fmt::format("@y@ -= @c{}@;", r.between(1, 99)));
    return true;
}

bool reorder(Random& r, Program& p) {
    for (Function& f : p.functions)
        f.order = r.between(0, 20);
    return true;
}

bool resize(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable& x) { return x.count > 0; });
    if (!v)
        return false;
    v->count = std::max(1, v->count + (r.chance(70) ? r.between(1, 4) : -r.between(1, 2)));
    const std::size_t width = v->fields.size();
    if (v->constant && width)
        while (v->init.size() < width * static_cast<std::size_t>(v->count))
            v->init.push_back(r.below(0x7fffffff) + 1);
    return true;
}

bool retype(Random& r, Program& p) {
    Variable* v = some_variable(
        r, p, [](const Variable& x) { return x.kind == Kind::number || x.kind == Kind::record; });
    if (!v)
        return false;
    static const int widths[] = {1, 2, 4, 8};
    switch (v->kind == Kind::record ? r.below(4) : 0) {
    case 1:
        v->fields.push_back({fmt::format("m{}", v->fields.size()), widths[r.below(4)], false});
        v->init.clear();
        if (v->constant || !v->section.empty())
            v->init.push_back(1);
        return true;
    case 2:
        std::swap(v->fields.front(), v->fields.back());
        return true;
    default: {
        Field& f = v->fields[r.below(v->fields.size())];
        if (r.chance(40))
            f.is_signed = !f.is_signed;
        else
            f.size = f.size == 8 ? 4 : 8;
        return true;
    }
    }
}

bool change_data(Random& r, Program& p, bool constant) {
    Variable* v = some_variable(r, p, [&](const Variable& x) {
        return x.constant == constant && (!x.init.empty() || !x.targets.empty())
               && x.kind != Kind::address;
    });
    if (!v)
        return false;
    if (!v->init.empty()) {
        r.pick(v->init) = r.below(0x7fffffff) + 1;
        return true;
    }
    std::string& t = r.pick(v->targets);
    if (v->kind == Kind::string) {
        t += "!";
        return true;
    }
    Function* leaf = some_function(r, p, [](const Function& f) {
        return f.leaf && !f.in_header && !f.outlined && f.section.empty();
    });
    if (!leaf)
        return false;
    t = fmt::format("@f{}@", id_of(p, leaf));
    return true;
}

bool change_constness(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable& x) {
        return x.kind != Kind::address && x.section.empty() && !x.constant;
    });
    if (!v)
        return false;
    const int id = id_of(p, v);
    const std::string name = fmt::format("@v{}@", id);
    for (const Function& f : p.functions)
        for (const std::string& s : f.body) // must not be written to
            if (f.exists && s.find(name) != s.npos && s.find("= " + name) == s.npos
                && s.find("sum(" + name) == s.npos)
                return false;
    for (const Variable& x : p.variables)
        for (const std::string& t : x.targets)
            if (t.find(name) != t.npos)
                return false;
    v->constant = true;
    return true;
}

bool change_linkage(Random& r, Program& p) {
    if (r.chance(50)) {
        Variable* v = some_variable(r, p, [](const Variable& x) { return x.owner < 0; });
        if (v)
            v->wants_static = !v->wants_static;
        return v;
    }
    Function* f =
        some_function(r, p, [&](const Function& x) { return id_of(p, &x) != 0 && !x.in_header; });
    if (f && f->alias_of < 0)
        f->wants_static = !f->wants_static;
    return f;
}

bool change_weakness(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) {
        return has_body(x) && id_of(p, &x) != 0 && !x.in_header && !is_aliased(p, id_of(p, &x));
    });
    if (!f)
        return false;
    f->weak = !f->weak;
    if (f->weak) {
        f->wants_static = false;
        f->form = Form::noinline;
    }
    return true;
}

bool change_section(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable& x) {
        return x.owner < 0 && !x.constant && x.kind == Kind::number;
    });
    if (!v)
        return false;
    v->section = v->section.empty() ? ".data.read_mostly" : "";
    if (v->init.empty())
        v->init.push_back(r.below(100));
    return true;
}

// A static local of a name that another function has already.
bool same_name_local(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable& x) { return x.owner >= 0; });
    Function* f = some_function(r, p, [&](const Function& x) {
        return has_body(x) && v && id_of(p, &x) != v->owner && !x.in_header
               && x.unit == p.functions[v->owner].unit;
    });
    if (!v || !f)
        return false;
    const std::string name = v->name;
    const int owner = id_of(p, f), id = static_cast<int>(p.variables.size());
    Variable twin = *v;
    twin.owner = owner;
    twin.unit = f->unit;
    for (std::uint64_t& x : twin.init)
        x = r.below(0x7fffffff) + 1;
    p.variables.push_back(twin);
    if (twin.kind != Kind::number && twin.kind != Kind::record)
        return false;
    p.functions[owner].body.push_back(
        fmt::format("@x@ += @v{0}@{1}{2};", id, twin.count ? "[0]" : "",
                    twin.kind == Kind::record ? "." + twin.fields[0].name : ""));
    return true;
}

// A static local becomes the unit's variable, or the other way round.
bool change_scope(Random& r, Program& p) {
    Variable* v = some_variable(r, p, [](const Variable& x) { return x.owner >= 0; });
    if (v && r.chance(60)) {
        v->owner = -1;
        v->wants_static = true;
        return true;
    }
    for (std::size_t i = 0; i < p.variables.size(); ++i) {
        Variable& x = p.variables[i];
        if (!x.exists || x.owner >= 0 || x.kind == Kind::address || x.kind == Kind::function)
            continue;
        const std::string name = fmt::format("@v{}@", i), size = fmt::format("@n{}@", i);
        std::vector<int> users;
        for (std::size_t f = 0; f < p.functions.size(); ++f)
            for (const std::string& s : p.functions[f].body)
                if (p.functions[f].exists && (s.find(name) != s.npos || s.find(size) != s.npos)) {
                    users.push_back(static_cast<int>(f));
                    break;
                }
        bool pointed_to = false;
        for (const Variable& y : p.variables)
            for (const std::string& t : y.targets)
                pointed_to |= t.find(name) != t.npos;
        if (users.size() != 1 || pointed_to || p.functions[users[0]].in_header)
            continue;
        x.owner = users[0];
        x.unit = p.functions[users[0]].unit;
        x.section.clear();
        return true;
    }
    return false;
}

bool new_function(Random& r, Program& p) {
    Function* f = some_function(
        r, p, [](const Function& x) { return has_body(x) && !x.leaf && !x.outlined; });
    if (!f)
        return false;
    const int user = id_of(p, f);
    const int leaf = add_leaf(r, p, static_cast<int>(r.below(units)));
    p.functions[user].body.push_back(fmt::format("@x@ ^= @f{}@(@y@, b);", leaf));
    return true;
}

bool new_variable(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) { return has_body(x); });
    if (!f)
        return false;
    const int user = id_of(p, f);
    const int id = add_variable(r, p, f->in_header || r.chance(50) ? -1 : user);
    const Variable& v = p.variables[id];
    if (v.kind != Kind::number && v.kind != Kind::record)
        return false;
    const std::string element = fmt::format("@v{}@{}{}", id, v.count ? "[0]" : "",
                                            v.kind == Kind::record ? "." + v.fields[0].name : "");
    if (!v.constant)
        p.functions[user].body.push_back(element + " += @x@;");
    p.functions[user].body.push_back(fmt::format("@y@ += {};", element));
    return true;
}

// A function that runs at boot only is called at run time.
bool init_taken_off(Random& r, Program& p) {
    Function* f = some_function(r, p, [](const Function& x) { return x.section == ".init.text"; });
    Function* user = some_function(
        r, p, [](const Function& x) { return has_body(x) && !x.leaf && !x.outlined; });
    if (!f || !user)
        return false;
    f->section.clear();
    user->body.push_back(fmt::format("@x@ ^= @f{}@(@y@, b);", id_of(p, f)));
    return true;
}

// A callee's body goes where it was called, and it is gone.
bool remove_function(Random& r, Program& p) {
    Function* f = some_function(r, p, [&](const Function& x) {
        return x.leaf && has_body(x) && id_of(p, &x) != 0 && !is_aliased(p, id_of(p, &x));
    });
    if (!f)
        return false;
    const std::string name = fmt::format("@f{}@", id_of(p, f));
    Function* other = some_function(r, p, [&](const Function& x) {
        return x.leaf && &x != f && x.alias_of < 0 && !x.outlined && !x.in_header
               && x.section.empty();
    });
    if (!other)
        return false;
    const std::string to = fmt::format("@f{}@", id_of(p, other));
    for (Function& x : p.functions)
        for (std::string& s : x.body)
            replace_all(s, name, to);
    for (Variable& v : p.variables)
        for (std::string& s : v.targets)
            replace_all(s, name, to);
    f->exists = false;
    for (Variable& v : p.variables)
        if (v.owner == id_of(p, f))
            v.exists = false;
    return true;
}

struct Edit {
    const char* kind;
    std::function<bool(Random&, Program&)> make;
};

const std::vector<Edit>& edits() {
    static const std::vector<Edit> list = {
        {"insert statement", insert_statement},
        {"delete statement", delete_statement},
        {"swap statements", swap_statements},
        {"change constant", change_constant},
        {"move function", move_function},
        {"move and fix", move_and_fix},
        {"move variable", move_variable},
        {"rename function", rename_function},
        {"swap names", swap_names},
        {"rename variable", rename_variable},
        {"outline", outline},
        {"inline or not", change_form},
        {"to or from header", to_header},
        {"make alias", make_alias},
        {"end alias", end_alias},
        {"reorder", reorder},
        {"resize", resize},
        {"retype", retype},
        {"constant table", [](Random& r, Program& p) { return change_data(r, p, true); }},
        {"initial value", [](Random& r, Program& p) { return change_data(r, p, false); }},
        {"make constant", change_constness},
        {"linkage", change_linkage},
        {"weakness", change_weakness},
        {"section", change_section},
        {"local of the same name", same_name_local},
        {"scope of variable", change_scope},
        {"new function", new_function},
        {"new variable", new_variable},
        {"init taken off", init_taken_off},
        {"remove function", remove_function},
    };
    return list;
}

} // namespace

std::string edit(Random& r, Program& p) {
    const Edit& e = edits()[r.below(edits().size())];
    Program attempt = p;
    if (!e.make(r, attempt))
        return {};
    p = std::move(attempt);
    return e.kind;
}

std::string edit(Random& r, Program& p, const std::string& kind) {
    for (const Edit& e : edits())
        if (kind == e.kind) {
            Program attempt = p;
            if (!e.make(r, attempt))
                return {};
            p = std::move(attempt);
            return e.kind;
        }
    return {};
}

const std::vector<std::string>& edit_kinds() {
    static const std::vector<std::string> kinds = [] {
        std::vector<std::string> list;
        for (const Edit& e : edits())
            list.push_back(e.kind);
        return list;
    }();
    return kinds;
}

} // namespace xlp::generator
