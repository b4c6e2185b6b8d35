// SPDX-License-Identifier: GPL-2.0-only
// The whole way from a patch to pairs of objects, on a small tree.
#include "build_small_xen.h"
#include "payload/base/file.h"
#include "tools/common/process.h"
#include "tools/xlp-build/compile/compile.h"

#include <chrono>
#include <csignal>
#include <gmock/gmock.h>
#include <thread>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class Compile : public SmallXen {
protected:
    Request request(std::vector<fs::path> patches) const {
        return {root / "source", std::move(patches), root / "config", root / "cache", {}};
    }

    static Result<Build> build(const Request& r) { return build_units(r, ignore, {}); }

    static void ignore(const std::string&) {}

    // The code of one function of an object.
    std::string code(const fs::path& object, const std::string& function) const {
        const std::string out = (root / "code").string();
        auto r = run_command(
            {.argv = {"objcopy", "-O", "binary", "-j", ".text." + function, object.string(), out}},
            {});
        EXPECT_TRUE(r && r->ok());
        return read_text(out).value_or("");
    }

    static std::vector<std::string> objects(const Build& b) {
        std::vector<std::string> list;
        for (const CompiledUnit& u : b.units)
            list.push_back(u.unit.object);
        return list;
    }

    static Finding only_error(const Result<Build>& r) {
        EXPECT_FALSE(r);
        if (r)
            return {};
        EXPECT_THAT(r.error(), SizeIs(1));
        return r.error().front();
    }

    std::string everything_in(const fs::path& folder) const {
        auto files = list_tree(folder);
        EXPECT_TRUE(files);
        return files ? hash_tree(folder, *files, {}).value_or("") : "";
    }
};

TEST_F(Compile, a_patched_source_gives_a_pair_and_the_source_stays_as_it_is) {
    const std::string before = everything_in(root / "source");
    auto b = build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")}));
    ASSERT_TRUE(b);
    EXPECT_EQ(b->trees.version.text(), "4.17.9");
    ASSERT_THAT(objects(*b), ElementsAre("common/two.o"));
    EXPECT_THAT(b->units[0].unit.reasons, ElementsAre("is itself patched"));
    EXPECT_NE(code(b->units[0].original, "two"), "");
    EXPECT_NE(code(b->units[0].original, "two"), code(b->units[0].patched, "two"));
    EXPECT_EQ(everything_in(root / "source"), before);
    EXPECT_FALSE(fs::exists(root / "source/xen/.config"));
}

TEST_F(Compile, a_header_matters_to_those_who_use_what_changed) {
    auto b = build(
        request({patch("xen/include/xen/help.h", 4, "    return p->a;", "    return p->a + 1;")}));
    ASSERT_TRUE(b);
    ASSERT_THAT(objects(*b), ElementsAre("common/one.o"));
    EXPECT_THAT(b->units[0].unit.reasons[0], HasSubstr("xen/include/xen/help.h: help"));
    ASSERT_THAT(b->unchanged, SizeIs(1));
    EXPECT_EQ(b->unchanged[0].object, "common/two.o");
}

TEST_F(Compile, what_the_original_preprocesses_to_is_kept_for_other_patches) {
    auto b = build(
        request({patch("xen/include/xen/help.h", 4, "    return p->a;", "    return p->a + 1;")}));
    ASSERT_TRUE(b);
    const fs::path kept = b->trees.original.parent_path() / "texts/common/two.o.i";
    EXPECT_THAT(read_text(kept).value_or(""), HasSubstr("int two(void)"));
    const auto time = fs::last_write_time(kept);
    const fs::path other =
        patch("xen/include/xen/help.h", 4, "    return p->a;", "    return p->a + 2;");
    EXPECT_TRUE(build(request({other})));
    EXPECT_EQ(fs::last_write_time(kept), time);
    // one that a power cut emptied is made again
    ASSERT_TRUE(write_file(kept, ""));
    EXPECT_TRUE(build(request({other})));
    EXPECT_THAT(read_text(kept).value_or(""), HasSubstr("int two(void)"));
}

