"""The report of a calibration: what was measured, what the GSDF asks for, and how near films come to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from printing.calibration import FULL_CODE, Calibration, Curve
from printing.evaluation import P_VALUES, Evaluation, evaluate, printed
from printing.grayscale import Viewing, p_value_density
from printing.tone import Tone, reached_by


@dataclass(frozen=True, slots=True)
class Row:
    """One bar of PS3.14 D.2.4."""

    p_value: int
    target_od: float
    code: float
    """Code value of the calibrated tone, on the scale of 0 to 255."""
    before_od: float
    after_od: float


@dataclass(frozen=True, slots=True)
class Report:
    """A calibration, evaluated. What is after it is computed from the measured curve; a test page shows it.

    Attributes:
        calibration: what was measured.
        viewing: asked densities and light.
        reached: the densities that films have.
        bits: of a code value.
        before_tone: the tone that `before` is of.
        rows: the bars.
        before, after: how even their steps are.
    """

    calibration: Calibration
    viewing: Viewing
    reached: Viewing
    bits: int
    before_tone: str
    rows: tuple[Row, ...]
    before: Evaluation
    after: Evaluation


def report_of(calibration: Calibration, viewing: Viewing, bits: int, before: Tone) -> Report:
    """Evaluate a calibration.

    Args:
        calibration: what was measured.
        viewing: densities that films ask for, and the light that they are looked at in.
        bits: of a code value.
        before: the tone that films had, or would have, without it.
    """
    curve = calibration.curve
    reached = reached_by(curve, viewing)
    tone = Tone("calibrated", measured=curve)
    sample = tone.curve(viewing, viewing)
    old, new = (printed(one, curve, viewing, bits) for one in (before, tone))
    rows = tuple(
        Row(
            p_value,
            p_value_density(p_value / 255, reached),
            sample(p_value / 255) * FULL_CODE,
            old(p_value / 255),
            new(p_value / 255),
        )
        for p_value in P_VALUES
    )
    targets = [row.target_od for row in rows]
    return Report(
        calibration,
        viewing,
        reached,
        bits,
        before.name,
        rows,
        evaluate([row.before_od for row in rows], reached, targets),
        evaluate([row.after_od for row in rows], reached, targets),
    )


def facts(report: Report) -> list[tuple[str, str]]:
    """What stands at the head of the report, as (name, value)."""
    made, reached = report.calibration, report.reached
    noise = f", {made.noise_od:.3f} OD of noise in a step" if made.noise_od else ""
    found = [
        ("Printer", made.printer),
        ("Medium", made.medium),
        ("Chart", made.chart),
        ("Measured", made.measured.replace("T", " ")[:16] + (f" by {made.by}" if made.by else "")),
        ("How", f"{made.method}; {len(made.codes)} steps{noise}"),
        ("Reaches", f"Dmin {made.curve.min_density_od:.2f}, Dmax {made.curve.max_density_od:.2f} OD"),
        ("Films", f"{reached.min_density_centi_od / 100:.2f} to {reached.max_density_centi_od / 100:.2f} OD"
         f", L0 {reached.illumination_cd_m2} cd/m², La {reached.reflected_ambient_light_cd_m2} cd/m²"),
    ]  # fmt: skip
    if remark := Tone("calibrated", measured=made.curve).remark(report.viewing):
        found.append(("Note", remark))
    return [*found, *(("Note", remark) for remark in made.remarks)]


def figures(report: Report) -> list[tuple[str, str, str]]:
    """How even the steps are, as (figure, before, after)."""
    before, after = report.before, report.after
    return [
        ("JNDs per P-value, mean", f"{before.mean:.2f}", f"{after.mean:.2f}"),
        ("their RMS about the mean", f"{before.rms:.2f}", f"{after.rms:.2f}"),
        ("their change from P 0 to 255", f"{before.change:+.2f}", f"{after.change:+.2f}"),
        ("largest density error, OD", f"{before.worst_od:.3f}", f"{after.worst_od:.3f}"),
    ]


def to_text(report: Report) -> str:
    """The report for a terminal."""
    lines = [f"{name + ':':<11}{value}" for name, value in facts(report)]
    lines += ["", f"{'by 32 bars (PS3.14 D.2.4)':<32}{'tone ' + report.before_tone:>14}{'calibrated':>14}"]
    lines += [f"{name:<32}{before:>14}{after:>14}" for name, before, after in figures(report)]
    lines += ["", f"{'P-value':>8}{'target OD':>12}{'code':>9}{'printed OD':>12}{'tone ' + report.before_tone:>14}"]
    lines += [
        f"{row.p_value:>8}{row.target_od:>12.3f}{row.code:>9.2f}{row.after_od:>12.3f}{row.before_od:>14.3f}"
        for row in report.rows
    ]
    return "\n".join(
        [*lines, "", f"What is printed is computed from the measured curve, with {report.bits}-bit codes."]
    )


# -- one page -----------------------------------------------------------------------------------------------------

PAGE_MM = (210.0, 297.0)
MM = 72 / 25.4
INK, FAINT, BEFORE, AFTER = (0.1, 0.1, 0.1), (0.75, 0.75, 0.75), (0.75, 0.35, 0.1), (0.05, 0.35, 0.65)
LONGEST = 92
"""Characters of a line that the page has room for."""


def to_pdf(report: Report) -> bytes:
    """The report as one page of A4."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    from printing.render.text import OWN_FONT

    pdfmetrics.registerFont(TTFont("Report", str(OWN_FONT)))
    out = BytesIO()
    canvas: Any = Canvas(out, pagesize=(PAGE_MM[0] * MM, PAGE_MM[1] * MM), invariant=1, pageCompression=1)
    canvas.setTitle("Calibration report")
    canvas.setCreator("Gravure")
    page = _Page(canvas)
    made = report.calibration
    page.text(20, 22, f"Calibration of {made.printer} on {made.medium}", 16)
    y = 31.0
    for name, value in facts(report):
        page.text(20, y, name, 8.5, FAINT_INK)
        for line in _wrapped(value):
            page.text(42, y, line, 8.5)
            y += 4.6
    y += 2
    page.text(20, y, "32 bars, PS3.14 D.2.4", 8.5, FAINT_INK)
    page.text(120, y, f"tone {report.before_tone}", 8.5, BEFORE, right=True)
    page.text(150, y, "calibrated", 8.5, AFTER, right=True)
    for name, before, after in figures(report):
        y += 4.6
        page.text(42, y, name, 8.5)
        page.text(120, y, before, 8.5, right=True)
        page.text(150, y, after, 8.5, right=True)
    top = y + 10
    _curves(page, report, 26, top, 74, 62)
    _increments(page, report, 122, top, 68, 62)
    _table(page, report, top + 84)
    page.text(
        20, 288, f"What is printed is computed from the measured curve, with {report.bits}-bit codes.", 7.5, FAINT_INK
    )
    canvas.showPage()
    canvas.save()
    return out.getvalue()


