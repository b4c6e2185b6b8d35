// SPDX-License-Identifier: GPL-2.0-only
// xen-livepatch by name.
#include "host_fixture.h"

#include <cerrno>

namespace xlp::host::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(VerbTest, TheOldToolsTable) {
    EXPECT_EQ(compat({"list"}).out, "Nothing to list\n");
    PayloadSpec spec = on("a");
    spec.modinfo = std::string("one=1\0two=2\0", 12);
    EXPECT_EQ(compat({"load", file("a.b", spec)}).out,
              "Uploading " + file("a.b", spec) + "... completed\nApplying a.b... completed\n");
    EXPECT_EQ(compat({"upload", "wait",
                      file("w",
                           [] {
                               PayloadSpec bare = on("d");
                               bare.bare = true;
                               return bare;
                           }())})
                  .code,
              0);
    xen.find("wait")->status.rc = -EBUSY;
    EXPECT_EQ(
        compat({"list"}).out,
        " ID                                     | status     | metadata\n"
        "----------------------------------------+------------+---------------\n"
        "a.b                                     | APPLIED    | one=1;two=2\n"
        "wait                                    | CHECKED (16, Device or resource busy)    | "
        "\n");
    xen.identity.minor = 13;
    EXPECT_THAT(compat({"list"}).out, StartsWith(" ID                                     | "
                                                 "status\n"));
}

TEST_F(VerbTest, TheOldToolsWordsAndCodes) {
    EXPECT_EQ(compat({"upload", "a", file("a", on("a"))}).code, 0);
    EXPECT_EQ(compat({"apply", "a"}).out, "Applying a... completed\n");
    EXPECT_EQ(compat({"apply", "a"}).out, "No action needed.\n");
    EXPECT_EQ(compat({"unload", "a"}).code, 1);
    EXPECT_THAT(compat({"unload", "a"}).err, HasSubstr("a is in the wrong state."));
    EXPECT_EQ(compat({"rev", "a"}).code, 0) << "up to 4.18 a beginning was enough";
    EXPECT_EQ(compat({"unload", "a"}).code, 0);
    EXPECT_EQ(compat({"apply", "a"}).code, 1);
    EXPECT_EQ(compat({"nonsense"}).code, 1);
    EXPECT_EQ(compat({}).code, 0);
    EXPECT_EQ(compat({"apply", "a", "--bogus"}).code, 1);
    ASSERT_EQ(compat({"upload", "b", file("b", on("b", id("99")))}).code, 0);
    EXPECT_EQ(compat({"apply", "b"}).code, 1);
    EXPECT_EQ(compat({"apply", "b", "--nodeps"}).code, 0);
    xen.rendezvous = std::chrono::seconds(100);
    EXPECT_EQ(compat({"revert", "b"}).code, 2) << "worth another try";
}

} // namespace
} // namespace xlp::host::test
