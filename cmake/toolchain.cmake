# Flags, linker and compiler cache, the same for every target of the tree.

# -- Warnings: errors in every preset, so that no preset collects its own.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -Wimplicit-fallthrough -Wvla)
# Options structs with designated initialisers leave members to their defaults; that is the point.
add_compile_options(-Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these in inlined std::string, std::optional and std::vector code that is right.
  # Clang and the sanitizers watch the same ground without the false alarms.
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow
                      -Wno-stringop-overread -Wno-array-bounds -Wno-dangling-pointer)
endif()

# -- Optimisation. Never NDEBUG: asserts stay on in what users run.
set(CMAKE_CXX_FLAGS_RELEASE "-O2" CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g" CACHE STRING "" FORCE)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_compile_options(-fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # One section a function, and the linker drops what nobody calls. The symbol table stays, so a
  # stack trace has names; debug information does not: it is ten times the code, and the debug
  # preset rebuilds it from the same commit when a core dump asks for it.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections)
  # The same objects make libpawl.so. Hidden symbols are called as directly as in a program.
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)  # programs share precompiled headers with libraries
  add_compile_options(-fvisibility=hidden -fvisibility-inlines-hidden)
  if(NOT PAWL_SANITIZE)
    add_compile_definitions(_FORTIFY_SOURCE=2)
  endif()
endif()
add_link_options(-Wl,--as-needed)

# -- Instrumentation.
if(PAWL_SANITIZE)
  add_compile_options(-fsanitize=${PAWL_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PAWL_SANITIZE})
endif()
if(PAWL_MUTANTS)
  add_compile_definitions(PAWL_MUTANTS)
endif()

# -- Linker: lld links in a quarter of the time. Debian installs it as ld.lld-14, which GCC does
# not look for; -B names the folder where the plain name lives.
find_program(PAWL_LLD ld.lld HINTS /usr/lib/llvm-14/bin)
if(PAWL_LLD)
  get_filename_component(lld_dir ${PAWL_LLD} DIRECTORY)
  add_link_options(-B${lld_dir} -fuse-ld=lld)
endif()

# -- Compiler cache. Paths are made relative to the tree, so that several worktrees share entries;
# the sloppiness is what ccache asks for where precompiled headers are in use.
find_program(PAWL_CCACHE ccache)
if(PAWL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${PAWL_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  else()
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()
