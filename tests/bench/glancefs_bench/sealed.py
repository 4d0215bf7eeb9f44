"""Images that are complete and checked, against the same bytes in an ordinary file.

Nothing here waits for a disk: all variants begin with their bytes in the page cache. What differs is
whose pages they are, and who answers when they are none of the mount's.
"""

import json
import os
import re
from collections.abc import Callable, Iterator

from glancefs_bench import disk, peers
from glancefs_bench.bench import MIB, Bench
from glancefs_bench.mounts import has_option, sealed_path
from glancefs_bench.programs import Failed, Missing, run
from glancefs_bench.rounds import interleaved
from glancefs_bench.rows import Row, Target, at_least, compared

_FIO_SECONDS = 3


def dd_rate(path: str, block: str = "1M") -> float:
    """MiB/s by dd's own clock: starting dd takes longer than some of these reads differ."""
    output = run("dd", f"if={path}", "of=/dev/null", f"bs={block}").output
    found = re.search(r"(\d+) bytes .*copied, ([\d.e-]+) s", output)
    if not found:
        raise Failed(f"dd said {output}")
    return int(found[1]) / MIB / float(found[2])


def _fio(bench: Bench, path: str, figure: str, *options: str) -> float:
    """`figure` of fio's reads. Without invalidate=0 fio throws the page cache away first."""
    report = f"{bench.home}/fio.json"
    run("fio", "--name=read", f"--filename={path}", "--readonly", "--invalidate=0", "--time_based",
        f"--runtime={_FIO_SECONDS}", f"--output={report}", "--output-format=json", *options)
    with open(report, encoding="utf-8") as file:
        text = file.read()
    return json.loads(text[text.index("{"):])["jobs"][0]["read"][figure]


def _random_iops(bench: Bench, path: str, engine: str, depth: int) -> float:
    return _fio(bench, path, "iops", "--rw=randread", "--bs=4k", f"--ioengine={engine}",
                f"--iodepth={depth}")


def _mmap_rate(bench: Bench, path: str) -> float:
    return _fio(bench, path, "bw", "--rw=read", "--bs=1M", "--ioengine=mmap") / 1024


def _convert_rate(path: str, size: int) -> float:
    """qemu-img convert with all it reads, and a target that takes no time."""
    target = f"driver=null-co,size={size},read-zeroes=on"
    seconds = run("qemu-img", "convert", "-n", "-U", "-f", "raw", path,
                  "--target-image-opts", target).seconds
    return size / MIB / seconds


def _queueing_engine(bench: Bench, path: str) -> str:
    """io_uring, unless this kernel keeps it from us."""
    try:
        run("fio", "--name=try", f"--filename={path}", "--readonly", "--invalidate=0", "--rw=read",
            "--bs=4k", "--number_ios=1", "--ioengine=io_uring", f"--output={bench.home}/fio.json")
        return "io_uring"
    except Failed:
        return "libaio"


def _works(bench: Bench, native: str) -> dict[str, tuple[str, Target, Callable[[str], float]]]:
    engine = _queueing_engine(bench, native)
    return {
        "dd bs=1M": ("MiB/s", at_least(0.90), dd_rate),
        "dd bs=128k": ("MiB/s", at_least(0.90), lambda path: dd_rate(path, "128k")),
        "random 4k, depth 1 (psync)":
            ("IOPS", at_least(0.90), lambda path: _random_iops(bench, path, "psync", 1)),
        f"random 4k, depth 16 ({engine})":
            ("IOPS", at_least(0.90), lambda path: _random_iops(bench, path, engine, 16)),
        "mmap, sequential":
            ("MiB/s", at_least(0.85), lambda path: _mmap_rate(bench, path)),
        "qemu-img convert to nowhere":
            ("MiB/s", at_least(0.95), lambda path: _convert_rate(path, bench.size)),
    }


def _warm(bench: Bench, native: str, *options: str) -> Iterator[Row]:
    """Read before, through the same mount."""
    image = bench.image()
    with bench.mount(*options) as mount:
        path = sealed_path(mount, image.name)
        os.sync()  # what sealing wrote must not be on its way to the disk during the first round
        disk.warm(native)
        for work, (unit, target, measure) in _works(bench, native).items():
            samples = interleaved(bench.rounds, unit, {
                "ext4": lambda: measure(native), "mount": lambda: measure(path)})
            if not options:
                yield compared("sealed", work, samples, "mount", "ext4", target)
                continue
            goal = at_least(0.60) if work == "dd bs=1M" else None
            yield compared("sealed", f"{work}, {options[0]}", samples, "mount", "ext4", goal)


def _first(bench: Bench, native: str, *options: str) -> Iterator[Row]:
    """Not read before through this mount: its own pages are empty, those of the cache file are not.
    A new mount on the old cache directory is how one comes to that."""
    image = bench.image()
    kept, peer_kept = f"{bench.home}/kept", f"{bench.home}/peer-kept"
    with bench.mount(*options, cache_directory=kept) as mount:
        mount.read_all(image.name)

    def through_mount() -> float:
        with bench.mount(*options, cache_directory=kept) as mount:
            disk.warm(kept)
            return dd_rate(mount.path(image.name))

    def through_rclone() -> float:
        with peers.rclone(bench.home, bench.cloud.url, image, keep=peer_kept) as path:
            disk.warm(peer_kept)
            return dd_rate(path)

    def native_rate() -> float:
        disk.warm(native)
        return dd_rate(native)

    try:
        through_rclone()  # fills its cache
    except (Failed, Missing, OSError):
        pass  # the rounds say what is wrong
    samples = interleaved(bench.rounds, "MiB/s", {
        "ext4": native_rate, "mount": through_mount, "rclone full": through_rclone})
    mode = f", {options[0]}" if options else ""
    goals = (at_least(0.10), at_least(3)) if _by_daemon(bench, options) else (None, None)
    yield compared("sealed", f"first read after mounting{mode}", samples, "mount", "ext4", goals[0])
    yield compared("sealed", f"first read after mounting{mode}, against rclone", samples, "mount",
                   "rclone full", goals[1])
    for directory in (kept, peer_kept):
        disk.remove_tree(directory)


def _by_daemon(bench: Bench, options: tuple[str, ...]) -> bool:
    return bool(options) or not has_option(bench.glancefs, "passthrough")


def rows(bench: Bench) -> Iterator[Row]:
    bench.image()
    native = f"{bench.home}/native.raw"
    run("cp", bench.image().served, native)
    disk.warm(native)
    modes = [()] + ([("passthrough=no",)] if has_option(bench.glancefs, "passthrough") else [])
    for options in modes:
        yield from _warm(bench, native, *options)
        yield from _first(bench, native, *options)
    disk.remove_tree(native)
