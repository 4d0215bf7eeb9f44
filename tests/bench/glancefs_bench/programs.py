"""Programs: what they cost when they run to their end, and those that run beside the others."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass


class Missing(Exception):
    """Something that this machine does not have. Its row says so; nothing fails."""


class Failed(Exception):
    """A program that did not do what it was run for."""


@dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float  # user and system, of the program and all it waited for
    output: str         # standard output and error


def need(program: str) -> str:
    """The full name of a program, or Missing."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/lib/openssh")
    if not found:
        raise Missing(f"no {program} here")
    return found


def run(*words: str, limit: float = 900, environment: dict[str, str] | None = None) -> Run:
    """Runs a program to its end. Failed when its exit code is not 0 or the limit is over."""
    need(words[0])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True,
                          env={**os.environ, "LC_ALL": "C", **(environment or {})}) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except BaseException as e:  # an interrupt, too, must not leave it behind
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(e, subprocess.TimeoutExpired):
                raise Failed(f"{words[0]} ran longer than {limit:.0f} s") from e
            raise
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        last = (output.strip().splitlines() or ["no output"])[-1]
        raise Failed(f"{os.path.basename(words[0])} ended with {process.returncode}: {last[:200]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, output)


class Background:
    """A program that runs until stop()."""

    def __init__(self, *words: str, log: str, environment: dict[str, str] | None = None):
        self.name = os.path.basename(words[0])
        self.log = log
        need(words[0])
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, env={**os.environ, **(environment or {})})

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, ready, limit: float = 30) -> None:
        """Asks ready() until it is true. Failed when the program ends or the limit is over."""
        end = time.monotonic() + limit
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise Failed(f"{self.name} did not start: {self._last_line()}")
            time.sleep(0.02)

    def wait_for_line(self, pattern: str) -> re.Match:
        """The first match in what the program has written, once it is there."""
        self.wait_until(lambda: self._search(pattern))
        return self._search(pattern)

    def wait(self, limit: float) -> bool:
        """Whether it ends by itself in time."""
        try:
            self._process.wait(limit)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self, limit: float = 15) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        if not self.wait(limit):
            self._process.kill()
            self._process.wait()

    def _search(self, pattern: str) -> re.Match | None:
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return re.search(pattern, log.read())

    def _last_line(self) -> str:
        with open(self.log, encoding="utf-8", errors="replace") as log:
            lines = log.read().strip().splitlines()
        return lines[-1][:200] if lines else "no output"


def cpu_seconds(pid: int) -> float:
    """User and system time a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_memory(pid: int) -> float:
    """What a process has resident, in MiB."""
    return _status_mib(pid, "VmRSS")


def peak_memory(pid: int) -> float:
    """The most a process has had resident, in MiB."""
    return _status_mib(pid, "VmHWM")


def _status_mib(pid: int, field: str) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return int(re.search(rf"{field}:\s*(\d+)", status.read())[1]) / 1024
