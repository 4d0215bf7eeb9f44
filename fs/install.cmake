# Links that make the one program a mount helper, and the manual. Included after the target glancefs.
#
# mount(8) looks for helpers in /sbin only. /usr/bin gets mount.glancefs, too, because an ordinary
# user's PATH has no sbin.
add_custom_command(TARGET glancefs POST_BUILD
  COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE_NAME:glancefs> mount.glancefs
  COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE_NAME:glancefs> umount.fuse.glancefs
  WORKING_DIRECTORY $<TARGET_FILE_DIR:glancefs>)

install(TARGETS glancefs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# glancefs_install_link(<folder> <name>): a relative link to the program, so that a staged or moved
# tree stays whole.
function(glancefs_install_link folder name)
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} NORMALIZE
             OUTPUT_VARIABLE directory)
  set(program ${CMAKE_INSTALL_FULL_BINDIR}/glancefs)
  cmake_path(RELATIVE_PATH program BASE_DIRECTORY ${directory} OUTPUT_VARIABLE target)
  install(CODE "
    file(MAKE_DIRECTORY \"\$ENV{DESTDIR}${directory}\")
    message(STATUS \"Installing: \$ENV{DESTDIR}${directory}/${name} -> ${target}\")
    file(CREATE_LINK \"${target}\" \"\$ENV{DESTDIR}${directory}/${name}\" SYMBOLIC)")
endfunction()
glancefs_install_link(${CMAKE_INSTALL_BINDIR} mount.glancefs)
glancefs_install_link(${GLANCEFS_MOUNT_HELPER_DIR} mount.glancefs)
glancefs_install_link(${GLANCEFS_MOUNT_HELPER_DIR} mount.fuse.glancefs)
glancefs_install_link(${GLANCEFS_MOUNT_HELPER_DIR} umount.fuse.glancefs)

if(GLANCEFS_SYSTEMD_UNIT_DIR)
  set(units ${CMAKE_SOURCE_DIR}/contrib/systemd)
  file(READ ${units}/glancefs@.service unit)
  string(REPLACE "/usr/bin/glancefs" "${CMAKE_INSTALL_FULL_BINDIR}/glancefs" unit "${unit}")
  # As it is: configure_file() would take %i and @ for its own.
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/glancefs@.service CONTENT "${unit}")
  install(FILES ${CMAKE_BINARY_DIR}/glancefs@.service DESTINATION ${GLANCEFS_SYSTEMD_UNIT_DIR})
  install(FILES ${units}/glancefs.sysusers DESTINATION ${GLANCEFS_SYSUSERS_DIR}
          RENAME glancefs.conf)
  install(FILES ${units}/glancefs.tmpfiles DESTINATION ${GLANCEFS_TMPFILES_DIR}
          RENAME glancefs.conf)
  install(FILES ${units}/mnt-images.mount ${units}/mnt-images.automount
          DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
endif()

find_program(SCDOC scdoc)
if(SCDOC)
  set(page ${CMAKE_BINARY_DIR}/mount.glancefs.8)
  add_custom_command(OUTPUT ${page}
    COMMAND sh -c "${SCDOC} < '${CMAKE_SOURCE_DIR}/doc/man/mount.glancefs.8.scd' > '${page}'"
    DEPENDS ${CMAKE_SOURCE_DIR}/doc/man/mount.glancefs.8.scd VERBATIM)
  add_custom_target(manual ALL DEPENDS ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
endif()
