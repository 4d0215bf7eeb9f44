"""The most memory a daemon ever had."""

import re
from collections.abc import Iterator

from glancefs_bench.bench import Bench
from glancefs_bench.mounts import Mount
from glancefs_bench.programs import Failed, Missing, run
from glancefs_bench.rows import Row, at_most

_MOST = at_most(64, "MiB")


def rows(bench: Bench) -> Iterator[Row]:
    """bench_memory lists 10,000 images and reads one of 100 GiB, which takes a cloud that makes up
    its bytes: once, as rounds do not change it."""
    work = "10,000 images, 4 GiB and 1000 random 4k of an image of 100 GiB"
    try:
        output = run(bench.memory_program, environment={"TMPDIR": bench.home}).output
    except (Failed, Missing) as e:
        yield Row("memory", work, _MOST, unit="MiB", note=f"failed: {e}", broken=True)
        return
    steps = re.findall(r"^(.*): resident ([\d.]+) MiB, at most ([\d.]+) MiB$", output, re.MULTILINE)
    if not steps:
        yield Row("memory", work, _MOST, unit="MiB", note=f"it said {output.strip()[:200]}")
        return
    resident = ", ".join(f"{step} {now} MiB" for step, now, _ in steps)
    yield Row("memory", work, _MOST, float(steps[-1][2]), "MiB", medians=resident)


def row_of_all() -> Row | None:
    """The daemons of all the other benchmarks, when they have ended."""
    if not Mount.peaks:
        return None
    return Row("memory", f"the largest of {len(Mount.peaks)} daemons of these benchmarks", _MOST,
               max(Mount.peaks), "MiB")
