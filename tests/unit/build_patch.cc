// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/file.h"
#include "tools/xlp-build/source/patch.h"
#include "tools/xlp-build/source/tree.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <unistd.h>

namespace xlp::build {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* two_files = R"(Subject: two files

--- in a description is no file.

--- a/xen/common/one.c
+++ b/xen/common/one.c
@@ -1,3 +1,4 @@ context
 a
-b
+B
+BB
 c
@@ -10 +11,0 @@
-gone
diff --git a/tools/two.c b/tools/two.c
new file mode 100644
index 000..111
--- /dev/null
+++ b/tools/two.c
@@ -0,0 +1,2 @@
+x
+y
-- 
2.30.2
)";

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "xlp-test-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~TemporaryFolder() { fs::remove_all(path); }
    fs::path path;
};

Finding only_error(const Findings& list) {
    EXPECT_THAT(list, SizeIs(1));
    return list.empty() ? Finding{} : list.front();
}

TEST(Patch, reads_files_and_hunks) {
    auto files = parse_patch(two_files, "p");
    ASSERT_TRUE(files);
    ASSERT_THAT(*files, SizeIs(2));
    EXPECT_EQ((*files)[0].path(), "xen/common/one.c");
    EXPECT_THAT((*files)[0].hunks, ElementsAre(Hunk{1, 3, 1, 4}, Hunk{10, 1, 11, 0}));
    EXPECT_EQ((*files)[1].old_path, "");
    EXPECT_EQ((*files)[1].new_path, "tools/two.c");
    EXPECT_THAT((*files)[1].text, HasSubstr("new file mode"));
    EXPECT_THAT((*files)[1].text, testing::Not(HasSubstr("2.30.2")));
}

TEST(Patch, a_rename_without_a_change_has_both_paths) {
    auto files = parse_patch("diff --git a/xen/a.c b/xen/b.c\nsimilarity index 100%\n"
                             "rename from xen/a.c\nrename to xen/b.c\n",
                             "p");
    ASSERT_TRUE(files);
    ASSERT_THAT(*files, SizeIs(1));
    EXPECT_EQ((*files)[0].old_path, "xen/a.c");
    EXPECT_EQ((*files)[0].new_path, "xen/b.c");
}

TEST(Patch, a_short_hunk_is_malformed_and_names_its_line) {
    auto files = parse_patch("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n", "file.patch");
    ASSERT_FALSE(files);
    const Finding f = only_error(files.error());
    EXPECT_EQ(f.code, "patch.malformed");
    EXPECT_EQ(f.failure, Failure::input);
    EXPECT_EQ(f.where.file, "file.patch");
    EXPECT_EQ(f.where.line, 7u);
}

TEST(Patch, text_without_a_diff_is_refused) {
    auto files = parse_patch("Hello\n", "p");
    ASSERT_FALSE(files);
    EXPECT_EQ(only_error(files.error()).code, "patch.empty");
}

TEST(Patch, kinds) {
    EXPECT_EQ(kind_of("xen/arch/x86/mm.c"), FileKind::c_source);
    EXPECT_EQ(kind_of("xen/include/xen/sched.h"), FileKind::header);
    EXPECT_EQ(kind_of("xen/arch/x86/x86_64/entry.S"), FileKind::assembly);
    EXPECT_EQ(kind_of("xen/arch/x86/xen.lds.S"), FileKind::linker_script);
    EXPECT_EQ(kind_of("xen/arch/arm/domain.c"), FileKind::other_arch);
    EXPECT_EQ(kind_of("xen/common/Kconfig"), FileKind::build);
    EXPECT_EQ(kind_of("xen/include/xlat.lst"), FileKind::build);
    EXPECT_EQ(kind_of("xen/tools/gen-cpuid.py"), FileKind::build);
    EXPECT_EQ(kind_of("Config.mk"), FileKind::build);
    EXPECT_EQ(kind_of("tools/libs/light/libxl.c"), FileKind::outside);
    EXPECT_EQ(kind_of("docs/misc/xen-command-line.pandoc"), FileKind::outside);
}

std::string lines(int from, int to) {
    std::string text;
    for (int i = from; i <= to; ++i)
        text += std::to_string(i) + "\n";
    return text;
}

Result<Findings> apply(const TemporaryFolder& tree, const std::string& patch) {
    auto files = parse_patch(patch, "p");
    if (!files)
        return fail(files);
    return apply_patch(*files, "p", tree.path, {});
}

TEST(Patch, applies_and_notes_an_offset) {
    TemporaryFolder tree;
    ASSERT_TRUE(write_file(tree.path / "f", "zero\n" + lines(1, 9)));
    auto notes = apply(tree, "--- a/f\n+++ b/f\n@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6\n");
    ASSERT_TRUE(notes);
    EXPECT_EQ(only_error(*notes).code, "patch.offset");
    EXPECT_THAT(*read_text(tree.path / "f"), HasSubstr("4\nfive\n6\n"));
}

TEST(Patch, does_not_apply_with_fuzz) {
    TemporaryFolder tree;
    ASSERT_TRUE(write_file(tree.path / "f", lines(1, 9)));
    auto notes = apply(tree, "--- a/f\n+++ b/f\n@@ -3,5 +3,5 @@\n three\n 4\n-5\n+five\n 6\n 7\n");
    ASSERT_FALSE(notes);
    const Finding f = only_error(notes.error());
    EXPECT_EQ(f.code, "patch.does-not-apply");
    EXPECT_EQ(f.failure, Failure::input);
    EXPECT_EQ(f.where.source, "f");
}

TEST(Patch, says_when_it_is_applied_already) {
    TemporaryFolder tree;
    ASSERT_TRUE(write_file(tree.path / "f", "1\n2\nthree\n4\n5\n"));
    auto notes = apply(tree, "--- a/f\n+++ b/f\n@@ -1,5 +1,5 @@\n 1\n 2\n-3\n+three\n 4\n 5\n");
    ASSERT_FALSE(notes);
    EXPECT_EQ(only_error(notes.error()).code, "patch.already-applied");
}

} // namespace
} // namespace xlp::build