TEST_F(Compile, a_generated_header_is_made_again) {
    auto b = build(request({patch("xen/include/xen/list.lst", 1, "LIMIT 3", "LIMIT 4")}));
    ASSERT_TRUE(b);
    EXPECT_THAT(objects(*b), ElementsAre("common/two.o"));
}

TEST_F(Compile, where_and_when_xen_is_compiled_is_no_change_of_the_patch) {
    const std::string who = (root / "who").string();
    put_at(who, "here");
    std::string text = makefile;
    const std::string rule = "\t$(MAKE) all.o\n";
    text.replace(text.find(rule), rule.size(),
                 "\techo \"#define WHO \\\"$$(cat " + who + ")\\\"\" > include/xen/compile.h\n"
                     + rule);
    put("xen/Makefile", text);
    put("xen/common/two.c", "#include <xen/compile.h>\n"
                            "const char *two(void)\n"
                            "{\n"
                            "    return WHO;\n"
                            "}\n");
    const fs::path fix =
        patch("xen/include/xen/help.h", 4, "    return p->a;", "    return p->a + 1;");
    ASSERT_TRUE(
        build(request({patch("xen/common/one.c", 9, "    return __LINE__;", "    return 1;")})));
    put_at(who, "there");
    auto b = build(request({fix}));
    ASSERT_TRUE(b);
    EXPECT_THAT(objects(*b), ElementsAre("common/one.o"));
}

TEST_F(Compile, what_a_patch_does_to_compile_h_is_a_change) {
    std::string text = makefile;
    const std::string rule = "\t$(MAKE) all.o\n";
    text.replace(text.find(rule), rule.size(),
                 "\tcp include/xen/compile.h.in include/xen/compile.h\n" + rule);
    put("xen/Makefile", text);
    put("xen/include/xen/compile.h.in", "#define WHO 1\n");
    put("xen/common/two.c", "#include <xen/compile.h>\n"
                            "int two(void)\n"
                            "{\n"
                            "    return WHO;\n"
                            "}\n");
    auto b = build(
        request({patch("xen/include/xen/compile.h.in", 1, "#define WHO 1", "#define WHO 2")}));
    ASSERT_TRUE(b) << b.error().front().why;
    EXPECT_THAT(objects(*b), ElementsAre("common/two.o"));
}

// As up to 4.12, where the rule for the hypervisor is one make deeper, and Kconfig's header is made
// by the outer one.
TEST_F(Compile, a_header_that_the_outer_make_makes) {
    std::string text = "BASEDIR := $(CURDIR)\n" + std::string(makefile);
    auto replace = [&](const std::string& from, const std::string& to) {
        ASSERT_NE(text.find(from), text.npos);
        text.replace(text.find(from), from.size(), to);
    };
    replace("build: $(TARGET)\n", "build install:: include/config/auto.conf\n"
                                  "build:: $(TARGET)\n"
                                  "include/config/auto.conf:\n"
                                  "\tmkdir -p include/config include/generated\n"
                                  "\techo '#define EARLY 1' > include/generated/autoconf.h\n"
                                  "\ttouch $@\n");
    replace("\t$(MAKE) include/generated/made.h\n",
            "\t$(MAKE) -f $(BASEDIR)/Rules.mk include/generated/made.h\n");
    put("xen/Makefile", text);
    put("xen/Rules.mk", "include Makefile\n");
    put("xen/include/xen/config.h",
        "#include <generated/autoconf.h>\n#include <generated/made.h>\n");
    auto b =
        build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return EARLY;")}));
    ASSERT_TRUE(b) << b.error().front().why;
    EXPECT_THAT(objects(*b), ElementsAre("common/two.o"));
}

TEST_F(Compile, data_that_the_build_embeds_is_left_alone) {
    auto b = build(request({patch("xen/include/xen/list.lst", 1, "LIMIT 3", "LIMIT 4")}));
    ASSERT_TRUE(b);
    auto data = std::find_if(b->unchanged.begin(), b->unchanged.end(),
                             [](const Unit& u) { return u.object == "common/data.o"; });
    ASSERT_NE(data, b->unchanged.end());
    EXPECT_THAT(data->reasons[0], HasSubstr("embeds"));
}

