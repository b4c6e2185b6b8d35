# Precompiled headers. One set for the rooms, one with JSON for those that write it, one for the tools,
# one for the unit tests. Compiled once each: every target must be compiled with the same
# flags. CMAKE_DISABLE_PRECOMPILE_HEADERS turns them off.
#
# Angle brackets only: an absolute path in the set would differ from tree to tree, and so would
# everything that ccache keeps.
set(_xlp_std
    <algorithm> <array> <cerrno> <charconv> <cstdint> <cstring> <filesystem> <functional> <map>
    <memory> <optional> <set> <span> <sstream> <stop_token> <string> <string_view> <unordered_map>
    <utility> <vector> <fmt/format.h> <tl/expected.hpp>)
set(_xlp_json ${_xlp_std} <fmt/ranges.h> <nlohmann/json.hpp>)
set(_xlp_tools ${_xlp_json} <boost/program_options.hpp>)

# xlp_precompiled(TARGET std|json|tools|tests): the first target to ask for a set is the one to compile it
function(xlp_precompiled target set)
    get_property(owner GLOBAL PROPERTY xlp_precompiled_${set})
    if(owner)
        target_precompile_headers(${target} REUSE_FROM ${owner})
        return()
    endif()
    set_property(GLOBAL PROPERTY xlp_precompiled_${set} ${target})
    if(set STREQUAL tests)
        target_precompile_headers(${target} PRIVATE ${_xlp_json} <gmock/gmock.h> <gtest/gtest.h>)
    else()
        target_precompile_headers(${target} PRIVATE ${_xlp_${set}})
    endif()
endfunction()
