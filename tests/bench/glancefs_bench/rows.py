"""Rows: what was done, what was hoped for, what came out."""

import operator
from dataclasses import asdict, dataclass

from glancefs_bench.rounds import Samples


@dataclass(frozen=True)
class Target:
    sign: str  # ">=" or "<="
    value: float
    unit: str = "x"

    def __str__(self) -> str:
        return f"{'≥' if self.sign == '>=' else '≤'} {figure(self.value, self.unit)}"

    def met_by(self, measured: float) -> bool:
        return {">=": operator.ge, "<=": operator.le}[self.sign](measured, self.value)

    def share(self, measured: float) -> float:
        """1: just met; more is better, whichever way the target goes."""
        worse, better = (self.value, measured) if self.sign == ">=" else (measured, self.value)
        return better / worse if worse > 0 else float("inf")


def at_least(value: float, unit: str = "x") -> Target:
    return Target(">=", value, unit)


def at_most(value: float, unit: str = "x") -> Target:
    return Target("<=", value, unit)


@dataclass(frozen=True)
class Row:
    group: str
    work: str
    target: Target | None = None
    measured: float | None = None  # None: `note` says why
    unit: str = "x"
    medians: str = ""
    note: str = ""
    broken: bool = False  # glancefs did not do it, which is more than a figure that is missing

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "absent"
        if self.target is None:
            return ""
        return "met" if self.target.met_by(self.measured) else "missed"

    def as_json(self) -> dict:
        return {**asdict(self), "verdict": self.verdict}


def figure(value: float, unit: str) -> str:
    """A number as people read it: three digits that count, and its unit."""
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"
    if unit == "x":
        return f"{text} ×"
    return f"{int(value)} {unit}" if value == int(value) else f"{text} {unit}"


def compared(group: str, work: str, samples: Samples, subject: str, base: str,
             target: Target | None = None) -> Row:
    """One variant against another: the ratio subject / base of their figures."""
    absent = samples.why_not(subject, base)
    names = [name for name in (subject, base) if name in samples.figures]
    medians = ", ".join(f"{name} {figure(samples.median(name), samples.unit)}" for name in names)
    if absent:
        return Row(group, work, target, medians=medians, note=absent,
                   broken=subject in samples.failed)
    return Row(group, work, target, samples.ratio(subject, base), medians=medians)


def absolute(group: str, work: str, samples: Samples, name: str, target: Target | None = None) -> Row:
    """A figure that counts by itself."""
    if name in samples.absent:
        return Row(group, work, target, unit=samples.unit, note=samples.why_not(name),
                   broken=name in samples.failed)
    return Row(group, work, target, samples.median(name), samples.unit)