TEST_F(Compile, a_second_run_compiles_nothing_again) {
    const Request r = request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")});
    auto first = build(r);
    ASSERT_TRUE(first);
    const auto time = fs::last_write_time(first->units[0].original);
    auto second = build(r);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->units[0].original, first->units[0].original);
    EXPECT_EQ(fs::last_write_time(second->units[0].original), time);
}

TEST_F(Compile, a_cache_behind_a_link_is_the_same_cache) {
    fs::create_directories(root / "elsewhere");
    fs::create_directory_symlink(root / "elsewhere", root / "link");
    Request r = request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")});
    r.cache = root / "link/cache";
    auto b = build(r);
    ASSERT_TRUE(b) << b.error().front().why;
    EXPECT_THAT(objects(*b), ElementsAre("common/two.o"));
    r.cache = root / "elsewhere/cache";
    auto again = build(r);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->units[0].original, b->units[0].original);
}

TEST_F(Compile, the_path_of_the_cache_is_in_no_object) {
    auto b = build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")}));
    ASSERT_TRUE(b);
    for (const fs::path& object : {b->units[0].original, b->units[0].patched})
        EXPECT_THAT(*read_text(object), testing::Not(HasSubstr(root.string())));
}

TEST_F(Compile, stable_lines_leave_the_code_below_a_change_as_it_was) {
    auto b = build(request({patch("xen/common/one.c", 4, "    return help(p) + 1;",
                                  "    int x = help(p);\n\n    return x + 2;")}));
    ASSERT_TRUE(b);
    const CompiledUnit& one = b->units.at(0);
    EXPECT_NE(code(one.original, "line"), code(one.patched, "line"));
    auto stable = compile_stable(*b, one.unit, {});
    ASSERT_TRUE(stable);
    EXPECT_EQ(code(one.original, "line"), code(*stable, "line"));
    EXPECT_NE(code(one.original, "one"), code(*stable, "one"));
    EXPECT_EQ(b->lines.original("common/one.c", 9), 7u);
}

TEST_F(Compile, sections_as_xen_has_them_where_it_does_not_split_them) {
    const fs::path change = patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;");
    auto b = build(request({change}));
    ASSERT_TRUE(b);
    auto whole = compile_whole(*b, b->units[0].unit, {});
    ASSERT_TRUE(whole);
    EXPECT_EQ(code(*whole, "two"), "") << "there is no .text.two in it";
    EXPECT_TRUE(fs::exists(*whole));
    put("xen/Makefile", std::string(makefile) + "CFLAGS += -ffunction-sections -fdata-sections\n");
    b = build(request({change}));
    ASSERT_TRUE(b);
    whole = compile_whole(*b, b->units[0].unit, {});
    ASSERT_TRUE(whole);
    EXPECT_EQ(*whole, fs::path());
}

TEST_F(Compile, boot_code_that_is_made_late_is_no_obstacle) {
    put("xen/Makefile", std::string(makefile)
                            + "all.o: arch/x86/boot/head.o\n"
                              "arch/x86/boot/head.o: arch/x86/boot/cmdline.S\n"
                              "arch/x86/boot/cmdline.S:\n\techo nop > $@\n");
    put("xen/arch/x86/boot/head.S",
        ".text\nstart:\n    mov $LIMIT, %eax\n#include \"cmdline.S\"\n");
    auto b = build(request({patch("xen/include/xen/list.lst", 1, "LIMIT 3", "LIMIT 4")}));
    ASSERT_TRUE(b);
    EXPECT_THAT(objects(*b), ElementsAre("arch/x86/boot/head.o", "common/two.o"));
}

TEST_F(Compile, without_moved_lines_there_is_no_stable_twin) {
    auto b = build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")}));
    ASSERT_TRUE(b);
    auto stable = compile_stable(*b, b->units[0].unit, {});
    ASSERT_TRUE(stable);
    EXPECT_TRUE(stable->empty());
}

