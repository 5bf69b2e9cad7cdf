"""PDFs: true size, lossless, the same bytes for the same films, read by programs that are not ours."""

from __future__ import annotations

import base64
import re
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from printing.job import render_document
from printing.page import FilmDocument, PageText
from printing.render.finish import Finish
from printing.render.icc import gray_profile, is_rgb_profile
from printing.render.text import OWN_FONTS
from printing.tone import Tone
from tests.printing.render.films import Heap, box, film

pytestmark = pytest.mark.peers("poppler-utils")
RANDOM = np.random.default_rng(3)


def pdf_of(folder: Path, document: FilmDocument, heap: Heap, finish: Finish, name: str = "film.pdf") -> Path:
    for file, data in heap.data.items():
        (folder / file).write_bytes(data)
    render_document(document, folder, finish, folder / name)
    return folder / name


def images_of(pdf: Path, folder: Path) -> list[np.ndarray]:
    """Every image as poppler takes it out: PNG, PPM or TIFF by pdfimages."""
    from PIL import Image

    folder.mkdir()
    subprocess.run(["pdfimages", "-tiff", pdf, folder / "i"], check=True)
    return [np.asarray(Image.open(file)) for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("color", [False, True])
def test_what_goes_in_comes_out(tmp_path: Path, bits: int, color: bool) -> None:
    heap = Heap()
    shape = (600, 500, 3) if color else (600, 500)
    pixels = RANDOM.integers(0, 1 << bits, shape)
    page = film([box(heap.put(pixels, bits), 0, 0, 50, 60)], 50, 60, color=color)
    pdf = pdf_of(tmp_path, FilmDocument((page,)), heap, Finish(254, bits=bits))
    listed = subprocess.run(["pdfimages", "-list", pdf], capture_output=True, text=True, check=True).stdout.split()
    assert str(bits) in listed and ("rgb" if color else "gray") in listed
    assert b"DCTDecode" not in pdf.read_bytes() and b"ASCII85" not in pdf.read_bytes()
    if bits == 8:
        (found,) = images_of(pdf, tmp_path / "out")
        assert np.array_equal(found, pixels)
    else:
        out = subprocess.run(["mutool", "show", "-b", pdf, object_of(pdf)], capture_output=True, check=True).stdout
        raw = np.frombuffer(out, ">u2").reshape(shape)
        assert np.array_equal(raw, pixels)


def object_of(pdf: Path) -> str:
    """The number of the first image's object."""
    match = re.search(rb"(\d+) 0 obj[^\n]*\n<< /Type /XObject /Subtype /Image", pdf.read_bytes())
    assert match
    return match[1].decode()


@pytest.mark.parametrize(("width", "height"), [(355.6, 431.8), (203.2, 254.0), (210, 297), (240, 300)])
def test_a_page_has_the_size_of_its_film(tmp_path: Path, width: float, height: float) -> None:
    pdf = pdf_of(tmp_path, FilmDocument((film([], width, height),) * 3), Heap(), Finish(50))
    said = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Page size:\s+([\d.]+) x ([\d.]+) pts", said)
    assert match and "Pages:           3" in said
    assert float(match[1]) / 72 * 25.4 == pytest.approx(width, abs=0.1)
    assert float(match[2]) / 72 * 25.4 == pytest.approx(height, abs=0.1)


def test_the_same_films_are_the_same_bytes(tmp_path: Path) -> None:
    heap = Heap()
    pixels = heap.put(RANDOM.integers(0, 4096, (50, 50)), 12)
    page = film([box(pixels)], annotations=(PageText(1, "Müller"),))
    document = FilmDocument((page, page))
    first = pdf_of(tmp_path, document, heap, Finish(100, Tone("film")), "a.pdf").read_bytes()
    assert first == pdf_of(tmp_path, document, heap, Finish(100, Tone("film")), "b.pdf").read_bytes()
    assert not list(tmp_path.glob("*.z")) and not list(tmp_path.glob("*.part"))


@pytest.mark.peers("ghostscript", "mupdf-tools")
def test_other_programs_read_it(tmp_path: Path) -> None:
    heap = Heap()
    pixels = heap.put(np.linspace(0, 4095, 2500).reshape(50, 50).astype(int), 12)
    document = FilmDocument((film([box(pixels)], annotations=(PageText(1, "Доктор 日本"),)), film([], color=True)))
    pdf = pdf_of(tmp_path, document, heap, Finish(100, bits=16))
    for command in (
        ["gs", "-q", "-dSAFER", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pnggray", f"-sOutputFile={tmp_path}/gs%d.png", pdf],
        ["mutool", "draw", "-q", "-o", tmp_path / "mu%d.png", pdf],
        ["pdftoppm", "-png", pdf, tmp_path / "po"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr.replace("warning: ICC support is not available\n", "") == ""  # Debian's mutool has none
    assert len(list(tmp_path.glob("*.png"))) == 6


@pytest.mark.parametrize("text", ["Müller^Jürgen", "Иванов", "日本語", "김철수", "two  words\nand a line"])
def test_annotations_can_be_searched(tmp_path: Path, text: str) -> None:
    page = film([], 200, 100, annotations=(PageText(1, text),))
    pdf = pdf_of(tmp_path, FilmDocument((page,)), Heap(), Finish(100))
    said = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True).stdout
    assert " ".join(text.split()) in " ".join(said.split())


def read_by(program: str, pdf: Path) -> str:
    """The text of a PDF, without the marks of direction that a program adds."""
    command = {"poppler": ["pdftotext", pdf, "-"], "mupdf": ["mutool", "draw", "-q", "-F", "text", pdf]}[program]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return " ".join("".join(sign for sign in said if unicodedata.category(sign) != "Cf").split())


@pytest.mark.peers("mupdf-tools")
@pytest.mark.parametrize("program", ["poppler", "mupdf"])
@pytest.mark.parametrize("text", ["Иванов Пётр", "כהן דוד", "محمد أحمد", "فاطمة الزهراء"])
def test_annotations_are_found_whichever_way_they_run(tmp_path: Path, program: str, text: str) -> None:
    pdf = pdf_of(tmp_path, FilmDocument((film([], 200, 100, annotations=(PageText(1, text),)),)), Heap(), Finish(100))
    assert read_by(program, pdf) == text


def test_each_word_of_a_line_that_runs_both_ways_is_found(tmp_path: Path) -> None:
    text = "CT כהן דוד 12/03/2026 عمر 山田"
    pdf = pdf_of(tmp_path, FilmDocument((film([], 200, 100, annotations=(PageText(1, text),)),)), Heap(), Finish(100))
    said = read_by("poppler", pdf)
    assert [word for word in text.split() if word not in said] == []


def test_the_unseen_text_is_in_the_fonts_of_the_drawn_one(tmp_path: Path) -> None:
    """A font of `appliance.fonts` is asked before ours that are not Latin, and so it is for unseen text."""
    extra = OWN_FONTS[-1]
    document = FilmDocument((film([], 200, 100, annotations=(PageText(1, "CT ひろこ"),)),))
    for fonts, name in (((), "NanumGothicCoding"), ((str(extra),), "DroidSansFallback")):
        pdf = pdf_of(tmp_path, document, Heap(), Finish(100, fonts=fonts))
        assert read_by("poppler", pdf) == "CT ひろこ"
        listed = subprocess.run(["pdffonts", pdf], capture_output=True, text=True, check=True).stdout
        used = {one for one in ("DejaVuSans", "NanumGothicCoding", "DroidSansFallback") if one in listed}
        assert used == {"DejaVuSans", name}


def test_p_values_carry_their_meaning_and_other_tones_need_none(tmp_path: Path) -> None:
    document = FilmDocument((film([]), film([])))
    plain = pdf_of(tmp_path, document, Heap(), Finish(50), "p.pdf")
    assert plain.read_bytes().count(b"/OutputIntent\n") + plain.read_bytes().count(b"/OutputIntent ") == 1
    assert b"ICCBased" not in plain.read_bytes()
    assert b"OutputIntent" not in pdf_of(tmp_path, document, Heap(), Finish(50, Tone("film")), "f.pdf").read_bytes()


def rgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_consoles_icc_profile_goes_with_its_colours_and_nonsense_does_not(tmp_path: Path) -> None:
    heap = Heap()
    pixels = heap.put(RANDOM.integers(0, 256, (40, 60, 3)))
    for profile, kept in [(rgb_profile(), True), (b"no profile", False), (gray_profile([0, 1], "x"), False)]:
        page = film([box(pixels)], color=True, icc_profile=base64.b64encode(profile).decode())
        pdf = pdf_of(tmp_path, FilmDocument((page, page)), heap, Finish(50))
        assert is_rgb_profile(profile) is kept
        assert pdf.read_bytes().count(b"/ICCBased") == (2 if kept else 0)
        assert pdf.read_bytes().count(b"/N 3") == (1 if kept else 0), "two films share it"
        subprocess.run(["pdftoppm", "-png", pdf, tmp_path / "p"], check=True)


def test_our_grey_profile_is_one(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(BytesIO(gray_profile([at / 1023 for at in range(1024)], "a ramp")))
    assert ImageCms.getProfileDescription(profile).strip() == "a ramp"
    assert profile.profile.xcolor_space.strip() == "GRAY"
