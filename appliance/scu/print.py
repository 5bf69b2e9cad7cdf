"""Print Management as SCU (PS3.4 Annex H): images on a peer's DICOM printer, films of one layout.

A plain Basic Grayscale dialogue, 8 bits, one film after the other in one session: what every printer understands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .target import UNCOMPRESSED, Answer, Target, associate

if TYPE_CHECKING:
    from printing.compose import Picture

META = "1.2.840.10008.5.1.1.9"
FILM_SESSION, FILM_BOX, IMAGE_BOX = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2", "1.2.840.10008.5.1.1.4"
IMAGE_BOX_POSITION, IMAGE_SEQUENCE = 0x20200010, 0x20200110
WARNINGS = frozenset({0x0001, 0x0107, 0x0116})


class NotPrinted(Exception):
    """A printer refused a step; says which and with what."""


def print_images(
    target: Target,
    images: Sequence[Path],
    layout: str,
    film_size_id: str,
    progress: Callable[[float, str], None] = lambda _d, _s: None,
) -> Answer:
    """Print image files; status and words of the first step that failed, or how many films were taken."""
    from appliance.image_files import read
    from printing.compose import CannotCompose, display_format, pictures

    try:
        shown = list(pictures(images, read))
        form = display_format(layout, len(shown))
    except CannotCompose as failure:
        return Answer(False, str(failure))
    columns, rows = form.numbers
    association = associate(target, [(META, UNCOMPRESSED)])
    if isinstance(association, Answer):
        return association
    try:
        films = _session(association, shown, str(form), columns * rows, film_size_id, progress)
    except NotPrinted as failure:
        return Answer(False, str(failure))
    finally:
        association.release()
    return Answer(True, f"{target.ae_title} took {films} film{'s' if films > 1 else ''}")


def _session(
    association: Any,
    shown: Sequence[Picture],
    form: str,
    boxes: int,
    film_size_id: str,
    progress: Callable[[float, str], None],
) -> int:
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    session_uid = generate_uid()
    session = Dataset()
    session.NumberOfCopies = 1
    _done("Film Session", association.send_n_create(session, FILM_SESSION, session_uid, meta_uid=META))
    films = 0
    for start in range(0, len(shown), boxes):
        film_uid = generate_uid()
        film = Dataset()
        film.ImageDisplayFormat = form
        film.FilmSizeID = film_size_id
        film.FilmOrientation = "PORTRAIT"
        film.ReferencedFilmSessionSequence = [_reference(FILM_SESSION, session_uid)]
        created = _done("Film Box", association.send_n_create(film, FILM_BOX, film_uid, meta_uid=META))
        if created is None or "ReferencedImageBoxSequence" not in created:
            raise NotPrinted("the printer made no image boxes")
        references = [item.ReferencedSOPInstanceUID for item in created.ReferencedImageBoxSequence]
        for at, picture in enumerate(shown[start : start + boxes]):
            box = _image_box(picture, at + 1)
            _done("Image Box", association.send_n_set(box, IMAGE_BOX, references[at], meta_uid=META))
            progress((start + at + 1) / len(shown), "printing")
        # No data set: an empty one would be announced and never sent.
        _done("print", association.send_n_action(None, 1, FILM_BOX, film_uid, meta_uid=META))
        _done("deletion", association.send_n_delete(FILM_BOX, film_uid, meta_uid=META), has_data=False)
        films += 1
    _done("deletion", association.send_n_delete(FILM_SESSION, session_uid, meta_uid=META), has_data=False)
    return films


def _reference(sop_class: str, uid: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def _image_box(picture: Picture, position: int) -> Any:
    from pydicom.dataset import Dataset

    samples = picture.samples
    if picture.is_color:
        samples = (samples @ np.array([0.299, 0.587, 0.114]) / 255 * 4095).astype(np.uint16)
    eight = np.ascontiguousarray((samples.astype(np.uint32) * 255 + 2047) // 4095, np.uint8)
    image = Dataset()
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = eight.shape
    if picture.pixel_aspect_ratio != (1, 1):
        image.PixelAspectRatio = [str(value) for value in picture.pixel_aspect_ratio]
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.PixelRepresentation = 0
    data = eight.tobytes()
    image.add_new(0x7FE00010, "OW", data + b"\0" * (len(data) % 2))
    box = Dataset()
    box.add_new(IMAGE_BOX_POSITION, "US", position)
    box.add_new(IMAGE_SEQUENCE, "SQ", [image])
    return box


def _done(what: str, answer: Any, *, has_data: bool = True) -> Any:
    status, data_set = answer if has_data else (answer, None)
    if not status:
        raise NotPrinted(f"{what}: no answer")
    code = status.Status
    if code != 0x0000 and code not in WARNINGS and code & 0xF000 != 0xB000:
        comment = f" {status.ErrorComment}" if "ErrorComment" in status else ""
        raise NotPrinted(f"{what}: {code:04X}{comment}")
    return data_set
