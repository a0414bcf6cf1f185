"""What was found among files: a line for each kind, what is missing, and the command that trains."""

from dataclasses import asdict, dataclass, field

SHOWN = 3


@dataclass
class Found:
    """One input: what it is, how many files and records, from when to when, in which units, what was rejected."""

    kind: str
    n_files: int
    count: str = ""
    period: tuple[str, str] | None = None
    units: str = ""
    path: str = ""
    rejected: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For reading: a line, and one for each of the first reasons."""
        period = " to ".join(self.period) if self.period else "nothing usable"
        files = "1 file" if self.n_files == 1 else f"{self.n_files} files"
        said = [f"{self.kind}: {files}, {', '.join(x for x in (self.count, period, self.units) if x)}"]
        said += [f"  rejected: {reason}" for reason in self.rejected[:SHOWN]]
        more = len(self.rejected) - SHOWN
        return said + ([f"  and {more} more"] if more > 0 else [])


@dataclass
class Report:
    """All that was found; `problems` keep it from being a run, `notes` do not; `command` trains on it."""

    found: list[Found]
    problems: list[str]
    notes: list[str]
    command: str | None = None

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [line for one in self.found for line in one.lines()]
        lines += [f"note: {note}" for note in self.notes] + [f"missing: {problem}" for problem in self.problems]
        return "\n".join(lines + ([f"train on it with:\n{self.command}"] if self.command else []))
