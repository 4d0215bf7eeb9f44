"""Other file systems that show what lies on a web server, each with an image as a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from glancefs_bench import disk
from glancefs_bench.cloud import Image
from glancefs_bench.mounts import unmount
from glancefs_bench.programs import Background, need


@contextmanager
def _mounted(home: str, shows: str, *words: str, environment: dict[str, str] | None = None,
             keep: str | None = None) -> Iterator[str]:
    """Runs a program that mounts `home`/peer in the foreground, until `shows` is there."""
    mount_point = f"{home}/peer"
    for directory in (mount_point, f"{home}/peer-cache"):
        os.makedirs(directory, exist_ok=True)
    process = Background(*words, log=f"{home}/peer.log", environment=environment)
    try:
        process.wait_until(lambda: os.path.ismount(mount_point) and
                           os.path.exists(f"{mount_point}/{shows}"))
        yield f"{mount_point}/{shows}"
    finally:
        unmount(mount_point)
        if not process.wait(10):
            process.stop()
        if keep is None:
            disk.remove_tree(f"{home}/peer-cache")


def rclone(home: str, url: str, image: Image, keep: str | None = None):
    """rclone's HTTP backend with its full cache; `keep` is a cache that outlives the mount."""
    return _mounted(home, image.id, need("rclone"), "mount", ":http:", f"{home}/peer",
                    "--http-url", f"{url}/files/", "--vfs-cache-mode", "full", "--read-only",
                    "--cache-dir", keep or f"{home}/peer-cache", keep=keep,
                    environment={"RCLONE_CONFIG": "/dev/null"})


def nbdfuse(home: str, url: str, image: Image):
    """nbdkit's curl plugin, made a file by nbdfuse."""
    need("nbdkit")
    return _mounted(home, "nbd", need("nbdfuse"), "-r", f"{home}/peer", "--command", "nbdkit", "-s",
                    "-r", "curl", f"{url}{image.path}")


def httpdirfs(home: str, url: str, image: Image):
    """httpdirfs with its cache. nginx takes ranges; that it does not say so to HEAD is no matter."""
    return _mounted(home, image.id, need("httpdirfs"), "-f", "--cache", "--cache-location",
                    f"{home}/peer-cache", "--no-range-check", f"{url}/files/", f"{home}/peer",
                    environment={"XDG_CACHE_HOME": f"{home}/peer-cache"})


def sshfs(home: str, url: str, image: Image):
    """sshfs on an SFTP server without SSH between them: faster than it ever is."""
    del url
    script = f"{home}/sftp"
    with open(script, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\nexec {need('sftp-server')}\n")
    os.chmod(script, 0o700)
    return _mounted(home, image.id, need("sshfs"), "-f", "-o", f"ro,ssh_command={script}",
                    f"nobody:{os.path.dirname(image.served)}", f"{home}/peer")


COLD = {"rclone full": rclone, "nbdkit + nbdfuse": nbdfuse, "httpdirfs --cache": httpdirfs,
        "sshfs (no ssh)": sshfs}
