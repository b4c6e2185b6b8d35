// SPDX-License-Identifier: GPL-2.0-only
#include "bodies.h"

#include <fmt/format.h>

namespace xlp::generator {

const char* const prelude = R"(
typedef unsigned long word_t;
#ifdef __CET__
#define cf_check __attribute__((__cf_check__))
#else
#define cf_check
#endif
#pragma GCC visibility push(hidden)
extern word_t outside(word_t);
extern word_t sum(const char *);
extern void die(word_t) __attribute__((__cold__));
#define barrier() asm volatile ("" ::: "memory")
)";

const char* const base_unit = R"(
word_t died;
cf_check word_t outside(word_t x) { barrier(); return x * 2654435761ul + (x >> 7); }
cf_check word_t sum(const char *s)
{
    word_t x = 5381;
    while (*s)
        x = x * 33 + (unsigned char)*s++;
    return x;
}
void die(word_t x) { died += x; barrier(); }
void *memcpy(void *d, const void *s, word_t n)
{
    asm volatile ("rep movsb" : "+D" (d), "+S" (s), "+c" (n) :: "memory");
    return d;
}
void *memset(void *d, int c, word_t n)
{
    asm volatile ("rep stosb" : "+D" (d), "+c" (n) : "a" (c) : "memory");
    return d;
}
cf_check int do_xen_version(void) { return 4; }
int xen_major_version(void) { return 4; }
int xen_minor_version(void) { return 17; }
#define THUNK(r) ".globl __x86_indirect_thunk_" #r "\n.type __x86_indirect_thunk_" #r ", @function\n" \
    "__x86_indirect_thunk_" #r ": jmp *%" #r "\n.size __x86_indirect_thunk_" #r ", 2\n"
asm (".section .text.thunk, \"ax\", @progbits\n"
     THUNK(rax) THUNK(rbx) THUNK(rcx) THUNK(rdx) THUNK(rsi) THUNK(rdi) THUNK(rbp)
     ".globl __x86_return_thunk\n.type __x86_return_thunk, @function\n"
     "__x86_return_thunk: ret\n.size __x86_return_thunk, 1\n"
     THUNK(r8) THUNK(r9) THUNK(r10) THUNK(r11) THUNK(r12) THUNK(r13) THUNK(r14) THUNK(r15)
     ".text\n");
)";

