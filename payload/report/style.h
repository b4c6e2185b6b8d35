// SPDX-License-Identifier: GPL-2.0-only
// The report's looks: light and dark, and narrow screens.
#pragma once

#include <string_view>

namespace xlp::report {

inline constexpr std::string_view style = R"(
:root{color-scheme:light dark;--fg:#1d2125;--bg:#fff;--soft:#f3f4f6;--line:#d6d9de;
--good:#18794e;--bad:#c62a2f;--added:#e2f5e9;--removed:#fde7e7;--text:#7c9cf5;--rw:#e5a14b;--ro:#86b98b}
@media(prefers-color-scheme:dark){:root{--fg:#e3e5e8;--bg:#16181c;--soft:#202329;--line:#3a3f47;
--good:#4cc38a;--bad:#ff7a7f;--added:#15331f;--removed:#3d1a1c;--text:#5472d3;--rw:#a06a22;--ro:#4a7d50}}
*{box-sizing:border-box}
body{margin:0;color:var(--fg);background:var(--bg);font:16px/1.5 system-ui,sans-serif}
main{max-width:75rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
code,.code,dd{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dd{margin:0}
.verdict{padding:.6rem .8rem;border-left:.3rem solid;background:var(--soft)}
.good{border-color:var(--good)}.bad{color:var(--bad);border-color:var(--bad)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.2rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
td code{overflow-wrap:normal}
.code td{border:0;white-space:pre;padding:.05rem .5rem}.code td:nth-child(odd){opacity:.6}
.code td:nth-child(3){border-left:1px solid var(--line)}
tr.added td:nth-child(n+3){background:var(--added)}
tr.removed td:nth-child(-n+2){background:var(--removed)}
details{margin:.6rem 0;border:1px solid var(--line);border-radius:.4rem}
summary{padding:.5rem .8rem;background:var(--soft);cursor:pointer}
.bar{display:flex;height:1.6rem;margin:.8rem 0;border-radius:.3rem;overflow:hidden}
.bar span{min-width:2px;border-right:1px solid var(--bg)}
.bar .text{background:var(--text)}.bar .data{background:var(--rw)}.bar .read-only{background:var(--ro)}
@media(max-width:40rem){dl{grid-template-columns:1fr}dt{font-weight:600}}
)";

} // namespace xlp::report
