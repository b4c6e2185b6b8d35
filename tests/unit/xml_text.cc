// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/xml.h"

#include <gmock/gmock.h>

namespace xlp::xml {

TEST(Xml, TextIsValidWhateverItHolds) {
    pugi::xml_document doc;
    pugi::xml_node top = root(doc, "top");
    set(top, "name", "a \"b\" <c>\x01");
    child(top, "said", "1 < 2 && \xff\n");
    EXPECT_EQ(text(doc), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<top name=\"a &quot;b&quot; &lt;c>\xef\xbf\xbd\">\n"
                         "  <said>1 &lt; 2 &amp;&amp; \xef\xbf\xbd\n</said>\n"
                         "</top>\n");
    pugi::xml_document again;
    EXPECT_TRUE(again.load_string(text(doc).c_str()));
}

TEST(Xml, NothingToSayIsAnEmptyElement) {
    pugi::xml_document doc;
    child(root(doc, "top"), "skipped");
    EXPECT_THAT(text(doc), testing::HasSubstr("<skipped />"));
}

} // namespace xlp::xml