namespace {

using Kind = Variable::Kind;

const int sizes[] = {1, 2, 4, 4, 8, 8};

std::string constant(Random& r) {
    return fmt::format("@c{}@", r.chance(60) ? r.between(1, 200) : r.between(201, 0x7ffffff));
}

std::string accumulator(Random& r) {
    return r.chance(50) ? "@x@" : "@y@";
}

std::string operand(Random& r) {
    switch (r.below(5)) {
    case 0:
        return "a";
    case 1:
        return "b";
    case 2:
        return constant(r);
    default:
        return accumulator(r);
    }
}

std::string expression(Random& r) {
    switch (r.below(7)) {
    case 0:
        return fmt::format("{} * {} + {}", accumulator(r), constant(r), operand(r));
    case 1:
        return fmt::format("({} ^ {}) - ({} >> {})", operand(r), accumulator(r), operand(r),
                           r.between(1, 20));
    case 2:
        return fmt::format("{} / ({} + 1)", accumulator(r), constant(r));
    case 3:
        return fmt::format("({} & {}) | ({} << {})", operand(r), constant(r), accumulator(r),
                           r.between(1, 9));
    case 4:
        return fmt::format("outside({} + {})", accumulator(r), operand(r));
    case 5:
        return fmt::format("({} < {} ? {} : {})", operand(r), operand(r), operand(r), operand(r));
    default:
        return fmt::format("(unsigned int)({} + {})", operand(r), accumulator(r));
    }
}

// A variable of one of these kinds that this function can use; -1 if there is none.
template <class Good>
int find_variable(Random& r, const Program& p, int function, Good good) {
    std::vector<int> list;
    for (std::size_t i = 0; i < p.variables.size(); ++i) {
        const Variable& v = p.variables[i];
        if (v.exists && (v.owner < 0 || v.owner == function) && good(v))
            list.push_back(static_cast<int>(i));
    }
    return list.empty() ? -1 : r.pick(list);
}

int find_leaf(Random& r, const Program& p, int function) {
    std::vector<int> list;
    for (std::size_t i = 0; i < p.functions.size(); ++i)
        if (p.functions[i].exists && p.functions[i].leaf && !p.functions[i].in_header
            && p.functions[i].section.empty() && !p.functions[i].outlined
            && static_cast<int>(i) != function)
            list.push_back(static_cast<int>(i));
    return list.empty() ? -1 : r.pick(list);
}

int find_callee(Random& r, const Program& p, int function) {
    std::vector<int> list;
    for (std::size_t i = 0; i < p.functions.size(); ++i)
        if (p.functions[i].exists && !p.functions[i].outlined && p.functions[i].section.empty()
            && p.functions[i].rank > p.functions[function].rank)
            list.push_back(static_cast<int>(i));
    return list.empty() ? -1 : r.pick(list);
}

std::string element(Random& r, const Program& p, int id) {
    const Variable& v = p.variables[id];
    std::string s = fmt::format("@v{}@", id);
    if (v.count)
        s += fmt::format("[{} % @n{}@]", accumulator(r), id);
    if (v.kind == Kind::record)
        s += "." + v.fields[r.below(v.fields.size())].name;
    return s;
}

bool is_number(const Variable& v) {
    return v.kind == Kind::number || v.kind == Kind::record;
}

std::string read_statement(Random& r, Program& p, int function) {
    int id = find_variable(r, p, function, [](const Variable& v) { return is_number(v); });
    if (id < 0)
        id = add_variable(r, p);
    return fmt::format("{} += {} ^ {};", accumulator(r), element(r, p, id), operand(r));
}

std::string write_statement(Random& r, Program& p, int function) {
    int id = find_variable(r, p, function,
                           [](const Variable& v) { return is_number(v) && !v.constant; });
    if (id < 0)
        return read_statement(r, p, function);
    return fmt::format("{} {} {};", element(r, p, id),
                       r.chance(40)   ? "+="
                       : r.chance(50) ? "^="
                                      : "=",
                       expression(r));
}

std::string walk_statement(Random& r, Program& p, int function) {
    const int id = find_variable(
        r, p, function, [](const Variable& v) { return v.kind == Kind::number && v.count > 1; });
    if (id < 0)
        return read_statement(r, p, function);
    const std::string type = p.variables[id].fields[0].type();
    switch (r.below(4)) {
    case 0: // one past the end
        return fmt::format("for (const {0} *p = @v{1}@; p != @v{1}@ + @n{1}@; p++) "
                           "{{ {2} = {2} * 31 + *p; barrier(); }}",
                           type, id, accumulator(r));
    case 1: // before the start
        return fmt::format("for (word_t i = 1; i <= @n{0}@; i++) {{ {1} ^= @v{0}@[i - 1] + i; "
                           "barrier(); }}",
                           id, accumulator(r));
    case 2: // from the end
        return fmt::format("for (const {0} *p = &@v{1}@[@n{1}@ - 1]; p >= @v{1}@; p--) "
                           "{2} += *p ^ {3};",
                           type, id, accumulator(r), constant(r));
    default:
        return fmt::format("{{ const {0} *p = @v{1}@ + @n{1}@; asm volatile (\"\" : \"+r\" (p)); "
                           "{2} += p[-1] + (p == @v{1}@ + @n{1}@); }}",
                           type, id, accumulator(r));
    }
}

std::string call_statement(Random& r, Program& p, int function) {
    const int f = p.functions[function].leaf ? -1 : find_callee(r, p, function);
    if (f < 0)
        return fmt::format("{} += {};", accumulator(r), expression(r));
    return fmt::format("{} {} @f{}@({}, {});", accumulator(r), r.chance(60) ? "+=" : "^=", f,
                       operand(r), operand(r));
}

std::string pointer_statement(Random& r, Program& p, int function) {
    if (p.functions[function].leaf)
        return read_statement(r, p, function);
    const int id =
        find_variable(r, p, function, [](const Variable& v) { return v.kind == Kind::function; });
    const int leaf = find_leaf(r, p, function);
    if (id < 0 || leaf < 0)
        return call_statement(r, p, function);
    const Variable& v = p.variables[id];
    if (!v.constant && r.chance(35))
        return fmt::format("if ({} & 1) {} = @f{}@;", operand(r), element(r, p, id), leaf);
    if (r.chance(15))
        return fmt::format("{} += {} == @f{}@;", accumulator(r), element(r, p, id), leaf);
    return fmt::format("{} ^= {}({}, {});", accumulator(r), element(r, p, id), operand(r),
                       operand(r));
}

std::string string_statement(Random& r, Program& p, int function) {
    static const char* const words[] = {
        "grant table", "vcpu %u: bad state", "a", "", "domain %pd", "table", "xen", "frame %#lx"};
    const int id =
        find_variable(r, p, function, [](const Variable& v) { return v.kind == Kind::string; });
    if (id >= 0 && r.chance(50))
        return fmt::format("{} += sum({});", accumulator(r), element(r, p, id));
    if (r.chance(25))
        return fmt::format("{} += sum(__func__);", accumulator(r));
    return fmt::format("{} += sum(\"{} @c{}@\");", accumulator(r), words[r.below(8)],
                       r.between(0, 30));
}

std::string switch_statement(Random& r) {
    const int n = r.between(4, 9);
    const bool values = r.chance(50); // a table of values, or of jumps
    std::string s = fmt::format("switch ({} % {}) {{", accumulator(r), n + 2);
    const std::string to = accumulator(r);
    for (int i = 0; i < n; ++i)
        s += fmt::format(" case {}: {};", i,
                         values ? fmt::format("{} = {}", to, constant(r))
                                : fmt::format("{} += {}", accumulator(r), expression(r)))
             + " break;";
    return s + (values ? fmt::format(" default: {} = 1;", to) : "") + " }";
}

std::string labels_statement(Random& r) {
    const std::string scope = fmt::format("l{}", r.below(100000));
    const std::string x = accumulator(r);
    return fmt::format(
        "{{ __label__ {0}a, {0}b, {0}c, {0}d; static const void *const {0}t[] = {{ &&{0}a, "
        "&&{0}b, &&{0}c }}; goto *{0}t[{1} % 3]; {0}a: {1} += {2}; goto {0}d; {0}b: {1} ^= {3}; "
        "goto {0}d; {0}c: {1} -= {4}; {0}d: ; }}",
        scope, x, constant(r), constant(r), constant(r));
}

std::string local_table_statement(Random& r) {
    std::string s = fmt::format("{{ {}const unsigned int k[] = {{", r.chance(50) ? "static " : "");
    const int n = r.between(3, 9);
    for (int i = 0; i < n; ++i)
        s += fmt::format(" {},", constant(r));
    return s + fmt::format(" }}; {} += k[{} % {}]; }}", accumulator(r), accumulator(r), n);
}

std::string address_statement(Random& r, Program& p, int function) {
    const int id =
        find_variable(r, p, function, [](const Variable& v) { return v.kind == Kind::address; });
    if (id < 0)
        return write_statement(r, p, function);
    if (r.chance(40))
        return fmt::format("*{} += {};", element(r, p, id), constant(r));
    return fmt::format("{} ^= *{};", accumulator(r), element(r, p, id));
}

} // namespace

