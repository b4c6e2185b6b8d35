// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "tools/xlp-build/source/tree.h"
#include "tools/xlp-build/units/includes.h"
#include "tools/xlp-build/units/units.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Kind = Include::Kind;

TEST(ScanIncludes, all_kinds) {
    EXPECT_THAT(scan_includes("#include <xen/a.h>\n  # include \"b.h\"\n#include NAMED\n"
                              "# include __FILE__\nasm ( \".include \\\"asm/c.h\\\"\" );\n"
                              "/* include <d.h> */\n#ifdef X\n#include <e.h> /* rest */\n"),
                ElementsAre(Include{Kind::angled, "xen/a.h"}, Include{Kind::quoted, "b.h"},
                            Include{Kind::computed, ""}, Include{Kind::assembler, "asm/c.h"},
                            Include{Kind::angled, "e.h"}));
}

class Tree : public testing::Test {
protected:
    Tree() {
        std::string name = (fs::temp_directory_path() / "xlp-test-XXXXXX").string();
        root = fs::canonical(mkdtemp(name.data()));
    }
    ~Tree() override { fs::remove_all(root); }

    void put(const fs::path& base, const std::string& path, const std::string& text) {
        fs::create_directories((base / path).parent_path());
        ASSERT_TRUE(write_file(base / path, text));
    }

    static Recipe recipe(const std::string& source) {
        return {source,
                source.substr(0, source.rfind('.')) + ".o",
                "xen",
                source,
                {"gcc", "-include", "./include/config.h", "-I./include", "-I@TREE@/xen/arch"},
                {},
                false};
    }

    fs::path root;
};

TEST_F(Tree, closure_follows_headers_links_and_assembly) {
    put(root, "xen/common/u.c", "#include \"local.h\"\n#include <far.h>\n");
    put(root, "xen/common/local.h", "");
    put(root, "xen/include/local.h", "wrong one\n");
    put(root, "xen/include/config.h", "asm(\".include \\\"include/macros.h\\\"\");\n");
    put(root, "xen/include/macros.h", "");
    put(root, "xen/arch/far.h", "#include <loop.h>\n");
    put(root, "xen/arch/loop.h", "#include <far.h>\n");
    put(root, "xen/arch/unrelated.h", "");
    fs::create_directories(root / "xen/links");
    fs::create_symlink("../common/u.c", root / "xen/links/u.c");
    IncludeGraph graph(root);
    Closure c = graph.closure(recipe("common/u.c"));
    EXPECT_THAT(c.files,
                UnorderedElementsAre("xen/common/u.c", "xen/common/local.h", "xen/include/config.h",
                                     "xen/include/macros.h", "xen/arch/far.h", "xen/arch/loop.h"));
    EXPECT_THAT(c.by_assembler, ElementsAre("xen/include/macros.h"));
    EXPECT_FALSE(c.computed);
    EXPECT_TRUE(graph.closure(recipe("links/u.c")).files.count("xen/common/u.c"));
}

TEST_F(Tree, candidates_of_changed_files) {
    for (const char* side : {"a", "b"}) {
        put(root / side, "xen/include/config.h", "");
        put(root / side, "xen/include/h.h", side);
        put(root / side, "xen/common/includes.c", "#include <h.h>\n");
        put(root / side, "xen/common/patched.c", side);
        put(root / side, "xen/common/neither.c", "");
        // the same file with the same time is not looked into
        const auto time = fs::file_time_type::clock::now();
        fs::last_write_time(root / side / "xen/common/neither.c", time);
    }
    auto changed = compare_trees(root / "a", root / "b");
    ASSERT_TRUE(changed);
    ASSERT_THAT(*changed, SizeIs(2));
    EXPECT_EQ((*changed)[0].path, "xen/common/patched.c");
    EXPECT_EQ((*changed)[1].path, "xen/include/h.h");
    Recipes recipes;
    for (const char* s : {"common/includes.c", "common/patched.c", "common/neither.c"}) {
        Recipe r = recipe(s);
        recipes[r.object] = r;
    }
    auto list = candidates(root / "a", recipes, root / "b", recipes, *changed);
    ASSERT_THAT(list, SizeIs(2));
    EXPECT_EQ(list[0].object, "common/includes.o");
    EXPECT_FALSE(list[0].itself);
    EXPECT_THAT(list[0].files, ElementsAre("xen/include/h.h"));
    EXPECT_EQ(list[1].object, "common/patched.o");
    EXPECT_TRUE(list[1].itself);
}

} // namespace
} // namespace xlp::build
