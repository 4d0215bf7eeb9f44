"""Mounts of glancefs."""

import os
import subprocess
from functools import cache

from glancefs_bench import disk
from glancefs_bench.programs import Background, Failed, cpu_seconds, peak_memory, run


@cache
def has_option(program: str, option: str) -> bool:
    return option in run(program, "mount", "--help").output


def unmount(mount_point: str) -> None:
    """Also when it is busy: nothing may stay mounted."""
    if os.path.ismount(mount_point):
        for command in (["umount", mount_point], ["umount", "-l", mount_point]):
            if subprocess.run(command, check=False, capture_output=True).returncode == 0:
                return


class Mount:
    """The catalogue as files. With an empty cache, unless a directory with one is given."""

    peaks: list[float] = []  # MiB, of every mount that has ended, unless it is not counted

    def __init__(self, program: str, home: str, environment: dict[str, str], *options: str,
                 cache_directory: str | None = None, limit: float = 30,
                 counted: bool = True):
        self._counted = counted
        self._mount_point = f"{home}/images"
        self._own_cache = None if cache_directory else f"{home}/mount-cache"
        os.makedirs(self._mount_point, exist_ok=True)
        words = ["cache-size=90%", "cache-min-free=0", "log=stderr", f"state-dir={home}/state",
                 f"cache-dir={cache_directory or self._own_cache}", *options]
        self._process = Background(program, "mount", "--foreground", self._mount_point,
                                   "-o", ",".join(words), log=f"{home}/mount.log",
                                   environment=environment)
        try:
            self._process.wait_until(lambda: os.path.ismount(self._mount_point), limit)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def directory(self) -> str:
        return f"{self._mount_point}/private"

    @property
    def public(self) -> str:
        return f"{self._mount_point}/public"

    @property
    def pid(self) -> int:
        return self._process.pid

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"

    @property
    def status_path(self) -> str:
        return f"{self._mount_point}/.glancefs/status"

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    def peak_memory(self) -> float:
        """The most it has had resident so far, in MiB."""
        return peak_memory(self._process.pid)

    def read_all(self, name: str) -> float:
        """Seconds in which a program reads an image to its end."""
        return run("dd", f"if={self.path(name)}", "of=/dev/null", "bs=1M", "status=none").seconds

    def close(self) -> None:
        try:
            if self._counted:
                Mount.peaks.append(self.peak_memory())
        except (OSError, TypeError):
            pass  # it has ended by itself
        unmount(self._mount_point)
        if not self._process.wait(30):
            self._process.stop()
        if self._own_cache:
            disk.remove_tree(self._own_cache)


def sealed_path(mount: Mount, name: str) -> str:
    """The path of an image that is complete, checked and in the page cache."""
    mount.read_all(name)
    mount.read_all(name)
    with open(mount.path(name), "rb") as file:
        if not file.read(1):
            raise Failed(f"{name} is empty")
    return mount.path(name)
