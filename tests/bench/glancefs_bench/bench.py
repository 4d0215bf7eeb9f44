"""What every group of benchmarks gets: how often, how large, where, and the cloud."""

import os
import shutil
from functools import cached_property

from glancefs_bench import disk
from glancefs_bench.cloud import Cloud, Image
from glancefs_bench.mounts import Mount
from glancefs_bench.servers import Line

MIB = 1 << 20


class Bench:
    def __init__(self, root: str, build: str, home: str, rounds: int, size_mib: int, images: int):
        self.root, self.home, self.rounds, self.size = root, home, rounds, size_mib * MIB
        self.images = images
        self.glancefs = f"{build}/glancefs"
        self.devcloud, self._proxy = f"{build}/glancefs-devcloud", f"{build}/tests/bench_proxy"
        self.memory_program = f"{build}/tests/bench_memory"
        self._images: dict[str, Image] = {}

    @cached_property
    def memory_home(self) -> str:
        """A directory in memory, where there is room for what the servers serve."""
        enough = 5 * self.size
        in_memory = os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > enough
        path = f"/dev/shm/{os.path.basename(self.home)}" if in_memory else f"{self.home}/served"
        os.mkdir(path, 0o700)
        return path

    @cached_property
    def cloud(self) -> Cloud:
        return Cloud(self.devcloud, self.home, self.memory_home)

    def image(self, size: int | None = None) -> Image:
        """An image of random bytes, made once."""
        size = size or self.size
        name = f"random-{size // MIB}"
        if name not in self._images:
            path = f"{self.memory_home}/{name}"
            disk.make_random(path, size)
            self._images[name] = self.cloud.add(name, path)
        return self._images[name]

    def mount(self, *options: str, url: str | None = None, cache_directory: str | None = None) -> Mount:
        """A mount of the cloud, through `url` instead of the short way."""
        return Mount(self.glancefs, self.home, self.cloud.environment,
                     f"endpoint={url or self.cloud.url}", *options, cache_directory=cache_directory)

    def line(self, rtt_ms: float, rate: float | None = None) -> Line:
        """A long way to the cloud."""
        return Line(self._proxy, self.home, self.cloud.nginx.port, rtt_ms, rate)

    def close(self) -> None:
        """Ends the servers and removes every file."""
        if "cloud" in self.__dict__:
            self.cloud.close()
        if "memory_home" in self.__dict__:
            disk.remove_tree(self.memory_home)
        disk.remove_tree(self.home)
