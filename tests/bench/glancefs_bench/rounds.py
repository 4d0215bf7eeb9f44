"""Interleaved rounds, A B C A B C …: what else the machine does hits all variants alike, so ratios
hold where absolute figures do not."""

import statistics
import sys
from collections.abc import Callable

from glancefs_bench.programs import Failed, Missing


class Samples:
    """The figures of some variants, by name, and why a variant has none."""

    def __init__(self, unit: str):
        self.unit = unit
        self.figures: dict[str, list[float]] = {}
        self.absent: dict[str, str] = {}
        self.failed: set[str] = set()  # of the absent: those that could have run

    def median(self, name: str) -> float:
        return statistics.median(self.figures[name])

    def ratio(self, subject: str, base: str) -> float:
        """The median of the ratios of each round."""
        return statistics.median(
            a / b for a, b in zip(self.figures[subject], self.figures[base], strict=True))

    def why_not(self, *names: str) -> str:
        """Why these cannot be compared; empty: they can."""
        return "; ".join(f"{name}: {self.absent[name]}" for name in names if name in self.absent)


def interleaved(rounds: int, unit: str, variants: dict[str, Callable[[], float]]) -> Samples:
    """Measures every variant once per round. One that fails once is out, and says why."""
    samples = Samples(unit)
    for number in range(rounds):
        for name, measure in variants.items():
            if name in samples.absent:
                continue
            try:
                figure = measure()
            except Missing as e:
                samples.absent[name] = str(e)
            except (Failed, OSError) as e:
                samples.absent[name] = f"failed: {e}"
                samples.failed.add(name)
            else:
                samples.figures.setdefault(name, []).append(figure)
                print(f"    {number + 1}/{rounds}  {name:<34} {figure:12.3f} {unit}", file=sys.stderr)
            if name in samples.absent:
                samples.figures.pop(name, None)
                print(f"    {number + 1}/{rounds}  {name:<34} {samples.absent[name]}", file=sys.stderr)
    return samples
