# Finds every library and says, for all missing ones at once, which Debian package brings it.
find_package(PkgConfig REQUIRED)
set(_missing "")

function(xlp_pkg name module debian)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
    if(NOT ${name}_FOUND)
        set(_missing "${_missing}\n  ${module}: apt-get install ${debian}" PARENT_SCOPE)
    endif()
endfunction()

function(xlp_package name debian)
    find_package(${name} QUIET ${ARGN})
    if(NOT ${name}_FOUND)
        set(_missing "${_missing}\n  ${name}: apt-get install ${debian}" PARENT_SCOPE)
    endif()
endfunction()

xlp_pkg(LIBELF libelf libelf-dev)
xlp_package(fmt libfmt-dev)
xlp_package(nlohmann_json nlohmann-json3-dev)
xlp_package(tl-expected libexpected-dev)
xlp_package(Boost libboost-program-options-dev COMPONENTS program_options)
xlp_package(OpenSSL libssl-dev)
xlp_package(Threads libc6-dev)
if(XLP_BUILD_BUILDER)
    xlp_pkg(LIBDW libdw libdw-dev)
    xlp_pkg(CAPSTONE capstone libcapstone-dev)
    xlp_pkg(LIBARCHIVE libarchive libarchive-dev)
    xlp_pkg(PUGIXML pugixml libpugixml-dev)
endif()
if(XLP_BUILD_HOST)
    xlp_pkg(TOMLPLUSPLUS tomlplusplus libtomlplusplus-dev)
endif()
if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
    xlp_package(GTest libgtest-dev)
endif()

if(_missing)
    message(FATAL_ERROR "Libraries that xlp needs are missing:${_missing}\n"
                        "scripts/install-dependencies installs them all.")
endif()

# imported targets are per directory unless made global
foreach(t fmt::fmt nlohmann_json::nlohmann_json tl::expected Boost::program_options OpenSSL::Crypto
          PkgConfig::LIBELF PkgConfig::LIBDW PkgConfig::CAPSTONE PkgConfig::LIBARCHIVE PkgConfig::PUGIXML
          PkgConfig::TOMLPLUSPLUS)
    if(TARGET ${t})
        get_target_property(_imported ${t} IMPORTED)
        if(_imported)
            set_target_properties(${t} PROPERTIES IMPORTED_GLOBAL TRUE)
        endif()
    endif()
endforeach()
