// SPDX-License-Identifier: GPL-2.0-only
// Stands before the C library: the linker finds these first, for our code and for libstdc++.
#include "host_disk.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace xlp::host::test {
namespace {

std::function<int(const std::string&)> hook;

template <class F, class... Args>
int through(const char* name, const std::string& path, Args... args) {
    if (hook)
        if (const int error = hook(path)) {
            errno = error;
            return -1;
        }
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name))(args...);
}

} // namespace

DiskHook::DiskHook(std::function<int(const std::string&)> f) {
    hook = std::move(f);
}

DiskHook::~DiskHook() {
    hook = nullptr;
}

void end_child() {
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure());
}

int in_child(const std::function<int()>& body) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        const int code = body();
        std::fflush(nullptr);
        ::_exit(::testing::Test::HasFailure() ? 1 : code);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace xlp::host::test

using xlp::host::test::through;

extern "C" {

int mkdir(const char* path, mode_t mode) noexcept {
    return through<int(const char*, mode_t)>("mkdir", path, path, mode);
}

int mkostemp(char* path, int flags) {
    return through<int(char*, int)>("mkostemp", path, path, flags);
}

int fsync(int fd) {
    return through<int(int)>("fsync", {}, fd);
}

int rename(const char* from, const char* to) noexcept {
    return through<int(const char*, const char*)>("rename", to, from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
    return through<int(int, const char*, int, const char*, unsigned)>("renameat2", to, from_folder,
                                                                      from, to_folder, to, flags);
}

int unlink(const char* path) noexcept {
    return through<int(const char*)>("unlink", path, path);
}
}
