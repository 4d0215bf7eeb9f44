"""Images that nobody has read before: a fresh cache directory and an empty page cache each time.

Reader, mount and server share this machine. The other file systems get the same bytes from the same
nginx, and also keep what they read, but for nbdkit and sshfs, which have no cache.
"""

from collections.abc import Callable, Iterator
from contextlib import closing

from glancefs_bench import peers
from glancefs_bench.bench import MIB, Bench
from glancefs_bench.cloud import Image, curl_to_file
from glancefs_bench.disk import drop_caches
from glancefs_bench.programs import run
from glancefs_bench.rounds import interleaved
from glancefs_bench.rows import Row, at_least, compared

RTT_MS = 20
_RATE = 30_000_000  # bytes per second of a connection
_SHAPED_SIZE = 256 * MIB


def _through_mount(bench: Bench, image: Image, *options: str, url: str | None = None) -> float:
    with bench.mount(*options, url=url) as mount:
        drop_caches()
        return image.size / MIB / mount.read_all(image.name)


def _through_peer(bench: Bench, image: Image, peer: Callable) -> float:
    with peer(bench.home, bench.cloud.url, image) as path:
        drop_caches()
        seconds = run("dd", f"if={path}", "of=/dev/null", "bs=1M", "status=none").seconds
        return image.size / MIB / seconds


def _near(bench: Bench) -> Iterator[Row]:
    image = bench.image()
    variants = {
        "curl -o file":
            lambda: image.size / MIB / curl_to_file(bench.cloud.url + image.path, bench.home),
        "mount": lambda: _through_mount(bench, image),
        # The hash ends after the reading, at idle priority.
        "mount, verify=later": lambda: _through_mount(bench, image, "verify=later"),
    }
    for name, peer in peers.COLD.items():
        variants[name] = lambda peer=peer: _through_peer(bench, image, peer)
    samples = interleaved(bench.rounds, "MiB/s", variants)
    goals = {"curl -o file": at_least(0.95), "rclone full": at_least(2)}
    for name in variants:
        if name.startswith("mount"):
            continue
        yield compared("cold", f"dd bs=1M, against {name}", samples, "mount", name)
        yield compared("cold", f"dd bs=1M, verify=later, against {name}", samples,
                       "mount, verify=later", name, goals.get(name))


def _far(bench: Bench) -> Iterator[Row]:
    """Far away, where one connection does not fill the line: what parallel ones bring."""
    image = bench.image(min(bench.size, _SHAPED_SIZE))
    with closing(bench.line(RTT_MS, _RATE)) as line:
        samples = interleaved(bench.rounds, "MiB/s", {
            "curl": lambda: image.size / MIB / curl_to_file(line.url + image.path, bench.home),
            "8 connections": lambda: _through_mount(bench, image, url=line.url),
            "16 connections": lambda: _through_mount(bench, image, "connections=16", url=line.url),
        })
    work = f"{image.size // MIB} MiB, {RTT_MS} ms, 30 MB/s each connection: "
    for name, goal in (("8 connections", 5), ("16 connections", 7)):
        yield compared("cold", work + name, samples, name, "curl", at_least(goal))


def rows(bench: Bench) -> Iterator[Row]:
    yield from _near(bench)
    yield from _far(bench)
