# Links that make the one program a mount helper, and the manual. Included after the target glancefs.
#
# mount(8) looks for helpers in /sbin only. /usr/bin gets mount.glancefs, too, because an ordinary
# user's PATH has no sbin.
add_custom_command(TARGET glancefs POST_BUILD
  COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE_NAME:glancefs> mount.glancefs
  COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE_NAME:glancefs> umount.fuse.glancefs
  WORKING_DIRECTORY $<TARGET_FILE_DIR:glancefs>)

install(TARGETS glancefs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# glancefs_install_link(<folder> <name>): a link to the program. Within the prefix it is relative, so
# that a staged or moved tree stays whole; from elsewhere it is absolute, because /sbin may itself be
# a link. The prefix is the one of the installation: cmake --install --prefix may change it.
function(glancefs_install_link folder name)
  install(CODE "
    set(program \"${CMAKE_INSTALL_BINDIR}/glancefs\")
    set(directory \"${folder}\")
    cmake_path(ABSOLUTE_PATH program BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\" NORMALIZE)
    cmake_path(ABSOLUTE_PATH directory BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\" NORMALIZE)
    cmake_path(IS_PREFIX CMAKE_INSTALL_PREFIX \"\${directory}\" NORMALIZE within)
    set(target \"\${program}\")
    if(within)
      cmake_path(RELATIVE_PATH target BASE_DIRECTORY \"\${directory}\")
    endif()
    file(MAKE_DIRECTORY \"\$ENV{DESTDIR}\${directory}\")
    message(STATUS \"Installing: \$ENV{DESTDIR}\${directory}/${name} -> \${target}\")
    file(CREATE_LINK \"\${target}\" \"\$ENV{DESTDIR}\${directory}/${name}\" SYMBOLIC)")
endfunction()
glancefs_install_link(${CMAKE_INSTALL_BINDIR} mount.glancefs)
glancefs_install_link(${GLANCEFS_MOUNT_HELPER_DIR} mount.glancefs)
glancefs_install_link(${GLANCEFS_MOUNT_HELPER_DIR} mount.fuse.glancefs)
glancefs_install_link(${GLANCEFS_MOUNT_HELPER_DIR} umount.fuse.glancefs)

find_program(SCDOC scdoc)
if(SCDOC)
  set(page ${CMAKE_BINARY_DIR}/mount.glancefs.8)
  add_custom_command(OUTPUT ${page}
    COMMAND sh -c "${SCDOC} < '${CMAKE_SOURCE_DIR}/doc/man/mount.glancefs.8.scd' > '${page}'"
    DEPENDS ${CMAKE_SOURCE_DIR}/doc/man/mount.glancefs.8.scd VERBATIM)
  add_custom_target(manual ALL DEPENDS ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
endif()
