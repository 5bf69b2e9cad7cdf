"""Films as PNG, TIFF, PWG Raster, JPEG and PostScript: other people's readers find our pixels, in our millimetres."""

from __future__ import annotations

import ctypes
import io
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from printing.job import Rendered, render_document
from printing.page import FilmDocument, FilmPage, PageText
from printing.render.composition import composed
from printing.render.finish import Finish
from printing.render.formats import FORMATS
from printing.render.postscript import Ascii85
from printing.render.pwg import pack
from printing.render.raster import RasterPage, rasterise
from printing.render.sheet import sheets_for
from printing.tone import Tone
from tests.printing.render.films import Heap, box, film
from tests.printing.render.pwg_reader import HEADER_BYTES, PwgPage, read_pwg

RANDOM = np.random.default_rng(5)
A5 = ("iso_a5_148x210mm", 148.0, 210.0, 5.0)
PNG, TIFF, PWG, JPEG, PS = "image/png", "image/tiff", "image/pwg-raster", "image/jpeg", "application/postscript"


def picture(heap: Heap, bits: int, color: bool, width: float = 90, height: float = 120) -> FilmPage:
    """A film of noise beside an even area, with an annotation."""
    shape = (int(height * 2), int(width * 2), 3) if color else (int(height * 2), int(width * 2))
    pixels = RANDOM.integers(0, 1 << bits, shape)
    pixels[: len(pixels) // 2, : pixels.shape[1] // 2] = 1 << (bits - 1)
    cell = box(heap.put(pixels, bits), 0, 0, width, height)
    return film([cell], width, height, color=color, annotations=(PageText(1, "Müller"),))


def render(folder: Path, heap: Heap, finish: Finish, media_type: str, *pages: FilmPage) -> Rendered:
    for file, data in heap.data.items():
        (folder / file).write_bytes(data)
    out = folder / f"film{FORMATS[media_type].suffix}"
    made = render_document(FilmDocument(pages), folder, finish, out, media_type=media_type)
    assert {file.name for file in folder.iterdir()} == {*heap.data, *(file.name for file in made.files)}, "left behind"
    return made


def run(*command: str | Path, **environment: str) -> bytes:
    done = subprocess.run(command, capture_output=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def netpbm(data: bytes) -> NDArray[Any]:
    """Samples of a binary PGM or PPM, all their bits."""
    match = re.match(rb"P([56])\s(?:#.*\n)?(\d+)\s(\d+)\s(\d+)\s", data)
    assert match
    columns, rows, most = map(int, match.groups()[1:])
    samples = np.frombuffer(data[match.end() :], ">u2" if most > 255 else "u1")
    return samples.reshape((rows, columns, 3) if match[1] == b"6" else (rows, columns))


@pytest.mark.peers("netpbm", "libtiff-tools")
@pytest.mark.parametrize(("media_type", "reader"), [(PNG, "pngtopnm"), (TIFF, "tifftopnm -byrow")])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("color", [False, True])
def test_a_film_as_a_picture_is_lossless_and_has_its_size(
    tmp_path: Path, media_type: str, reader: str, bits: int, color: bool
) -> None:
    heap, finish = Heap(), Finish(173, bits=bits)
    page = picture(heap, 12, False) if not color else picture(heap, 8, True)
    (file,) = render(tmp_path, heap, finish, media_type, page).files
    ours = rasterise(page, lambda pixels, first, count: heap.data[pixels.file][first : first + count], finish).samples
    assert ours.dtype.itemsize * 8 == bits and ours.ndim == (3 if color else 2)
    assert np.array_equal(netpbm(run(*reader.split(), file)), ours)
    with Image.open(file) as opened:
        assert opened.info["dpi"] == pytest.approx((173, 173), abs=0.02)
        read = np.asarray(opened)
        assert np.array_equal(read, ours >> 8 if color and bits == 16 else ours)  # Pillow has no 16-bit RGB
    if media_type == TIFF:
        done = subprocess.run(["tiffinfo", "-D", file], capture_output=True, text=True, check=True)
        assert done.stderr == "" and "Resolution: 173, 173 pixels/inch" in done.stdout


@pytest.mark.peers("mupdf-tools")
def test_another_png_reader_finds_the_film_in_its_millimetres(tmp_path: Path) -> None:
    heap = Heap()
    (file,) = render(tmp_path, heap, Finish(254), PNG, picture(heap, 8, False, 100, 50)).files
    run("mutool", "draw", "-q", "-r", "72", "-o", tmp_path / "drawn.png", file)
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.size == pytest.approx((100 * 72 / 25.4, 50 * 72 / 25.4), abs=1.5)


@pytest.mark.parametrize("media_type", [PNG, TIFF])
def test_several_films_are_several_files_and_say_what_their_samples_mean(tmp_path: Path, media_type: str) -> None:
    suffix = FORMATS[media_type].suffix
    for tone, gray, described in (("pvalue", True, "P-values"), ("film", True, None), ("film", False, None)):
        folder = tmp_path / f"{tone}{gray}"
        folder.mkdir()
        made = render(folder, Heap(), Finish(50, Tone(tone)), media_type, *[film([], color=not gray)] * 3)
        assert [file.name for file in made.files] == [f"film-{n}of3{suffix}" for n in (1, 2, 3)]
        with Image.open(made.files[0]) as opened:
            profile = opened.info.get("icc_profile")
            assert (profile is not None) is (described is not None)
            if profile is not None:
                assert described in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
            if media_type == PNG:
                assert ("srgb" in opened.info) is (gray and described is None)


# -- sheets -----------------------------------------------------------------------------------------------------


def sheet_of(page: FilmPage, heap: Heap, finish: Finish) -> list[RasterPage]:
    """The sheets of a film as they should be, before they are turned."""
    sheets = sheets_for(page.width_mm, page.height_mm, finish.papers, finish.scaling)
    raster = rasterise(
        page,
        lambda pixels, first, count: heap.data[pixels.file][first : first + count],
        replace(finish, dpi=finish.dpi * sheets[0].scale),
    )
    return [composed(raster, sheet, finish.dpi) for sheet in sheets]


CUPS_ALONE = {292, 296, 428, 432}
"""Numbers that a CUPS raster has and a PWG Raster leaves 0: the imaging bounding box and the page size as floats."""


def foreign_header(page: PwgPage, name: str, kind: str) -> bytes:
    """The header that libcups makes for the same paper, resolution and kind of pixels."""
    cups, made = ctypes.CDLL("libcups.so.2"), ctypes.create_string_buffer(HEADER_BYTES)
    text, pointer, number = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int
    cups.cupsRasterInitPWGHeader.argtypes = [pointer, pointer, text, number, number, text, text]
    cups.pwgMediaForPWG.restype = pointer
    (dpi, _) = page.resolution
    media = cups.pwgMediaForPWG(name.encode())
    assert cups.cupsRasterInitPWGHeader(made, media, kind.encode(), dpi, dpi, b"one-sided", b"normal")
    return bytes(made.raw)


@pytest.mark.parametrize("color", [False, True])
def test_a_pwg_page_is_the_sheet_with_the_film_pixel_on_pixel(tmp_path: Path, color: bool) -> None:
    heap = Heap()
    finish = Finish(150, papers=(A5,))
    upright, across = picture(heap, 8, color, 203.2, 254.0), picture(heap, 8, color, 254.0, 203.2)
    made = render(tmp_path, heap, finish, PWG, upright, across)
    first, second = read_pwg(made.files[0])
    assert np.array_equal(first.pixels, sheet_of(upright, heap, finish)[0].samples)
    assert np.array_equal(second.pixels, np.rot90(sheet_of(across, heap, finish)[0].samples))
    for page in (first, second):
        assert page.paper == A5[0]
        ours, theirs = page.header, foreign_header(page, A5[0], "srgb_8" if color else "sgray_8")
        apart = {at & ~3 for at in range(HEADER_BYTES) if ours[at] != theirs[at]}
        assert ours.startswith(b"PwgRaster\0") and apart <= {0, 4, 8, *CUPS_ALONE}
        assert page.image_box == (0, 0, *page.size)
    assert "not to scale" in made.warnings[0] and made.paper == A5[0]


@pytest.mark.peers("cups-ipp-utils", "ghostscript")
def test_what_a_printer_makes_of_a_pwg_page_are_our_pixels(tmp_path: Path) -> None:
    heap, finish = Heap(), Finish(100, papers=(A5,))
    page = picture(heap, 8, False, 120, 160)
    (file,) = render(tmp_path, heap, finish, PWG, page).files
    (tmp_path / "out.ps").write_bytes(run("ippeveps", file, CONTENT_TYPE=PWG))
    (drawn,) = ghostscript(tmp_path / "out.ps", 100)
    ours = sheet_of(page, heap, finish)[0].samples
    assert alike(drawn[-len(ours) :, : ours.shape[1]], ours), "it begins in the lower left corner of its own paper"


def alike(theirs: NDArray[Any], ours: NDArray[Any]) -> bool:
    """Ghostscript turns some greys into the one beside them, wherever a pixel is."""
    return theirs.shape == ours.shape and np.abs(theirs.astype(int) - ours).max() <= 1


def ghostscript(file: Path, dpi: int, device: str = "pgmraw") -> list[NDArray[Any]]:
    """The pages as Ghostscript renders them, less what a page has of a pixel more than a raster."""
    out = file.parent / "gs"
    out.mkdir()
    options = ["-q", "-dSAFER", "-dNOPAUSE", "-dBATCH", f"-sDEVICE={device}", f"-r{dpi}"]
    assert run("gs", *options, f"-sOutputFile={out}/%02d", file) == b""
    return [netpbm(page.read_bytes()) for page in sorted(out.iterdir())]


@pytest.mark.peers("ghostscript")
@pytest.mark.parametrize("color", [False, True])
def test_postscript_pages_have_their_size_and_our_pixels(tmp_path: Path, color: bool) -> None:
    heap, finish = Heap(), Finish(100, papers=(A5,))
    upright, across = picture(heap, 8, color, 203.2, 254.0), picture(heap, 8, color, 254.0, 203.2)
    (file,) = render(tmp_path, heap, finish, PS, upright, across).files
    data = file.read_bytes()
    assert data.isascii() and set(data) <= {10, *range(32, 127)}, "a byte that a printer could take for a command"
    assert data.startswith(b"%!PS-Adobe-3.0\n") and data.count(b"\n%%Page: ") == 2 and b"\n%%Pages: 2\n" in data
    for page, drawn in zip((upright, across), ghostscript(file, 100, "ppmraw" if color else "pgmraw"), strict=True):
        ours = sheet_of(page, heap, finish)[0].samples
        assert all(0 <= theirs - mine <= 1 for theirs, mine in zip(drawn.shape[:2], ours.shape[:2], strict=True))
        assert alike(drawn[: ours.shape[0], : ours.shape[1]], ours)


@pytest.mark.parametrize("color", [False, True])
def test_a_jpeg_is_one_sheet_and_close_to_our_pixels(tmp_path: Path, color: bool) -> None:
    heap, finish = Heap(), Finish(120, papers=(A5,))
    pages = [picture(heap, 8, color, 203.2, 254.0), film([], 254.0, 203.2, color=color, border_density="WHITE")]
    made = render(tmp_path, heap, finish, JPEG, *pages)
    assert [file.name for file in made.files] == ["film-1of2.jpg", "film-2of2.jpg"]
    for page, file in zip(pages, made.files, strict=True):
        (ours,) = sheet_of(page, heap, finish)
        with Image.open(file) as opened:
            assert opened.info["dpi"] == (120, 120) and opened.mode == ("RGB" if color else "L")
            read = np.asarray(opened).astype(int)
        expected = ours.samples if ours.width < ours.height else np.rot90(ours.samples)
        assert read.shape == expected.shape
        assert np.abs(read - expected).mean() < 3, "noise is what JPEG is worst at"


def test_sixteen_bits_become_eight_where_a_format_has_no_more(tmp_path: Path) -> None:
    heap, finish = Heap(), Finish(100, papers=(A5,), bits=16)
    page = picture(heap, 12, False)
    (file,) = render(tmp_path, heap, finish, PWG, page).files
    (read,) = read_pwg(file)
    assert np.array_equal(read.pixels, sheet_of(page, heap, replace(finish, bits=8))[0].samples)


def test_grey_films_are_rgb_for_a_printer_that_has_no_grey(tmp_path: Path) -> None:
    heap, finish = Heap(), Finish(100, papers=(A5,))
    page = picture(heap, 8, False)
    (file,) = render(tmp_path, heap, replace(finish, gray=False), PWG, page).files
    (read,) = read_pwg(file)
    expected = sheet_of(page, heap, finish)[0].samples
    assert read.color_space == (19,) and all(np.array_equal(read.pixels[..., n], expected) for n in range(3))


def test_the_sheets_of_a_poster_put_together_are_the_film(tmp_path: Path) -> None:
    heap, finish = Heap(), Finish(127, papers=(A5,), scaling="poster")
    page = picture(heap, 8, False, 203.2, 254.0)
    made = render(tmp_path, heap, finish, PWG, page)
    read = read_pwg(made.files[0])
    sheets = sheets_for(203.2, 254.0, finish.papers, "poster")
    assert len(read) == len(sheets) == 4 and made.warnings == (f"printed in true size on 4 sheets of {A5[0]}",)
    film_pixels = rasterise(
        page, lambda pixels, first, count: heap.data[pixels.file][first : first + count], Finish(127)
    ).samples
    put, seen = np.zeros_like(film_pixels), np.zeros(film_pixels.shape, int)
    for sheet, one in zip(sheets, read, strict=True):
        assert sheet.window is not None and not sheet.turned
        left, top, across, down = (round(5 * value) for value in sheet.window)
        x, y = left - round(5 * sheet.left_mm), top - round(5 * sheet.top_mm)
        part = one.pixels[top : top + down, left : left + across]
        put[y : y + down, x : x + across] = part
        seen[y : y + down, x : x + across] += 1
        around = one.pixels.copy()
        around[top : top + down, left : left + across] = 255
        assert (around == 0).sum() > 100 and (around != 255).mean() < 0.01, "marks and words, and nothing else"
    assert np.array_equal(put, film_pixels)
    assert seen.max() == 4 and seen.min() == 1


@pytest.mark.peers("poppler-utils")
def test_a_poster_as_pdf_shows_on_every_page_its_part_and_its_text_once(tmp_path: Path) -> None:
    heap, finish = Heap(), Finish(127, papers=(A5,), scaling="poster")
    page = replace(picture(heap, 8, False, 203.2, 254.0), annotations=(PageText(1, "Left", place="top left"),))
    (file,) = render(tmp_path, heap, finish, "application/pdf", page).files
    run("pdftoppm", "-r", "127", "-gray", file, tmp_path / "page")
    sheets = sheet_of(page, heap, finish)
    drawn = [netpbm(one.read_bytes()) for one in sorted(tmp_path.glob("page*.pgm"))]
    assert len(drawn) == len(sheets) == 4
    for theirs, ours in zip(drawn, sheets, strict=True):
        rows, columns = ours.height, ours.width
        apart = np.abs(theirs[:rows, :columns].astype(int) - ours.samples)
        assert np.median(apart) == 0 and (apart > 128).mean() < 0.15, "poppler moves noise by parts of a pixel"
    words = [run("pdftotext", "-f", str(n), "-l", str(n), file, "-").decode() for n in (1, 2, 3, 4)]
    assert ["Left" in said for said in words] == [True, False, False, False]
    assert all(f"sheet {n} of 4" in said for n, said in enumerate(words, 1))
    images = run("pdfimages", "-list", file).decode().splitlines()[2:]
    assert len({line.split()[10] for line in images}) == 1, "its pixels stand in the file once"


# -- bytes ------------------------------------------------------------------------------------------------------


def unpacked(data: bytes, width: int, colors: int) -> NDArray[np.uint8]:
    """Lines by the words of PWG 5102.4, one after the other."""
    at, lines = 0, []
    while at < len(data):
        times, line = data[at] + 1, bytearray()
        at += 1
        while len(line) < width * colors:
            count = data[at]
            assert count != 128, "nothing of ours"
            pixels, repeat = (1, count + 1) if count < 128 else (257 - count, 1)
            line += data[at + 1 : at + 1 + pixels * colors] * repeat
            at += 1 + pixels * colors
        assert len(line) == width * colors
        lines += [line] * times
    return np.frombuffer(b"".join(lines), np.uint8)


@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 900), st.sampled_from([1, 3]), st.integers(1, 6))
def test_lines_that_are_packed_are_unpacked_to_themselves(
    seed: int, rows: int, width: int, colors: int, values: int
) -> None:
    random = np.random.default_rng(seed)
    lines = random.integers(0, values, (rows, width, colors), dtype=np.uint8)
    lines = lines[:, np.sort(random.integers(0, width, width))] if seed % 2 else lines
    lines = lines[np.sort(random.integers(0, rows, rows))]
    assert np.array_equal(unpacked(pack(lines if colors == 3 else lines[..., 0]), width, colors), lines.reshape(-1))


def test_even_lines_and_even_pixels_cost_next_to_nothing() -> None:
    assert len(pack(np.full((256, 2480), 255, np.uint8))) == 1 + 2 * -(-2480 // 128)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_ascii85_is_what_pythons_own_reads(pieces: list[bytes]) -> None:
    import base64

    out = io.BytesIO()
    encoded = Ascii85(out)
    for piece in pieces:
        encoded.write(piece)
    encoded.end()
    said = out.getvalue()
    assert base64.a85decode(said[: said.rindex(b"~>")]) == b"".join(pieces)
    assert all(line.startswith(b" ") and len(line) <= 78 for line in said.splitlines())