std::string random_statement(Random& r, Program& p, int function) {
    switch (r.below(16)) {
    case 0:
    case 1:
        return fmt::format("{} = {};", accumulator(r), expression(r));
    case 2:
        return fmt::format("if ({} {} {}) {{ {} }} else {{ {} }}", operand(r),
                           r.chance(50) ? ">" : "!=", operand(r), write_statement(r, p, function),
                           fmt::format("{} ^= {};", accumulator(r), expression(r)));
    case 3:
    case 4:
        return call_statement(r, p, function);
    case 5:
        return read_statement(r, p, function);
    case 6:
    case 7:
        return write_statement(r, p, function);
    case 8:
        return walk_statement(r, p, function);
    case 9:
    case 10:
        return pointer_statement(r, p, function);
    case 11:
        return string_statement(r, p, function);
    case 12:
        return switch_statement(r);
    case 13:
        return r.chance(40) ? labels_statement(r) : local_table_statement(r);
    case 14:
        return fmt::format("if (__builtin_expect({} == {}, 0)) {{ die({}); {} += {}; }}",
                           operand(r), constant(r), accumulator(r), accumulator(r), expression(r));
    default:
        return address_statement(r, p, function);
    }
}

int add_variable(Random& r, Program& p, int owner) {
    const int id = static_cast<int>(p.variables.size());
    Variable v;
    v.name = fmt::format("{}v{}", p.prefix, id);
    v.unit = owner < 0 ? static_cast<int>(r.below(units)) : p.functions[owner].unit;
    v.owner = owner;
    v.wants_static = r.chance(65);
    v.constant = r.chance(30);
    if (r.chance(50))
        v.count = r.between(2, 9);
    const auto kind = r.below(10);
    const int leaf = find_leaf(r, p, owner);
    if (kind == 0) {
        v.kind = Kind::string;
        v.count = r.between(2, 5);
        for (int i = 0; i < v.count; ++i)
            v.targets.push_back(fmt::format("entry {} of {}", i, r.below(4)));
    } else if (kind < 3 && leaf >= 0 && owner < 0) {
        v.kind = Kind::function;
        for (int i = 0; i < v.elements(); ++i)
            v.targets.push_back(fmt::format("@f{}@", find_leaf(r, p, owner)));
    } else {
        const int target = find_variable(r, p, -1, [](const Variable& t) {
            return t.kind == Kind::number && !t.constant && t.fields[0].size == 8
                   && !t.fields[0].is_signed;
        });
        if (kind == 3 && target >= 0 && owner < 0) {
            v.kind = Kind::address;
            const std::string to = fmt::format("@v{}@", target);
            v.targets.push_back(p.variables[target].count ? to : "&" + to);
        } else {
            if (kind > 7)
                v.kind = Kind::record;
            const int fields = v.kind == Kind::record ? r.between(2, 4) : 1;
            for (int i = 0; i < fields; ++i)
                v.fields.push_back({fmt::format("m{}", i), sizes[r.below(6)], r.chance(40)});
            if (v.constant || owner >= 0 || r.chance(50))
                for (int i = 0; i < v.elements() * fields; ++i)
                    v.init.push_back(r.below(0x7fffffff) + 1);
            if (owner < 0 && !v.constant && r.chance(10))
                v.section = ".data.read_mostly";
        }
    }
    if (v.section == ".data.read_mostly" && v.init.empty())
        v.init.push_back(1);
    p.variables.push_back(std::move(v));
    return id;
}

