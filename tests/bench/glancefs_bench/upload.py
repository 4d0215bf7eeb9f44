"""Uploads to real Keystone and Glance, against curl and OpenStack's own clients, and what writing a
file costs before it is uploaded."""

import os
import re
from collections.abc import Callable, Iterator

from glancefs_bench import disk
from glancefs_bench.bench import MIB, Bench
from glancefs_bench.cloud import Api
from glancefs_bench.mounts import Mount
from glancefs_bench.programs import Failed, Missing, Run, run
from glancefs_bench.realcloud import endpoint, real_cloud
from glancefs_bench.rounds import Samples, interleaved
from glancefs_bench.rows import Row, absolute, at_least, at_most, compared

_NAME = "upload"
_GROUP = "upload"
_CP, _CURL = "cp into the mount", "curl -T"
_CLIENTS = {"glance image-create": ("glance", "image-create", "--name", _NAME),
            "openstack image create": ("openstack", "image", "create", _NAME)}


class _Uploads:
    """The ways to upload one file; each leaves nothing at Glance. Beside the time, which they
    answer, they note what it cost."""

    def __init__(self, bench: Bench, environment: dict[str, str], path: str):
        self._bench, self._environment, self._path = bench, environment, path
        self._api = Api(environment, bench.home, endpoint(bench, environment))
        self.cpu, self.memory = Samples("s"), Samples("MiB")

    def variants(self) -> dict[str, Callable[[], float]]:
        clients = {name: lambda name=name: self._by_client(name) for name in _CLIENTS}
        return {_CP: self._by_cp, _CURL: self._by_curl, **clients}

    def _note(self, samples: Samples, name: str, figure: float) -> None:
        samples.figures.setdefault(name, []).append(figure)

    def _by_cp(self) -> float:
        os.sync()
        with Mount(self._bench.glancefs, self._bench.home, self._environment) as mount:
            idle, cpu = mount.peak_memory(), mount.cpu_seconds()
            copied = run("cp", self._path, mount.path(_NAME))
            self._note(self.cpu, _CP, copied.cpu_seconds + mount.cpu_seconds() - cpu)
            self._note(self.memory, _CP, mount.peak_memory() - idle)
            os.unlink(mount.path(_NAME))
        return copied.seconds

    def _by_curl(self) -> float:
        os.sync()
        identity, created = self._api.create(_NAME)
        stored = self._api.put(identity, self._path)
        self._note(self.cpu, _CURL, created.cpu_seconds + stored.cpu_seconds)
        self._api.remove(identity)
        return created.seconds + stored.seconds

    def _by_client(self, name: str) -> float:
        os.sync()
        made: Run = run(*_CLIENTS[name], "--disk-format", "raw", "--container-format", "bare",
                        "--file", self._path, environment=self._environment)
        self._note(self.cpu, name, made.cpu_seconds)
        found = re.search(r"\| id +\| ([0-9a-f-]{36}) ", made.output)
        if not found:
            raise Failed(f"{name} told no id")
        self._api.remove(found[1])
        return made.seconds


def _uploads(bench: Bench, environment: dict[str, str], path: str) -> Iterator[Row]:
    uploads = _Uploads(bench, environment, path)
    times = interleaved(bench.rounds, "s", uploads.variants())
    work = f"{os.path.getsize(path) // MIB} MiB to real Glance: "
    for samples in (uploads.cpu, uploads.memory):
        samples.absent, samples.failed = times.absent, times.failed
    yield compared(_GROUP, f"{work}time of cp by curl's", times, _CP, _CURL, at_most(1.25))
    for name in _CLIENTS:
        yield compared(_GROUP, f"{work}time of {name} by cp's", times, name, _CP, at_least(1))
    for name in (_CURL, *_CLIENTS):
        yield compared(_GROUP, f"{work}CPU of cp and daemon by that of {name}", uploads.cpu, _CP, name)
    yield absolute(_GROUP, f"{work}memory of the daemon above idle", uploads.memory, _CP,
                   at_most(64, "MiB"))


def _writes(bench: Bench, environment: dict[str, str], path: str) -> Iterator[Row]:
    """Into a dot name, which stays on this machine: what writing costs before any upload."""
    megabytes = os.path.getsize(path) / MIB

    def into(target: str) -> float:
        os.sync()
        seconds = run("dd", f"if={path}", f"of={target}", "bs=1M", "status=none").seconds
        os.unlink(target)
        return megabytes / seconds

    def into_mount(option: str) -> float:
        with Mount(bench.glancefs, bench.home, environment, option) as mount:
            return into(mount.path(f".{_NAME}"))

    ordinary = "an ordinary file"
    samples = interleaved(bench.rounds, "MiB/s", {
        ordinary: lambda: into(f"{bench.home}/{_NAME}"),
        **{option: lambda option=option: into_mount(option)
           for option in ("passthrough=auto", "passthrough=no")}})
    for option in ("passthrough=auto", "passthrough=no"):
        yield compared(_GROUP, f"dd of {megabytes:.0f} MiB before close, {option}, against {ordinary}",
                       samples, option, ordinary)


def rows(bench: Bench) -> Iterator[Row]:
    path = f"{bench.home}/{_NAME}.raw"
    disk.make_random(path, bench.size)
    disk.warm(path)
    try:
        with real_cloud(bench) as environment:
            yield from _uploads(bench, environment, path)
            yield from _writes(bench, environment, path)
    except (Failed, Missing) as e:
        yield Row(_GROUP, "cp into the mount", note=str(e))
    finally:
        disk.remove_tree(path)
