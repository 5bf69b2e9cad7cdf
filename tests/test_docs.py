"""Pages that are written from the code say what the code says; links in the documentation lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.jobs import STEPS, own_steps

ROOT = Path(__file__).resolve().parents[1]


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", STEPS)
def test_the_diagram_of_a_job_goes_from_each_step_to_the_next(kind: str) -> None:
    page = (ROOT / "docs" / "generated" / "jobs.md").read_text("utf-8")
    diagram = page.split(f"## {kind}\n")[1].split("```")[1]
    drawn = re.findall(r"^    (\w+) --> (\w+): step$", diagram, re.M)
    assert drawn == list(pairwise(own_steps(kind)))


def test_links_lead_to_files() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not target.startswith(("http:", "https:")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_configuration_key_of_the_operator_guide_exists() -> None:
    from appliance.config import Config

    guide = (ROOT / "docs" / "operator.md").read_text("utf-8")
    (example,) = re.findall(r"may look like this:\n\n((?:    .*\n|\n)+)", guide)
    import tomllib

    Config.from_dict(tomllib.loads(example.replace("\n    ", "\n").lstrip()))


def test_the_shipped_configuration_is_right() -> None:
    from appliance.config import Config

    config = Config.load(ROOT / "systemd" / "gravure.toml")
    assert (config.listen.port, sorted(config.printers)) == (104, ["FILM"])