int add_leaf(Random& r, Program& p, int unit) {
    const int id = static_cast<int>(p.functions.size());
    Function f;
    f.name = fmt::format("{}f{}", p.prefix, id);
    f.unit = unit;
    f.rank = 1000;
    f.order = id;
    f.leaf = true;
    f.wants_static = r.chance(60);
    f.form = r.chance(40) ? Function::Form::noinline : Function::Form::plain;
    p.functions.push_back(std::move(f));
    for (int i = r.between(1, 3); i > 0; --i)
        p.functions[id].body.push_back(random_statement(r, p, id));
    return id;
}

Program random_program(Random& r, const std::string& prefix) {
    Program p;
    p.prefix = prefix;
    const int callers = r.between(2, 4), leaves = r.between(2, 3);
    for (int i = 0; i < callers + leaves; ++i) {
        Function f;
        f.name = fmt::format("{}f{}", prefix, i);
        f.unit = static_cast<int>(r.below(units));
        f.rank = i < callers ? i : 1000;
        f.order = i < 2 ? i : static_cast<int>(r.below(10));
        f.leaf = i >= callers;
        f.wants_static = i > 0 && r.chance(60);
        const auto form = r.below(10);
        f.form = i == 0 || form < 5 ? Function::Form::noinline
                 : form < 9         ? Function::Form::plain
                                    : Function::Form::always_inline;
        f.in_header = i > 0 && r.chance(10);
        if (f.in_header)
            f.form = Function::Form::plain;
        f.weak = i > 0 && !f.in_header && !f.wants_static && r.chance(10);
        p.functions.push_back(std::move(f));
    }
    for (int i = r.between(3, 7); i > 0; --i)
        add_variable(r, p);
    for (int i = 0; i < callers + leaves; ++i) {
        if (!p.functions[i].in_header && r.chance(35))
            add_variable(r, p, i);
        for (int n = r.between(2, 5); n > 0; --n)
            p.functions[i].body.push_back(random_statement(r, p, i));
    }
    // the entry reaches every caller, and some leaf
    for (int i = 1; i < callers; ++i)
        p.functions[r.below(i)].body.push_back(
            fmt::format("@x@ += @f{}@(@y@, {});", i, operand(r)));
    for (int i = callers; i < callers + leaves; ++i)
        p.functions[r.below(callers)].body.push_back(
            fmt::format("@y@ ^= @f{}@(@x@, {});", i, operand(r)));
    if (r.chance(25)) {
        const int boot = add_leaf(r, p, static_cast<int>(r.below(units)));
        p.functions[boot].section = ".init.text";
        p.functions[boot].wants_static = false;
        p.functions[boot].form = Function::Form::noinline;
    }
    return p;
}

} // namespace xlp::generator
