# cmake --build … --target package: a .deb where there is dpkg-deb, else an .rpm where there is rpmbuild,
# else a .tar.gz. What goes in is what cmake --install installs. Distributors take debian/ and
# glancefs.spec beside this file. Included last.
find_program(DPKG_DEB dpkg-deb)
find_program(RPMBUILD rpmbuild)
mark_as_advanced(DPKG_DEB RPMBUILD)
if(DPKG_DEB)
  set(generators DEB)
elseif(RPMBUILD)
  set(generators RPM)
else()
  set(generators TGZ)
endif()
set(CPACK_GENERATOR ${generators} CACHE STRING "The packages to build: DEB, RPM, TGZ")

set(CPACK_PACKAGE_VENDOR glancefs)
set(CPACK_PACKAGE_CONTACT "glancefs maintainers <maintainers@glancefs.invalid>")
set(CPACK_PACKAGE_DESCRIPTION
    "glancefs mounts the images that Glance keeps for a cloud: directories by
visibility, files by image name. Reading fetches just the bytes that are
read, through a local cache that survives restarts; cp into it is an
upload; extended attributes are the image's properties.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
# mount(8) looks in /sbin only, so a package is for /usr, whatever this build is installed to.
# Staged by DESTDIR, also files with an absolute destination get in.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/finish_staging.cmake)
# For that script.
set(CPACK_GLANCEFS_DEBIAN ${CMAKE_CURRENT_LIST_DIR}/debian)
set(CPACK_GLANCEFS_CHANGELOG ${CMAKE_SOURCE_DIR}/CHANGELOG.md)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS fuse3)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "attr, python3-openstackclient, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_GROUP System/Filesystems)
set(CPACK_RPM_PACKAGE_REQUIRES "fuse3")
set(CPACK_RPM_PACKAGE_SUGGESTS "attr, python3-openstackclient, bash-completion")
# Folders of other packages.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /usr/sbin /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man7
    /usr/share/man/man8 /usr/lib/systemd /usr/lib/systemd/system /usr/lib/systemd/user
    /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/share/bash-completion
    /usr/share/bash-completion/completions /usr/share/zsh /usr/share/zsh/vendor-completions
    /usr/share/zsh/site-functions /usr/share/fish /usr/share/fish/vendor_completions.d)

include(CPack)
