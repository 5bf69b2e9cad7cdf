"""What a check of a disc says: findings in plain words, errors first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .validation_sources import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or worth knowing."""

    severity: Severity
    text: str
    section: str
    """Of the standard that says so."""
    location: str
    more: int = 0
    """In how many further places the same was found."""

    def __str__(self) -> str:
        also = f" and {self.more} more" if self.more else ""
        return f"{self.severity}: {self.text} ({self.section}): {self.location}{also}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found on one disc."""

    path: str
    kind: str
    findings: tuple[Finding, ...]
    """Errors first."""
    files: int = 0
    instances: int = 0
    """Records that refer to a file."""
    patients: int = 0

    @property
    def ok(self) -> bool:
        """True if nothing breaks the standard."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "path": self.path,
            "kind": self.kind,
            "ok": self.ok,
            "files": self.files,
            "instances": self.instances,
            "patients": self.patients,
            "findings": [
                {name: getattr(finding, name) for name in ("severity", "text", "section", "location", "more")}
                for finding in self.findings
            ],
        }


class Findings:
    """Findings in the order of their discovery; the same words are one finding with a count."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Finding] = {}

    def add(self, severity: Severity, text: str, section: str, location: str) -> None:
        key = (severity, text, section)
        known = self._found.get(key)
        if known is None:
            self._found[key] = Finding(severity, text, section, printable(location))
        else:
            self._found[key] = replace(known, more=known.more + 1)

    def sorted(self) -> tuple[Finding, ...]:
        order = {"error": 0, "warning": 1, "note": 2}
        return tuple(sorted(self._found.values(), key=lambda finding: order[finding.severity]))


def printable(text: str) -> str:
    """A name from a disc, fit for a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:200]