TEST_F(Compile, a_new_unit_has_no_original) {
    const fs::path file = root / "new.patch";
    put_at(file, "--- /dev/null\n+++ b/xen/common/three.c\n@@ -0,0 +1 @@\n+int three = 3;\n"
                 "--- a/xen/Makefile\n+++ b/xen/Makefile\n@@ -6 +6 @@\n"
                 "-OBJS := common/one.o common/two.o arch/x86/low.o\n"
                 "+OBJS := common/one.o common/three.o common/two.o arch/x86/low.o\n");
    auto b = build(request({file}));
    ASSERT_TRUE(b);
    ASSERT_THAT(objects(*b), ElementsAre("common/three.o"));
    EXPECT_TRUE(b->units[0].original.empty());
    EXPECT_TRUE(fs::exists(b->units[0].patched));
}

TEST_F(Compile, a_flag_for_every_unit_is_refused) {
    auto f = only_error(build(request({patch("xen/Makefile", 5,
                                             "CFLAGS := -O2 -nostdinc -Iinclude "
                                             "-include include/xen/config.h "
                                             "$(EXTRA_CFLAGS_XEN_CORE)",
                                             "CFLAGS := -O1 -nostdinc -Iinclude -include "
                                             "include/xen/config.h $(EXTRA_CFLAGS_XEN_CORE)")})));
    EXPECT_EQ(f.code, "patch.changes-every-unit");
    EXPECT_EQ(f.failure, Failure::refused);
    EXPECT_THAT(f.why, HasSubstr("+[-O1]"));
}

