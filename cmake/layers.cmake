# Functions that turn folders into targets; CMakeLists.txt is the table that calls them.

# -- Precompiled headers: two, each made once and reused, because flags are the same everywhere.
# Standard headers only: ours change too often, and must not be found without their #include.
# (The asan preset has it for tests only, and so finds includes that the product's .cc forgot.)
set(PAWL_PCH_HEADERS
    <algorithm> <chrono> <functional> <memory> <optional> <span> <string> <string_view>
    <unordered_map> <variant> <vector>)
file(WRITE ${CMAKE_BINARY_DIR}/pch/empty.cc.in "// Carries a precompiled header.\n")
configure_file(${CMAKE_BINARY_DIR}/pch/empty.cc.in ${CMAKE_BINARY_DIR}/pch/empty.cc COPYONLY)
if(PAWL_PCH STREQUAL "ON")
  add_library(pawl_pch OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cc)
  target_precompile_headers(pawl_pch PRIVATE ${PAWL_PCH_HEADERS})
endif()
if(PAWL_PCH AND GTest_FOUND)
  add_library(pawl_test_pch OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cc)
  target_precompile_headers(pawl_test_pch PRIVATE ${PAWL_PCH_HEADERS}
                            <gmock/gmock.h> <gtest/gtest.h>)
  target_link_libraries(pawl_test_pch PRIVATE GTest::gtest GTest::gmock)
endif()

function(pawl_reuse_pch target pch)
  if(PAWL_PCH AND TARGET ${pch})
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()

# A static library, or an interface library when there is nothing to compile yet.
# Sets PAWL_LINK_<name> to the keyword that target_link_libraries needs for it.
macro(pawl_library name)
  if("${ARGN}" STREQUAL "")
    add_library(pawl_${name} INTERFACE)
    set(PAWL_LINK_${name} INTERFACE)
  else()
    add_library(pawl_${name} STATIC ${ARGN})
    set(PAWL_LINK_${name} PUBLIC)
    pawl_reuse_pch(pawl_${name} pawl_pch)
  endif()
  target_include_directories(pawl_${name} ${PAWL_LINK_${name}} ${CMAKE_SOURCE_DIR}/src
                             ${CMAKE_SOURCE_DIR}/include)
endmacro()

