# What Pawl stands on. Each comes from a Debian package (tools/setup); GoogleTest may be missing,
# then the tree builds without its tests.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
find_library(PAWL_JEMALLOC libjemalloc.a REQUIRED)  # for programs, see pawl_allocator()

# Of apps/<name>: pkg-config modules. An app whose own are missing is left out, with a message.
set(PAWL_APP_dataset_NEEDS libjpeg libpng libwebp libcurl libcrypto)

find_package(GTest QUIET)
if(NOT GTest_FOUND)
  message(STATUS "GoogleTest not found: building without tests (tools/setup installs it)")
endif()