TEST_F(Compile, a_patch_that_does_not_compile_is_the_patchs_fault) {
    auto f = only_error(
        build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return UNKNOWN;")})));
    EXPECT_EQ(f.code, "patch.does-not-compile");
    EXPECT_EQ(f.failure, Failure::input);
    EXPECT_EQ(f.where.source, "xen/common/two.c");
    EXPECT_EQ(f.where.line, 4u);
    EXPECT_THAT(f.why, HasSubstr("UNKNOWN"));
}

TEST_F(Compile, a_patch_for_the_tools_only_is_refused) {
    auto f = only_error(build(request({patch("tools/tool.c", 1, "int tool;", "int two;")})));
    EXPECT_EQ(f.code, "patch.no-hypervisor-code");
    EXPECT_EQ(f.failure, Failure::refused);
    EXPECT_THAT(f.why, HasSubstr("tools/tool.c"));
}

TEST_F(Compile, a_patch_that_changes_only_comments_of_headers_is_refused) {
    auto f = only_error(build(request({patch("xen/include/xen/help.h", 1, "struct s { int a; };",
                                             "struct s { int a; }; /* said */")})));
    EXPECT_EQ(f.code, "patch.no-unit-affected");
}

TEST_F(Compile, a_configuration_without_live_patching_is_refused) {
    put_at(root / "config", "# CONFIG_LIVEPATCH is not set\n");
    auto f = only_error(
        build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")})));
    EXPECT_EQ(f.code, "config.no-livepatch");
    EXPECT_EQ(f.failure, Failure::input);
}

TEST_F(Compile, a_folder_that_is_no_xen_is_refused) {
    fs::remove(root / "source/xen/Makefile");
    auto f = only_error(
        build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")})));
    EXPECT_EQ(f.code, "source.not-xen");
    EXPECT_EQ(f.failure, Failure::input);
}

TEST_F(Compile, a_compiler_that_is_not_there) {
    Request r = request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")});
    r.toolchain.cc = "no-such-compiler";
    auto f = only_error(build(r));
    EXPECT_EQ(f.code, "compiler.missing");
    EXPECT_EQ(f.failure, Failure::environment);
}

// The small tree as one of an old version: its makefile prints what it was called with.
TEST_F(Compile, old_trees_get_python_2_and_no_new_warnings) {
    std::string old = makefile;
    old.replace(old.find("SUBVERSION = 17"), 15, "SUBVERSION = 10");
    old.replace(old.find("\tgrep"), 5,
                "\techo '$(CC)' '$(PYTHON)' $$XEN_CONFIG_EXPERT > called\n\tgrep");
    put("xen/Makefile", old);
    const fs::path tree = root / "source", programs = root / "programs";
    const std::string path = std::getenv("PATH");

    setenv("PATH", programs.c_str(), 1); // make is not there either, and not asked
    auto none = configure(tree, root / "config", {}, {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error()[0].code, "prepare.python");

    fs::create_directories(programs);
    put_at(programs / "python2", "#!/bin/sh\n");
    fs::permissions(programs / "python2", fs::perms::owner_all);
    setenv("PATH", (programs.string() + ":" + path).c_str(), 1);
    ASSERT_TRUE(configure(tree, root / "config", {}, {}));
    setenv("PATH", path.c_str(), 1);
    const std::string called = read_text(tree / "xen/called").value_or("");
    EXPECT_THAT(called, testing::AllOf(testing::StartsWith("gcc -Wno-"), HasSubstr("python2"),
                                       testing::EndsWith(" y\n")));
}

TEST_F(Compile, a_cache_that_cannot_be) {
    put_at(root / "cache", "a file\n");
    auto f = only_error(
        build(request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")})));
    EXPECT_EQ(f.code, "cache.unusable");
    EXPECT_EQ(f.failure, Failure::environment);
}

TEST_F(Compile, an_interrupt_leaves_no_process_and_no_half_made_file) {
    // compiles as ever, but for the unit: there it tells its number and waits for its end
    const fs::path cc = root / "cc";
    put_at(cc, "#!/bin/sh\ncase \"$*\" in *-ffile-prefix-map*two.c*) echo $$ > '"
                   + (root / "pid.new").string() + "'; mv '" + (root / "pid.new").string() + "' '"
                   + (root / "pid").string() + "'; exec sleep 600;; esac\nexec gcc \"$@\"\n");
    fs::permissions(cc, fs::perms::owner_all);
    Request r = request({patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;")});
    r.toolchain.cc = cc.string();
    std::stop_source stop;
    std::jthread interrupter([&](std::stop_token end) {
        while (!end.stop_requested() && !fs::exists(root / "pid"))
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        stop.request_stop();
    });
    auto b = build_units(r, ignore, stop.get_token());
    EXPECT_EQ(only_error(b).code, "interrupted");
    ASSERT_TRUE(fs::exists(root / "pid"));
    const pid_t pid = std::stoi(*read_text(root / "pid"));
    EXPECT_EQ(kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
    for (const auto& e : fs::recursive_directory_iterator(root / "cache")) {
        EXPECT_THAT(e.path().filename().string(), testing::Not(HasSubstr(".tmp")));
        EXPECT_NE(e.path().filename(), "two.o");
    }
}

TEST_F(Compile, with_a_payload_below_the_original_has_its_patch) {
    Request r = request({patch("xen/common/one.c", 9, "    return __LINE__;", "    return 1;")});
    const fs::path below = patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;");
    auto alone = build(request({below}));
    ASSERT_TRUE(alone);
    r.patches_below = {below};
    auto b = build(r);
    ASSERT_TRUE(b);
    ASSERT_THAT(objects(*b), ElementsAre("common/one.o", "common/two.o"));
    EXPECT_FALSE(b->units[0].below);
    EXPECT_NE(code(b->units[0].original, "line"), code(b->units[0].patched, "line"));
    // what the payload below changed is the same on both sides: as that payload has it
    EXPECT_TRUE(b->units[1].below);
    EXPECT_EQ(b->units[1].original, b->units[1].patched);
    EXPECT_EQ(code(b->units[1].original, "two"), code(alone->units[0].patched, "two"));
    EXPECT_THAT(b->trees.patched_files, ElementsAre("xen/common/one.c"));
}

TEST_F(Compile, patches_below_and_on_top_may_touch_the_same_line) {
    const fs::path below = patch("xen/common/two.c", 4, "    return LIMIT;", "    return 7;");
    Request r = request({patch("xen/common/two.c", 4, "    return 7;", "    return 8;")});
    EXPECT_EQ(only_error(build(r)).code, "patch.does-not-apply");
    r.patches_below = {below};
    auto b = build(r);
    ASSERT_TRUE(b);
    ASSERT_THAT(objects(*b), ElementsAre("common/two.o"));
    EXPECT_NE(code(b->units[0].original, "two"), code(b->units[0].patched, "two"));
}

} // namespace
} // namespace xlp::build