# pawl_layer(<name> [<layer it stands on>...])
macro(pawl_layer name)
  set(below ${ARGN})
  set(root ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${root}/*.cc)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${root}/*_test.cc)
  file(GLOB_RECURSE fakes CONFIGURE_DEPENDS ${root}/*_testing.cc)
  file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS ${root}/*_fuzz.cc)
  list(FILTER sources EXCLUDE REGEX "_(test|testing|fuzz)\\.cc$")
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/cli/main.cc)

  pawl_library(${name} ${sources})
  pawl_library(${name}_testing ${fakes})
  target_link_libraries(pawl_${name}_testing ${PAWL_LINK_${name}_testing} pawl_${name})
  foreach(lower IN LISTS below)
    target_link_libraries(pawl_${name} ${PAWL_LINK_${name}} pawl_${lower})
    target_link_libraries(pawl_${name}_testing ${PAWL_LINK_${name}_testing} pawl_${lower}_testing)
  endforeach()
  target_compile_definitions(pawl_${name} ${PAWL_LINK_${name}} PAWL_VERSION="${PROJECT_VERSION}")
  list(APPEND PAWL_LAYERS pawl_${name})
  list(APPEND PAWL_TESTING pawl_${name}_testing)

  if(GTest_FOUND AND NOT "${tests}" STREQUAL "")
    pawl_test(${name}_test pawl_${name}_testing ${tests})
  endif()
  if(PAWL_FUZZ)
    foreach(fuzzer IN LISTS fuzzers)
      pawl_fuzzer(${fuzzer} pawl_${name}_testing)
    endforeach()
  endif()
endmacro()

# One ctest entry a binary (a process for each of some thousand cases would cost more than the
# cases do); results go to results/<binary>.json, where tools/check counts them.
function(pawl_test binary library)
  add_executable(${binary} ${ARGN})
  target_link_libraries(${binary} PRIVATE ${library} GTest::gtest_main GTest::gmock)
  target_compile_definitions(${binary} PRIVATE PAWL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  pawl_reuse_pch(${binary} pawl_test_pch)
  add_test(NAME ${binary} COMMAND ${binary}
           --gtest_output=json:${CMAKE_BINARY_DIR}/results/${binary}.json
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${binary} PROPERTIES TIMEOUT 600)
endfunction()

function(pawl_fuzzer source library)
  get_filename_component(stem ${source} NAME_WE)
  add_executable(${stem} ${source})
  add_dependencies(fuzzers ${stem})
  target_link_libraries(${stem} PRIVATE ${library} GTest::gtest GTest::gmock)
  target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()

# Programs allocate through jemalloc (docs/decisions/0018); libraries leave that to who links them,
# and sanitizers bring their own.
function(pawl_allocator target)
  if(PAWL_JEMALLOC AND NOT PAWL_SANITIZE)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/jemalloc.cc)
    target_link_libraries(${target} PRIVATE ${PAWL_JEMALLOC} m ${CMAKE_DL_LIBS})
  endif()
endfunction()

function(pawl_executable)
  set(main ${CMAKE_SOURCE_DIR}/src/cli/main.cc)
  file(GLOB found CONFIGURE_DEPENDS ${main})
  if(NOT found)
    add_custom_target(pawl COMMAND ${CMAKE_COMMAND} -E echo "src/cli/main.cc is not there yet")
    return()
  endif()
  add_executable(pawl ${main})
  target_link_libraries(pawl PRIVATE pawl_cli)
  pawl_allocator(pawl)
  pawl_reuse_pch(pawl pawl_pch)
  install(TARGETS pawl RUNTIME DESTINATION bin)
endfunction()

function(pawl_end_to_end_tests)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*_test.cc)
  list(FILTER tests EXCLUDE REGEX "/tests/sim/")
  if(NOT GTest_FOUND OR "${tests}" STREQUAL "")
    return()
  endif()
  file(GLOB_RECURSE fixtures CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*_testing.cc)
  pawl_test(e2e_test pawl_cli_testing ${tests} ${fixtures})
  target_link_libraries(e2e_test PRIVATE ${PAWL_TESTING} ${PAWL_LAYERS})
  target_include_directories(e2e_test PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(e2e_test PRIVATE PAWL_BINARY="${CMAKE_BINARY_DIR}/pawl")
  add_dependencies(e2e_test pawl)
endfunction()

# The simulator (make sim), and unit tests of its parts.
function(pawl_simulator)
  set(root ${CMAKE_SOURCE_DIR}/tests/sim)
  file(GLOB sources CONFIGURE_DEPENDS ${root}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${root}/*_test.cc)
  list(REMOVE_ITEM sources ${root}/main.cc ${root}/mutants_main.cc ${tests})
  add_library(pawl_sim_parts STATIC ${sources})
  target_link_libraries(pawl_sim_parts PUBLIC pawl_engine)
  target_include_directories(pawl_sim_parts PUBLIC ${CMAKE_SOURCE_DIR})
  pawl_reuse_pch(pawl_sim_parts pawl_pch)
  add_executable(pawl_sim ${root}/main.cc)
  target_link_libraries(pawl_sim PRIVATE pawl_sim_parts)
  pawl_allocator(pawl_sim)
  pawl_reuse_pch(pawl_sim pawl_pch)
  if(PAWL_MUTANTS)
    add_executable(pawl_sim_mutants ${root}/mutants_main.cc)
    target_link_libraries(pawl_sim_mutants PRIVATE pawl_sim_parts)
    pawl_reuse_pch(pawl_sim_mutants pawl_pch)
  endif()
  if(GTest_FOUND AND NOT "${tests}" STREQUAL "")
    pawl_test(sim_test pawl_sim_parts ${tests})
  endif()
endfunction()

function(pawl_bench)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.cc)
  if("${sources}" STREQUAL "")
    add_custom_target(pawl_bench COMMAND ${CMAKE_COMMAND} -E echo "bench/ has no sources yet")
    return()
  endif()
  add_executable(pawl_bench EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(pawl_bench PRIVATE pawl_library pawl_engine pawl_worker pawl_actions
                        pawl_store)
  pawl_allocator(pawl_bench)
  target_include_directories(pawl_bench PRIVATE ${CMAKE_SOURCE_DIR})
  pawl_reuse_pch(pawl_bench pawl_pch)
endfunction()

# The driver of `make torture`, over the real binary and the real store.
function(pawl_torture)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/torture/*.cc)
  add_executable(pawl_torture EXCLUDE_FROM_ALL ${sources})
  if(NOT GTest_FOUND OR NOT TARGET pawl OR "${sources}" STREQUAL "")
    return()
  endif()
  target_link_libraries(pawl_torture PRIVATE pawl_engine_testing pawl_server pawl_store_testing
                        pawl_worker pawl_actions pawl_store GTest::gtest)
  target_include_directories(pawl_torture PRIVATE ${CMAKE_SOURCE_DIR})
  # For the tortured binary to load; the driver's own clock stays true.
  add_library(pawl_wall_clock MODULE EXCLUDE_FROM_ALL
              ${CMAKE_SOURCE_DIR}/tests/torture/preload/wall_clock.cc)
  target_compile_definitions(pawl_torture PRIVATE PAWL_BINARY="${CMAKE_BINARY_DIR}/pawl"
                             PAWL_WALL_CLOCK="$<TARGET_FILE:pawl_wall_clock>"
                             PAWL_BUILD_DIR="${CMAKE_BINARY_DIR}"
                             PAWL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_dependencies(pawl_torture pawl pawl_wall_clock)
  pawl_reuse_pch(pawl_torture pawl_pch)
endfunction()

enable_testing()
add_custom_target(fuzzers)
