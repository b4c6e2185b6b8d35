// SPDX-License-Identifier: GPL-2.0-only
// The payload as the loader's model sees it: accepted by every version, and the same bytes always.
#include "diff_pair.h"
#include "payload/emit/emit.h"
#include "payload/load/model.h"

namespace xlp::emit::test {

using diff::test::Diff;

namespace {

const std::string before = R"(
static const char *const names[] = { "one", "two" };
static noinline int helper(int x) { static int count; return count += x; }
int a(int x) { WARN(10); return helper(x); }
const char *b(unsigned int i) { return names[i & 1]; }
)";
const std::string after = R"(
static const char *const names[] = { "one", "TWO" };
static int fresh = 4;
static noinline int helper(int x) { static int count; return count += x; }
static noinline int added(int x) { return outside(x) - fresh; }
int a(int x) { WARN(11); if (x > 3) WARN(300); return helper(x) + added(x); }
const char *b(unsigned int i) { return names[i & 1]; }
)";

Result<Payload> make(const Diff& d, const std::string& name = "x") {
    Options options;
    options.depends = d.image().build_id();
    options.modinfo = {{"name", name}};
    return emit(d.program(), d.selection(), d.binder(), options);
}

} // namespace

TEST(Emit, EveryVersionTakesIt) {
    Diff d(before, after);
    ASSERT_FALSE(has_errors(d.selection().findings));
    auto payload = make(d);
    ASSERT_TRUE(payload);
    for (unsigned minor = 14; minor <= 22; ++minor) {
        load::Options options;
        options.version = xen::Version{4, minor, 5};
        const load::Verdict v = load::load(payload->bytes, d.image(), options);
        EXPECT_EQ(v.upload.outcome, load::Outcome::accepted) << minor << ": " << v.upload.log;
        EXPECT_EQ(v.apply.outcome, load::Outcome::accepted) << minor << ": " << v.apply.log;
        for (const Finding& f : v.findings)
            EXPECT_NE(f.severity, Severity::error) << minor << ": " << f.code << ": " << f.why;
    }
}

TEST(Emit, SameInputSameBytes) {
    Diff one(before, after), two(before, after);
    auto x = make(one), y = make(two);
    ASSERT_TRUE(x && y);
    EXPECT_EQ(x->bytes, y->bytes);
    auto z = make(two, "y");
    ASSERT_TRUE(z);
    EXPECT_NE(x->build_id, z->build_id);
}

TEST(Emit, ThePayloadNamesItsOwnContent) {
    Diff d(before, after);
    auto payload = make(d);
    ASSERT_TRUE(payload);
    auto object = elf::Object::parse(payload->bytes, "payload");
    ASSERT_TRUE(object);
    const elf::Section* s = object->section(".modinfo");
    ASSERT_TRUE(s);
    EXPECT_EQ(as_text(s->bytes),
              std::string("name=x") + '\0' + "content=" + hex(payload->build_id) + '\0');
}

TEST(Emit, NoSectionTwiceAndNoneEmpty) {
    Diff d(before, after);
    auto payload = make(d);
    ASSERT_TRUE(payload);
    auto object = elf::Object::parse(payload->bytes, "payload");
    ASSERT_TRUE(object);
    std::set<std::string_view> seen;
    for (const elf::Section& s : object->sections()) {
        if (!s.index)
            continue;
        EXPECT_TRUE(seen.insert(s.name).second) << s.name;
        EXPECT_NE(s.size, 0U) << s.name;
        if (s.writable()) {
            EXPECT_TRUE(s.name == ".livepatch.funcs" || s.name == ".data") << s.name;
        }
    }
}

TEST(Emit, NamesCannotClash) {
    Diff d(before, after);
    auto payload = make(d);
    ASSERT_TRUE(payload);
    auto object = elf::Object::parse(payload->bytes, "payload");
    ASSERT_TRUE(object);
    for (const elf::Symbol& s : object->symbols()) {
        if (!s.defined() || s.type == STT_SECTION)
            continue;
        const bool replaced = d.image().resolve(s.name).has_value();
        EXPECT_TRUE(replaced || s.name.find('~') != s.name.npos) << s.name;
    }
}

TEST(Emit, AlternativesThatBecomeNothingAreTaken) {
    const std::string alternative =
        "#define CLEAR asm volatile (\"1: .byte 0x0f,0x01,0xca\\n\" \\\n"
        "    \".pushsection .altinstr_replacement,\\\"ax\\\"\\n2:\\n.popsection\\n\" \\\n"
        "    \".pushsection .altinstructions,\\\"a\\\"\\n.long 1b - ., 2b - .\\n\" \\\n"
        "    \".word 17\\n.byte 3,0,0,0\\n.popsection\")\n";
    Diff d(alternative + "int a(int x) { CLEAR; return outside(x); }",
           alternative + "int a(int x) { CLEAR; return outside(x) + 1; }");
    auto payload = make(d);
    ASSERT_TRUE(payload);
    for (unsigned minor : {14U, 17U, 20U}) {
        load::Options options;
        options.version = xen::Version{4, minor, 5};
        const load::Verdict v = load::load(payload->bytes, d.image(), options);
        EXPECT_EQ(v.upload.outcome, load::Outcome::accepted) << minor << ": " << v.upload.log;
    }
}

TEST(Emit, RelocationThatTheLoaderDoesNotKnowIsRefused) {
    Diff d(
        "int a(int x) { return outside(x); }",
        "int a(int x) { int y; asm (\"mov $outside, %0\" : \"=r\" (y)); return outside(x) + y; }");
    auto payload = make(d);
    ASSERT_FALSE(payload);
    EXPECT_EQ(payload.error().front().code, "emit.relocation");
}

} // namespace xlp::emit::test
