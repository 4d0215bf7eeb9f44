"""What fetching and hashing costs the processor, against the two programs one would use instead."""

from collections.abc import Iterator

from glancefs_bench.bench import Bench
from glancefs_bench.disk import drop_caches
from glancefs_bench.programs import run
from glancefs_bench.rounds import interleaved
from glancefs_bench.rows import Row, at_most, compared


def rows(bench: Bench) -> Iterator[Row]:
    image = bench.image()
    gib = image.size / (1 << 30)

    def by_hand() -> float:
        drop_caches()
        return run("sh", "-c", f"curl -sSf {bench.cloud.url}{image.path} | sha512sum").cpu_seconds / gib

    def by_mount() -> float:
        """The daemon alone; what the reader and the kernel's copy to it cost is dd's. The read that
        reaches the end waits for the hash, so that it is in."""
        with bench.mount() as mount:
            drop_caches()
            before = mount.cpu_seconds()
            mount.read_all(image.name)
            return (mount.cpu_seconds() - before) / gib

    samples = interleaved(bench.rounds, "s/GiB", {"curl | sha512sum": by_hand, "mount": by_mount})
    yield compared("cpu", "cold read with hash: CPU of the daemon", samples, "mount",
                   "curl | sha512sum", at_most(1.5))
