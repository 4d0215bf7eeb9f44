"""Many at once, and the others while a few wait for ever. Figures, no targets."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from glancefs_bench import disk
from glancefs_bench.bench import MIB, Bench
from glancefs_bench.cloud import Image
from glancefs_bench.mounts import Mount, sealed_path
from glancefs_bench.rounds import Samples, interleaved
from glancefs_bench.rows import Row, absolute

_OPENS, _OPENERS = 5000, 64
_READERS = 200
_IMAGES = 50
_STALLED = 64


def _small_images(bench: Bench) -> list[Image]:
    """Fifty, with bytes of their own: equal ones would share one place in the cache."""
    size = max(bench.size // 64, MIB)
    images = []
    for number in range(_IMAGES):
        path = f"{bench.memory_home}/small"
        disk.make_random(path, size, seed=1000 + number)
        images.append(bench.cloud.add(f"small-{number}", path))
    return images


def _read_all(path: str) -> int:
    with open(path, "rb", buffering=0) as file:
        return sum(iter(lambda: len(file.read(MIB)), 0))


def _milliseconds(work: Callable[[], object]) -> float:
    """The median of twenty times; fewer, when it comes to a second."""
    times: list[float] = []
    while len(times) < 20 and sum(times) < 1:
        begun = time.monotonic()
        work()
        times.append(time.monotonic() - begun)
    return statistics.median(times) * 1000


def _opens(bench: Bench, images: list[Image]) -> Row:
    """Threads that open and keep open; opening asks the cloud whether one still may."""
    def seconds() -> float:
        with bench.mount() as mount, ThreadPoolExecutor(_OPENERS) as threads, ExitStack() as files:
            names = [images[i % len(images)].name for i in range(_OPENS)]
            begun = time.monotonic()
            for fd in threads.map(lambda name: os.open(mount.path(name), os.O_RDONLY), names):
                files.callback(os.close, fd)
            return time.monotonic() - begun

    samples = interleaved(bench.rounds, "s", {"mount": seconds})
    return absolute("fairness", f"{_OPENS} opens by {_OPENERS} threads, all kept open", samples, "mount")


def _many_readers(bench: Bench) -> Iterator[Row]:
    """All read the same image, to the end, from the beginning; its bytes are fetched once."""
    image = bench.image(min(bench.size, 256 * MIB))  # they copy two hundred times as much
    nginx = bench.cloud.nginx
    fetched: list[float] = []

    def seconds() -> float:
        with bench.mount() as mount, ThreadPoolExecutor(_READERS) as threads:
            disk.drop_caches()
            mark = nginx.mark()
            begun = time.monotonic()
            lengths = list(threads.map(lambda _: _read_all(mount.path(image.name)), range(_READERS)))
            took = time.monotonic() - begun
            if lengths != [image.size] * _READERS:
                raise OSError("a reader did not get all bytes")
            requests = nginx.requests_since(mark, image.id)
        fetched.append(sum(r.sent for r in requests if r.path.endswith("/file")) / image.size)
        return took

    work = f"{_READERS} readers of one cold image"
    yield absolute("fairness", work, interleaved(bench.rounds, "s", {"mount": seconds}), "mount")
    if fetched:
        yield Row("fairness", f"{work}: fetched, by its size", None, statistics.median(fetched))


def _many_images(bench: Bench, images: list[Image]) -> Row:
    def rate() -> float:
        with bench.mount() as mount, ThreadPoolExecutor(len(images)) as threads:
            disk.drop_caches()
            begun = time.monotonic()
            lengths = list(threads.map(lambda image: _read_all(mount.path(image.name)), images))
            return sum(lengths) / MIB / (time.monotonic() - begun)

    samples = interleaved(bench.rounds, "MiB/s", {"mount": rate})
    return absolute("fairness", f"{len(images)} cold images of {images[0].size // MIB} MiB at once",
                    samples, "mount")


@contextmanager
def _stalled(pids: list[int]) -> Iterator[None]:
    """Servers that take connections and say nothing."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _while_stalled(bench: Bench, images: list[Image]) -> Iterator[Row]:
    """Readers of cold places wait for servers that stand still; what needs none of those goes on?"""
    sealed, cold = images[0], bench.image()
    with bench.mount() as mount:
        path = sealed_path(mount, sealed.name)
        with open(path, "rb", buffering=0) as held:
            works = {
                "ls": lambda: os.listdir(mount.directory),
                "stat": lambda: os.stat(path),
                "read of a sealed image, open already": lambda: os.pread(held.fileno(), MIB, 0),
                "open and read of a sealed image": lambda: _read_all(path),
            }
            usual = _times(bench, works)
            with _cold_readers(mount, cold) as begin, _stalled(bench.cloud.pids):
                begin()
                stalled = _times(bench, works)
        for work in works:
            yield _delay(work, usual, stalled)


def _times(bench: Bench, works: dict[str, Callable[[], object]]) -> Samples:
    return interleaved(bench.rounds, "ms", {
        name: lambda work=work: _milliseconds(work) for name, work in works.items()})


@contextmanager
def _cold_readers(mount: Mount, image: Image) -> Iterator[Callable[[], None]]:
    """Threads with the image open, which begin to read far apart when told. Those that still wait
    at the end are answered by then: the servers go on first."""
    with ExitStack() as files, ThreadPoolExecutor(_STALLED) as threads:
        opened = [files.enter_context(open(mount.path(image.name), "rb", buffering=0))
                  for _ in range(_STALLED)]

        def begin() -> None:
            for number, file in enumerate(opened):
                threads.submit(os.pread, file.fileno(), 4096, number * (image.size // _STALLED))
            time.sleep(0.5)  # until they wait

        yield begin


def _delay(work: str, usual: Samples, stalled: Samples) -> Row:
    name = f"{work} while the servers stall: later than usual"
    absent = usual.why_not(work) or stalled.why_not(work)
    if absent:
        return Row("fairness", name, unit="ms", note=absent, broken=True)
    before, after = usual.median(work), stalled.median(work)
    return Row("fairness", name, None, max(after - before, 0), "ms",
               medians=f"usual {before:.2f} ms, stalled {after:.2f} ms")


def rows(bench: Bench) -> Iterator[Row]:
    images = _small_images(bench)
    yield _opens(bench, images)
    yield from _many_readers(bench)
    yield _many_images(bench, images)
    yield from _while_stalled(bench, images)
