// SPDX-License-Identifier: GPL-2.0-only
// Is this host protected?
#include "host_fixture.h"
#include "payload/base/file.h"
#include "payload/base/json.h"

namespace xlp::host::test {
namespace {

using ::testing::HasSubstr;

TEST_F(VerbTest, StatusAnswersTheQuestion) {
    EXPECT_EQ(xlp({"status"}).code, 4) << "nothing to compare with";
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 3);
    store("one", on("a"), {"XSA-1"});
    store("two", on("b", id("a")), {"XSA-2"});
    PayloadSpec other = on("c", id("77"));
    other.xen = id("77");
    store("elsewhere", other, {"XSA-1", "XSA-9"});
    ASSERT_EQ(xlp({"load", root.paths.store() / xen_id / "one.livepatch"}).code, 0);
    const Ran no = xlp({"status", "--json"});
    EXPECT_EQ(no.code, 1);
    const Json j = no.json();
    EXPECT_EQ(j["schema"], "xlp.status/1");
    EXPECT_EQ(j["protected"], false);
    EXPECT_EQ(j["stack"][0]["name"], "one");
    EXPECT_EQ(j["stack"][0]["functions"], Json({"do_xen_version"}));
    EXPECT_NE(j["stack"][0]["applied_at"], "");
    EXPECT_EQ(j["fixed"], Json({"XSA-1"}));
    EXPECT_EQ(j["open"], Json({"XSA-2"}));
    EXPECT_EQ(j["elsewhere"], Json({"XSA-9"}));
    const Ran critical = xlp({"status", "--monitor"});
    EXPECT_EQ(critical.code, 2);
    EXPECT_EQ(critical.out,
              "XLP CRITICAL - 1 payloads in effect, 1 missing: XSA-2 | payloads=1 missing=1\n");
    ASSERT_EQ(xlp({"sync"}).code, 0);
    EXPECT_EQ(xlp({"status"}).code, 0);
    EXPECT_THAT(xlp({"status"}).out, HasSubstr("Protected: yes"));
    EXPECT_EQ(xlp({"status", "--monitor"}).code, 0);
}

TEST_F(VerbTest, ModinfoTellsWhatNoFileTells) {
    PayloadSpec spec = on("a");
    spec.modinfo = std::string("title=t\0advisories=XSA-5 XSA-6\0", 32);
    ScriptedHypervisor other(xen);
    ASSERT_TRUE(other.upload("theirs", make_payload(spec), false));
    ASSERT_TRUE(other.act(Action::apply, "theirs", 30'000'000, 0));
    clock.sleep(std::chrono::seconds(1));
    const Json j = xlp({"status", "--json"}).json();
    EXPECT_EQ(j["fixed"], Json({"XSA-5", "XSA-6"}));
    EXPECT_EQ(j["stack"][0]["title"], "t");
}

TEST_F(VerbTest, MetricsAreWrittenWholeAndAlsoWithoutAHypervisor) {
    store("one", on("a"), {"XSA-1"});
    const fs::path file_ = root.paths.root / "xlp.prom";
    xlp({"status", "--prometheus", file_});
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_protected 0\n"));
    EXPECT_THAT(**read_text_if_there(file_),
                HasSubstr("xlp_advisory_fixed{advisory=\"XSA-1\"} 0\n"));
    ASSERT_EQ(xlp({"sync"}).code, 0);
    xlp({"status", "--prometheus", file_});
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_protected 1\n"));
    EXPECT_THAT(**read_text_if_there(file_),
                HasSubstr("xlp_advisory_fixed{advisory=\"XSA-1\"} 1\n"));
    machine.connect = [](Via) -> Result<std::unique_ptr<Hypervisor>> {
        return fail(environment("host.no-xen", "No hypervisor."));
    };
    EXPECT_EQ(xlp({"status", "--prometheus", file_}).code, 4);
    EXPECT_THAT(**read_text_if_there(file_), HasSubstr("xlp_up 0\n"));
}

} // namespace
} // namespace xlp::host::test