FAINT_INK = (0.45, 0.45, 0.45)


def _wrapped(value: str) -> list[str]:
    lines = [""]
    for word in value.split():
        if lines[-1] and len(lines[-1]) + len(word) >= LONGEST:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


class _Page:
    """A canvas in mm from the top left corner."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas

    def text(
        self, x: float, y: float, words: str, size: float, ink: Sequence[float] = INK, *, right: bool = False
    ) -> None:
        self.canvas.setFont("Report", size)
        self.canvas.setFillColorRGB(*ink)
        draw = self.canvas.drawRightString if right else self.canvas.drawString
        draw(x * MM, (PAGE_MM[1] - y) * MM, words)

    def line(self, points: Sequence[tuple[float, float]], ink: Sequence[float], width: float = 0.25) -> None:
        self.canvas.setStrokeColorRGB(*ink)
        self.canvas.setLineWidth(width * MM)
        path = self.canvas.beginPath()
        for at, (x, y) in enumerate(points):
            (path.lineTo if at else path.moveTo)(x * MM, (PAGE_MM[1] - y) * MM)
        self.canvas.drawPath(path)

    def dot(self, x: float, y: float, ink: Sequence[float]) -> None:
        self.canvas.setFillColorRGB(*ink)
        self.canvas.circle(x * MM, (PAGE_MM[1] - y) * MM, 0.5 * MM, stroke=0, fill=1)

    def axes(
        self,
        x: float,
        y: float,
        wide: float,
        high: float,
        across: Sequence[tuple[float, str]],
        up: Sequence[tuple[float, str]],
        title: str,
        below: str,
    ) -> None:
        """A frame with lines and numbers at parts (0 to 1) of its sides."""
        self.text(x, y - 2.5, title, 9)
        for part, words in across:
            self.line([(x + part * wide, y), (x + part * wide, y + high)], FAINT, 0.1)
            self.text(x + part * wide + 2.5, y + high + 4, words, 7, FAINT_INK, right=True)
        for part, words in up:
            self.line([(x, y + high - part * high), (x + wide, y + high - part * high)], FAINT, 0.1)
            self.text(x - 1.5, y + high - part * high + 1, words, 7, FAINT_INK, right=True)
        self.line([(x, y), (x, y + high), (x + wide, y + high), (x + wide, y), (x, y)], INK, 0.15)
        self.text(x + wide, y + high + 8.5, below, 7.5, FAINT_INK, right=True)


def _places(most: float, step: float, form: Callable[[float], str]) -> list[tuple[float, str]]:
    return [(at * step / most, form(at * step)) for at in range(int(most / step + 1e-9) + 1)]


def _curves(page: _Page, report: Report, x: float, y: float, wide: float, high: float) -> None:
    curve: Curve = report.calibration.curve
    most = max(1.0, int(curve.max_density_od * 2 + 1) / 2)
    codes = _places(255, 51, lambda value: f"{value:.0f}")
    page.axes(
        x,
        y,
        wide,
        high,
        codes,
        _places(most, 0.5, lambda value: f"{value:.1f}"),
        "Optical density",
        "code value, P-value",
    )

    def place(value: float, density: float) -> tuple[float, float]:
        return x + value / 255 * wide, y + high - max(0.0, density) / most * high

    page.line([place(code, curve.density(code / 255)) for code in range(256)], INK, 0.3)
    for code, density in zip(report.calibration.codes, report.calibration.densities, strict=True):
        page.dot(*place(code, density), INK)
    page.line([place(row.p_value, row.target_od) for row in report.rows], AFTER, 0.4)
    page.line([place(row.p_value, row.before_od) for row in report.rows], BEFORE, 0.3)
    for at, (words, ink) in enumerate(
        (("measured, by code value", INK), ("GSDF, by P-value", AFTER), (f"tone {report.before_tone}", BEFORE))
    ):
        page.text(x + wide - 2, y + 5 + 4 * at, words, 7, ink, right=True)


def _increments(page: _Page, report: Report, x: float, y: float, wide: float, high: float) -> None:
    most = max(1.0, int(max(*report.before.increments, *report.after.increments) + 1.0))
    step = max(1.0, most // 5)
    p_values = _places(255, 51, lambda value: f"{value:.0f}")
    page.axes(
        x, y, wide, high, p_values, _places(most, step, lambda value: f"{value:.0f}"), "JNDs per P-value", "P-value"
    )
    for found, ink in ((report.before, BEFORE), (report.after, AFTER)):
        middles = [(left + right) / 2 for left, right in itertools.pairwise(P_VALUES)]
        points = [
            (x + middle / 255 * wide, y + high - max(0.0, one) / most * high)
            for middle, one in zip(middles, found.increments, strict=True)
        ]
        page.line(points, ink, 0.35)


def _table(page: _Page, report: Report, y: float) -> None:
    """Thirty-two rows, in two columns."""
    for half in range(2):
        x = 20 + half * 88
        heads = ("P-value", "target OD", "code", "printed OD", f"tone {report.before_tone}")
        places = (12, 30, 44, 63, 82)
        for head, place in zip(heads, places, strict=True):
            page.text(x + place, y, head, 7, FAINT_INK, right=True)
        for at, row in enumerate(report.rows[16 * half : 16 * half + 16]):
            down = y + 4.6 + 4.3 * at
            values = (
                f"{row.p_value}",
                f"{row.target_od:.3f}",
                f"{row.code:.1f}",
                f"{row.after_od:.3f}",
                f"{row.before_od:.3f}",
            )
            for value, place in zip(values, places, strict=True):
                page.text(x + place, down, value, 7.5, right=True)
