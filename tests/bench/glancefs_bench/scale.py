"""A directory of 100,000 images beside one of as many files: listing, stat, memory."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing

from glancefs_bench import disk
from glancefs_bench.bench import Bench
from glancefs_bench.cloud import Api
from glancefs_bench.mounts import Mount
from glancefs_bench.programs import Failed, resident_memory, run
from glancefs_bench.rounds import interleaved
from glancefs_bench.rows import Row, absolute, at_most, compared
from glancefs_bench.servers import DevCloud

_MOST_MEMORY = at_most(200, "MiB")
_STATS = 20_000
_LONGEST_MOUNT = 900  # seconds; nearly all of it is the server's
_LISTINGS = [  # work, words after the program, target
    ("ls -U", ("ls", "-U"), at_most(1.2)),
    ("find -type f", ("find", "-type", "f"), at_most(1.2)),
    ("find -printf '%s %t'", ("find", "-printf", "%s %t\\n"), at_most(2)),
    ("ls -l", ("ls", "-l"), None),
]


class _Directories:
    """The same names twice: as files here, and as images in the mount."""

    def __init__(self, bench: Bench, cloud: DevCloud):
        self._bench, self._cloud = bench, cloud
        self._api = Api(cloud.environment, bench.home, cloud.glance_url)
        self.count = bench.images
        self.files = f"{bench.home}/files"
        self.names = [f"image-{number:06}" for number in range(self.count)]
        os.mkdir(self.files)
        for name in self.names:
            with open(f"{self.files}/{name}", "wb"):
                pass

    def mount(self) -> Mount:
        return Mount(self._bench.glancefs, self._bench.home, self._cloud.environment,
                     limit=_LONGEST_MOUNT, counted=False)

    def server_seconds(self) -> float:
        """What it takes to fetch all records, without looking into them."""
        begun = time.monotonic()
        self._api.fetch_all_records()
        return time.monotonic() - begun

    def list(self, words: tuple[str, ...], directory: str) -> float:
        """Seconds; every name must be there."""
        program, *rest = words
        place = [directory, *rest] if program == "find" else [*rest, directory]
        result = run(program, *place)
        lines = result.output.count("\n")
        if lines < self.count:
            raise Failed(f"{program} shows {lines} of {self.count} names")
        return result.seconds

    def stat(self, directory: str, seed: int) -> float:
        """Thousands a second, of random names."""
        some = random.Random(seed).sample(self.names, min(_STATS, self.count))
        begun = time.monotonic()
        for name in some:
            os.stat(f"{directory}/{name}")
        return len(some) / (time.monotonic() - begun) / 1000


def _first(bench: Bench, both: _Directories) -> Iterator[Row]:
    """What the first sight of a mount costs, and what of that is the server's."""
    def server() -> float:
        return both.server_seconds()

    def mounted() -> float:
        begun = time.monotonic()
        with both.mount() as mount:
            both.list(("ls", "-U"), mount.public)
            return time.monotonic() - begun

    samples = interleaved(bench.rounds, "s", {"mount and ls": mounted, "server": server})
    yield absolute("scale", "mount to the end of the first ls", samples, "mount and ls")
    yield compared("scale", "… by the time the server takes for the pages alone", samples,
                   "mount and ls", "server")


def _cold(bench: Bench, both: _Directories, mount: Mount) -> Iterator[Row]:
    """Each listing as the first that the kernel sees: after dropping what it remembers. The disk's
    blocks stay in memory: reading them is not what is measured."""
    for work, words, target in _LISTINGS:
        def forgetting(directory: str, words=words) -> float:
            disk.drop_names()
            return both.list(words, directory)

        samples = interleaved(bench.rounds, "s", {
            "ext4": lambda f=forgetting: f(both.files),
            "mount": lambda f=forgetting: f(mount.public)})
        yield compared("scale", f"{work}, names not in memory", samples, "mount", "ext4", target)


def _warm(bench: Bench, both: _Directories, mount: Mount) -> Iterator[Row]:
    for work, words, target in _LISTINGS:
        for directory in (both.files, mount.public):
            both.list(words, directory)
        cpu = mount.cpu_seconds()
        samples = interleaved(bench.rounds, "s", {
            "ext4": lambda words=words: both.list(words, both.files),
            "mount": lambda words=words: both.list(words, mount.public)})
        yield compared("scale", f"{work}, again", samples, "mount", "ext4", target)
        if work == "ls -l" and "mount" in samples.figures:
            per_file = 1e6 / both.count
            yield Row("scale", "ls -l, again, per file", None, samples.median("mount") * per_file,
                      "µs", medians=f"ext4 {samples.median('ext4') * per_file:.2f} µs, the daemon's "
                      f"CPU {(mount.cpu_seconds() - cpu) / bench.rounds * per_file:.2f} µs")


def _stats(bench: Bench, both: _Directories, mount: Mount) -> Iterator[Row]:
    seeds = iter(range(1_000_000))

    def rate(directory: str, first: bool) -> float:
        seed = next(seeds)
        disk.drop_names()
        if not first:
            both.stat(directory, seed)
        return both.stat(directory, seed)

    for work, first in (("first", True), ("again", False)):
        samples = interleaved(bench.rounds, "k/s", {
            "ext4": lambda first=first: rate(both.files, first),
            "mount": lambda first=first: rate(mount.public, first)})
        yield compared("scale", f"stat of {_STATS:,} random names, {work}", samples, "mount", "ext4")


def _memory(both: _Directories, mount: Mount) -> Iterator[Row]:
    for words in (("ls", "-l"), ("ls", "-U")):
        both.list(words, mount.public)
    yield Row("scale", "daemon, resident after listing", _MOST_MEMORY,
              resident_memory(mount.pid), "MiB")
    run("setfattr", "-n", "user.glancefs.refresh", "-v", "1", mount.public)
    yield Row("scale", "daemon, the most it had, also while it listed all again", _MOST_MEMORY,
              mount.peak_memory(), "MiB")


def rows(bench: Bench) -> Iterator[Row]:
    home = f"{bench.home}/scale-cloud"
    os.mkdir(home)
    with closing(DevCloud(bench.devcloud, home, "--images", str(bench.images))) as cloud:
        both = _Directories(bench, cloud)
        with both.mount() as mount:
            yield from _cold(bench, both, mount)
            yield from _warm(bench, both, mount)
            yield from _stats(bench, both, mount)
            yield from _memory(both, mount)
        yield from _first(bench, both)
