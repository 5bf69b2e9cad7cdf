"""The corpus of real DICOM files: $GRAVURE_CORPUS, else `../shared/corpus` beside the checkout."""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("GRAVURE_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")

needs_corpus = pytest.mark.corpus


def missing_corpus() -> str:
    """In words, that there is no corpus; nothing if there is one."""
    if (CORPUS / "manifest.csv").exists():
        return ""
    return f"the corpus of DICOM files is not at {CORPUS} (set GRAVURE_CORPUS)"


def is_demanded() -> bool:
    """Whether somebody said where it is: then tests that miss it have failed, in CI."""
    return "GRAVURE_CORPUS" in os.environ


def require_corpus() -> None:
    """For a module whose tests are made from the corpus: skipped without it, or failed."""
    if gone := missing_corpus():
        if os.environ.get("CI") == "true" and is_demanded():
            pytest.fail(gone, pytrace=False)
        pytest.skip(gone, allow_module_level=True)


@cache
def manifest() -> list[dict[str, str]]:
    """The rows of the manifest; none where there is no corpus."""
    file = CORPUS / "manifest.csv"
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def corpus_files(**wanted: str) -> list[Path]:
    """Files whose manifest row has these values, such as `storable="yes"`."""
    return [CORPUS / row["path"] for row in manifest() if all(row[column] == value for column, value in wanted.items())]
