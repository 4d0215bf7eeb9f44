# Run by cpack on the staged tree before it is packed: what Debian wants besides the files that
# cmake --install installs. Decided by what is there, so that no list of files is kept here.
set(staging ${CPACK_TEMPORARY_INSTALL_DIRECTORY})

file(GLOB_RECURSE pages ${staging}/usr/share/man/*.[1-8])
foreach(page IN LISTS pages)
  execute_process(COMMAND gzip -9n ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()

set(documents ${staging}/usr/share/doc/glancefs)
configure_file(${CPACK_GLANCEFS_DEBIAN}/copyright ${documents}/copyright COPYONLY)
foreach(log ${CPACK_GLANCEFS_DEBIAN}/changelog:changelog.Debian ${CPACK_GLANCEFS_CHANGELOG}:changelog)
  string(REGEX MATCH "^(.*):([^:]*)$" parts ${log})
  set(file ${documents}/${CMAKE_MATCH_2})
  configure_file(${CMAKE_MATCH_1} ${file} COPYONLY)
  execute_process(COMMAND gzip -9n ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

# control_file(<name> <text>): one more file for DEBIAN/.
set(controls ${CPACK_TEMPORARY_DIRECTORY}-control)
file(REMOVE_RECURSE ${controls})
function(control_file name text)
  file(WRITE ${controls}/${name} "${text}")
  set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA} ${controls}/${name}
      PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE settings RELATIVE ${staging} ${staging}/etc/*)
if(settings)
  list(TRANSFORM settings PREPEND /)
  list(JOIN settings "\n" text)
  control_file(conffiles "${text}\n")
endif()

# What debhelper writes into a package that ships such files.
set(steps "")
foreach(kind sysusers:systemd-sysusers "tmpfiles:systemd-tmpfiles --create")
  string(REGEX MATCH "^([a-z]*):(([a-z-]*).*)$" parts "${kind}")
  file(GLOB names RELATIVE ${staging}/usr/lib/${CMAKE_MATCH_1}.d
       ${staging}/usr/lib/${CMAKE_MATCH_1}.d/*.conf)
  if(names)
    list(JOIN names " " names)
    string(APPEND steps "  if command -v ${CMAKE_MATCH_3} >/dev/null; then\n"
                        "    ${CMAKE_MATCH_2} ${names} || true\n  fi\n")
  endif()
endforeach()
file(GLOB units ${staging}/usr/lib/systemd/system/* ${staging}/lib/systemd/system/*)
if(units)
  string(APPEND steps "  if [ -d /run/systemd/system ]; then\n"
                      "    systemctl --system daemon-reload >/dev/null || true\n  fi\n")
endif()
if(steps)
  control_file(postinst "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n${steps}fi\n")
endif()
file(READ ${CPACK_GLANCEFS_DEBIAN}/postrm text)
string(REPLACE "#DEBHELPER#\n" "" text "${text}")
control_file(postrm "${text}")
