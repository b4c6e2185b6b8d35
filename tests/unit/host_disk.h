// SPDX-License-Identifier: GPL-2.0-only
// A disk that can fail, or whose writer can die, before any change to it.
#pragma once

#include <functional>
#include <string>

namespace xlp::host::test {

// While it lives, the hook is called before each mkdir, mkostemp, fsync, rename and unlink of this
// process, with the path (none for fsync). What it returns, other than 0, is the errno of a change
// that then does not take place.
class DiskHook {
public:
    explicit DiskHook(std::function<int(const std::string& path)>);
    DiskHook(const DiskHook&) = delete;
    DiskHook& operator=(const DiskHook&) = delete;
    ~DiskHook();
};

// Runs `body` in a child process and gives how it ended: the child's exit code is `body`'s, or 1
// when an expectation failed in it; -1 for any other end.
int in_child(const std::function<int()>& body);

// Ends such a child as a kill does, without destructors; 1 when an expectation failed, else 0.
[[noreturn]] void end_child();

} // namespace xlp::host::test
