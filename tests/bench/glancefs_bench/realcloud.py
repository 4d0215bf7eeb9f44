"""On real Keystone and Glance, against what OpenStack's own clients take for the same image."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from glancefs_bench import disk
from glancefs_bench.bench import MIB, Bench
from glancefs_bench.cloud import Api, curl_to_file
from glancefs_bench.mounts import Mount
from glancefs_bench.programs import Failed, Missing, run
from glancefs_bench.rounds import interleaved
from glancefs_bench.rows import Row, at_least, at_most, compared
from glancefs_bench.servers import openrc

_SIZE = 512 * MIB
_NAME = "big"


@contextmanager
def real_cloud(bench: Bench) -> Iterator[dict[str, str]]:
    """Runs one on free ports; the variables of its administrator."""
    program = f"{bench.root}/contrib/realcloud"
    place = {"GLANCEFS_REALCLOUD_DIR": f"{bench.home}/realcloud", "GLANCEFS_KEYSTONE_PORT": "0",
             "GLANCEFS_GLANCE_PORT": "0"}
    try:
        run(program, "start", "--no-install", environment=place)
        path = f"{bench.home}/real-openrc"
        with open(path, "w", encoding="ascii") as file:
            os.chmod(path, 0o600)
            file.write(run(program, "openrc", "admin", environment=place).output)
        yield openrc(path)
    finally:
        run(program, "stop", environment=place)


def endpoint(bench: Bench, environment: dict[str, str]) -> str:
    """The address of Glance, which a mount tells."""
    with Mount(bench.glancefs, bench.home, environment) as mount:
        with open(mount.status_path, encoding="utf-8") as status:
            for line in status:
                if line.startswith("endpoint"):
                    return line.split()[1]
    raise Failed("the status of the mount names no endpoint")


def _measure(bench: Bench, environment: dict[str, str]) -> Iterator[Row]:
    size = min(bench.size, _SIZE)
    path = f"{bench.home}/source.raw"
    disk.make_random(path, size)
    glance = endpoint(bench, environment)
    api = Api(environment, bench.home, glance)
    identity = api.upload(_NAME, path)
    disk.remove_tree(path)

    def through_mount(*options: str) -> float:
        with Mount(bench.glancefs, bench.home, environment, *options) as mount:
            disk.drop_caches()
            return run("sh", "-c", f"cat {mount.path(_NAME)} >/dev/null").seconds

    def by_client(*words: str) -> float:
        target = f"{bench.home}/client.out"
        disk.drop_caches()
        try:
            return run(*words, target, identity, environment=environment).seconds
        finally:
            disk.remove_tree(target)

    url = f"{glance}/v2/images/{identity}/file"
    samples = interleaved(bench.rounds, "s", {
        "curl -o file": lambda: curl_to_file(url, bench.home, *api.curl_options),
        "mount": through_mount,
        "mount, verify=later": lambda: through_mount("verify=later"),
        "glance image-download": lambda: by_client("glance", "image-download", "--file"),
        "openstack image save": lambda: by_client("openstack", "image", "save", "--file"),
    })
    work = f"cat of {size // MIB} MiB, cold: time of "
    for mount, goals in (("mount", (None, None, None)),
                         ("mount, verify=later", (at_most(1.5), at_least(2.5), at_least(6)))):
        yield compared("realcloud", f"{work}the {mount} by curl's", samples, mount, "curl -o file",
                       goals[0])
        for name, goal in zip(("glance image-download", "openstack image save"), goals[1:]):
            yield compared("realcloud", f"{work}{name} by the {mount}'s", samples, name, mount, goal)


def rows(bench: Bench) -> Iterator[Row]:
    try:
        with real_cloud(bench) as environment:
            yield from _measure(bench, environment)
    except (Failed, Missing) as e:
        yield Row("realcloud", "cat of a cold image", note=str(e))
