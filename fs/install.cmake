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

# The completions are what the program itself prints. A cross-built one cannot be run, and a packager
# who builds so prints them elsewhere.
if(NOT CMAKE_CROSSCOMPILING)
  set(completions ${CMAKE_BINARY_DIR}/completions)
  foreach(shell bash zsh fish)
    add_custom_command(OUTPUT ${completions}/${shell}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${completions}
      COMMAND sh -c "'$<TARGET_FILE:glancefs>' completion ${shell} > '${completions}/${shell}'"
      DEPENDS glancefs VERBATIM)
  endforeach()
  add_custom_target(completions ALL
    DEPENDS ${completions}/bash ${completions}/zsh ${completions}/fish)
  set(share ${CMAKE_INSTALL_DATADIR})
  foreach(program glancefs mount.glancefs)
    install(FILES ${completions}/bash RENAME ${program}
            DESTINATION ${share}/bash-completion/completions)
  endforeach()
  # Where packages of Debian put theirs; zsh built from source looks in site-functions.
  set(GLANCEFS_ZSH_DIR ${share}/zsh/vendor-completions CACHE STRING "Where zsh looks for completions")
  install(FILES ${completions}/zsh RENAME _glancefs DESTINATION ${GLANCEFS_ZSH_DIR})
  # fish looks for a file of the name of each program.
  foreach(program glancefs mount.glancefs)
    install(FILES ${completions}/fish RENAME ${program}.fish
            DESTINATION ${share}/fish/vendor_completions.d)
  endforeach()
endif()

find_program(SCDOC scdoc)
if(SCDOC)
  foreach(page glancefs.1 glancefs.conf.5 glancefs-xattr.7 mount.glancefs.8)
    set(source ${CMAKE_SOURCE_DIR}/doc/man/${page}.scd)
    set(made ${CMAKE_BINARY_DIR}/${page})
    add_custom_command(OUTPUT ${made} COMMAND sh -c "${SCDOC} < '${source}' > '${made}'"
      DEPENDS ${source} VERBATIM)
    cmake_path(GET page EXTENSION LAST_ONLY section)
    string(SUBSTRING ${section} 1 1 section)
    install(FILES ${made} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    list(APPEND pages ${made})
  endforeach()
  add_custom_target(manual ALL DEPENDS ${pages})
endif()
