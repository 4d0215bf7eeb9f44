"""What a reader of a little waits for, and how much is fetched for it: always from an empty cache."""

import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import closing

from glancefs_bench.bench import MIB, Bench
from glancefs_bench.cloud import Image
from glancefs_bench.cold import RTT_MS
from glancefs_bench.disk import drop_caches
from glancefs_bench.programs import run
from glancefs_bench.rounds import interleaved
from glancefs_bench.rows import Row, absolute, at_most, compared

_READS = 50
_LENGTH = 4096


def _places(image: Image, seed: int) -> list[int]:
    """Random places, each in a part of the image of its own, in random order."""
    part = image.size // _READS
    source = random.Random(seed)
    places = [i * part + source.randrange(part // _LENGTH) * _LENGTH for i in range(_READS)]
    source.shuffle(places)
    return places


def _curl_ms(bench: Bench, url: str, places: list[int]) -> float:
    """The round trip by curl: ranges one after the other on a connection that is kept."""
    script = f"{bench.home}/ranges"
    with open(script, "w", encoding="ascii") as file:
        file.write("next\n".join(
            f'url = "{url}"\nrange = {place}-{place + _LENGTH - 1}\noutput = /dev/null\n'
            'silent\nfail\nwrite-out = "%{time_total}\\n"\n' for place in places))
    seconds = [float(line) for line in run("curl", "-K", script).output.split()]
    return statistics.median(seconds) * 1000


class _Reader:
    """Random reads of a fresh mount behind a line, one round after the other."""

    def __init__(self, bench: Bench, image: Image, url: str):
        self._bench, self._image, self._url = bench, image, url
        self.kib_per_read: list[float] = []

    def milliseconds(self, seed: int) -> float:
        nginx = self._bench.cloud.nginx
        with self._bench.mount(url=self._url) as mount:
            drop_caches()
            mark = nginx.mark()
            seconds = []
            with open(mount.path(self._image.name), "rb", buffering=0) as file:
                for place in _places(self._image, seed):
                    begun = time.monotonic()
                    os.pread(file.fileno(), _LENGTH, place)
                    seconds.append(time.monotonic() - begun)
        fetched = sum(request.sent for request in nginx.requests_since(mark, self._image.id))
        self.kib_per_read.append(fetched / 1024 / _READS)
        return statistics.median(seconds) * 1000


def _random(bench: Bench) -> Iterator[Row]:
    image = bench.image()
    with closing(bench.line(RTT_MS)) as line:
        reader = _Reader(bench, image, line.url)
        rounds = iter(range(bench.rounds))
        samples = interleaved(bench.rounds, "ms", {
            "curl": lambda: _curl_ms(bench, line.url + image.path, _places(image, 0)),
            "mount": lambda: reader.milliseconds(next(rounds)),
        })
    work = f"random 4k at {RTT_MS} ms"
    yield compared("latency", work, samples, "mount", "curl", at_most(1.2))
    if reader.kib_per_read:
        yield Row("latency", f"{work}: fetched per read", at_most(256, "KiB"),
                  statistics.median(reader.kib_per_read), "KiB")


def _qemu_info(bench: Bench) -> Iterator[Row]:
    """qemu-img info of a qcow2 image as long as its disk. All requests count that are about it."""
    size = 2 * bench.size
    path = f"{bench.memory_home}/info.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, str(size))
    image = bench.cloud.add(f"qcow2-{size // MIB}", path, "qcow2")
    nginx = bench.cloud.nginx
    fetched: list[float] = []

    def requests() -> float:
        with bench.mount() as mount:
            drop_caches()
            mark = nginx.mark()
            run("qemu-img", "info", mount.path(image.name))
            seen = nginx.requests_since(mark, image.id)
        fetched.append(sum(request.sent for request in seen) / MIB)
        return len(seen)

    samples = interleaved(bench.rounds, "requests", {"mount": requests})
    work = f"qemu-img info of a qcow2 of {size // MIB} MiB"
    yield absolute("latency", work, samples, "mount", at_most(4, "requests"))
    if fetched:
        yield Row("latency", f"{work}: fetched", at_most(1, "MiB"), statistics.median(fetched), "MiB")


def rows(bench: Bench) -> Iterator[Row]:
    yield from _random(bench)
    yield from _qemu_info(bench)
