# The library as users link it: libpawl, shared and static, its headers, and what finds them.
#
# Only the Release build makes it. The shared one shows pawl::v1 and nothing else (libpawl.map); the
# static one holds every layer below src/library, since archives cannot hide that they are many.

set(PAWL_LIBRARY_LAYERS base core store remote actions worker engine server library)

function(pawl_package)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release" OR PAWL_SANITIZE OR PAWL_MUTANTS)
    return()
  endif()
  set(objects)
  foreach(layer IN LISTS PAWL_LIBRARY_LAYERS)
    get_target_property(kind pawl_${layer} TYPE)
    if(kind STREQUAL "STATIC_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:pawl_${layer}>)
    endif()
  endforeach()
  set(needed Threads::Threads PkgConfig::yaml PkgConfig::zstd OpenSSL::SSL OpenSSL::Crypto
             SQLite::SQLite3)

  add_library(pawl_shared SHARED $<TARGET_OBJECTS:pawl_library>)
  target_link_libraries(pawl_shared PRIVATE pawl_server pawl_engine pawl_worker pawl_actions
                        pawl_store
                        ${needed})
  # Before 1.0 every minor version may change the ABI.
  set_target_properties(pawl_shared PROPERTIES OUTPUT_NAME pawl VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                        LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/libpawl.map)
  target_link_options(pawl_shared PRIVATE -Wl,--no-undefined
                      -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/libpawl.map)
  add_library(pawl_static STATIC ${objects})
  set_target_properties(pawl_static PROPERTIES OUTPUT_NAME pawl)

  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
  set(made ${CMAKE_BINARY_DIR}/package)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pawl)
  configure_package_config_file(cmake/pawl-config.cmake.in ${made}/pawl-config.cmake
                                INSTALL_DESTINATION ${package_dir}
                                PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
  write_basic_package_version_file(${made}/pawl-config-version.cmake
                                   COMPATIBILITY SameMinorVersion)
  configure_file(cmake/pawl.pc.in ${made}/pawl.pc @ONLY)
  configure_file(cmake/pawl-static.pc.in ${made}/pawl-static.pc @ONLY)
  install(TARGETS pawl_shared pawl_static LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/pawl DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          FILES_MATCHING PATTERN "*.h")
  install(FILES ${made}/pawl-config.cmake ${made}/pawl-config-version.cmake
          DESTINATION ${package_dir})
  install(FILES ${made}/pawl.pc ${made}/pawl-static.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
