"""Files on the local disk, in and out of the page cache."""

import os
import random
import subprocess

_PIECE = 1 << 20


def make_random(path: str, size: int, seed: int = 1) -> None:
    """Bytes that nothing can compress or leave out, the same on every machine."""
    source = random.Random(seed)
    with open(path, "wb") as file:
        for offset in range(0, size, _PIECE):
            file.write(source.randbytes(min(_PIECE, size - offset)))


def warm(path: str) -> None:
    """Reads a file, or all files of a directory, so that the page cache has them."""
    for directory, _, names in os.walk(path) if os.path.isdir(path) else [("", [], [path])]:
        for name in names:
            with open(os.path.join(directory, name), "rb", buffering=0) as file:
                while file.read(_PIECE):
                    pass


def drop_caches() -> None:
    """Leaves the page cache empty, with nothing left to write that would slow the next variant."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")


def drop_names() -> None:
    """Leaves the kernel without names and inodes that nobody uses."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("2\n")


def remove_tree(path: str) -> None:
    subprocess.run(["rm", "-rf", "--one-file-system", path], check=False)
