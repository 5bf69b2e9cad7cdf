"""The conformance statement (PS3.2), printed from the tables that the daemon runs on."""

from __future__ import annotations

from typing import Any

from pydicom.uid import UID

from appliance import __version__
from appliance.association.limits import Limits
from appliance.capabilities import ECHO, PRINT, RETIRED, Capability, storage_classes
from appliance.peers import shipped
from appliance.personality import Personality, written
from appliance.scu.classes import PROPOSED, Proposed
from media.profiles import MEDIA, PROFILES
from media.store import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from printing import annotation, configuration_information, presentation_lut
from printing.attributes import ATTRIBUTES, BEYOND, INHERITED, USAGES, Usage
from printing.film_size import FILM_SIZES
from printing.grayscale import HIGHEST_CD_M2, LOWEST_CD_M2
from printing.hierarchy import MOST_FILM_BOXES, MOST_IMAGE_BOXES, MOST_PRESENTATION_LUTS
from printing.outputs.scu import MAXIMUM_PDU
from printing.page import Rectangle
from printing.pixels import MOST_EDGE_PX, MOST_PIXELS
from printing.printer import Printer
from printing.render.placement import to_pixels
from printing.status import MEANINGS, is_warning
from printing.terms import IMAGE_BOXES, RESOLUTIONS
from printing.tone import PAPER

SOP_CLASS_NAMES = {one.sop_class_uid: one.name for one in PRINT}

REJECTIONS = (
    ("1/1/1", "the peer's maximum length is below 7 bytes"),
    ("1/1/2", "application context name not supported"),
    ("1/1/3", "calling AE title not recognized at this address, or not let in by this AE title"),
    ("1/1/7", "called AE title not recognized"),
    ("1/2/2", "protocol version not supported"),
    ("2/2/1", "user identity refused"),
    ("2/3/1", "shutting down"),
    ("2/3/2", "local limit of associations exceeded: in all, of an address, or of an AE title"),
)

STORE_STATUSES = (
    ("0000", "the instance and its index entry are on stable storage"),
    ("0117", "the SOP Class or Instance UID of the command is not a UID"),
    ("0122", "the SOP class was not negotiated on this presentation context"),
    ("A700", "disk reserve reached, or the disk is full or failing"),
    ("A900", "SOP Class or Instance UID differ between command and data set"),
    ("C000", "the data set cannot be parsed"),
    ("C001", "the data set has no Study or Series Instance UID"),
)


PRINT_WORDS = (
    *("layout", "crop", "custom_formats", "presentation_lut", "lin_od", "tone", "black_point", "gsdf", "calibration"),
    *("color", "color_on_grey", "configuration_information", "bounds"),
)
"""What the statement says of printing in sentences, in this order."""


def statement() -> dict[str, Any]:
    """The statement as one JSON document."""
    limits = Limits()
    return {
        "product": "Gravure",
        "version": __version__,
        "implementation_class_uid": IMPLEMENTATION_CLASS_UID,
        "implementation_version_name": IMPLEMENTATION_VERSION_NAME,
        "association": {
            "application_context": "1.2.840.10008.3.1.1.1",
            "maximum_pdu_bytes": limits.pdu_bytes,
            "asynchronous_operations": "window 1/1",
            "role_selection": "SCP of every class; role items are answered only where one was proposed",
            "user_identity": "types 1 and 2 are taken",
            "associations": limits.associations,
            "presentation_contexts": limits.contexts,
            "rejections": [{"result_source_reason": code, "when": when} for code, when in REJECTIONS],
        },
        "sop_classes": [_capability(one) for one in (ECHO, *PRINT, *storage_classes())],
        "as_scu": [_proposed(one) for one in PROPOSED],
        "private_storage": "abstract syntaxes outside of 1.2.840.10008 are taken as storage classes",
        "storage": {
            "level": "2 (full): every element is kept, the data set bit for bit as received",
            "statuses": [{"status": code, "meaning": meaning} for code, meaning in STORE_STATUSES],
        },
        "print": {
            "attributes": [_attribute(row) for row in USAGES],
            "film_sizes": {name: list(size) for name, size in FILM_SIZES.items()},
            "layout": "cells tile the whole film; images fill their cell as far as their aspect allows, centred",
            "crop": "around the middle of the image, one image pixel on one printer pixel; where pixels are not square,"
            " by their shorter side",
            "presentation_lut": "the image box's, else the film box's, else the film session's; without one the P-value"
            f" is the stored value (IDENTITY). Tables of {' or '.join(map(str, presentation_lut.ENTRIES))} entries,"
            f" {presentation_lut.BITS[0]} to {presentation_lut.BITS[-1]} bits. Never deleted while it is referenced",
            "matrices": {
                name: {one: list(_matrix(*size, Printer().resolution(one))) for one in RESOLUTIONS}
                for name, size in FILM_SIZES.items()
            },
            "matrix": f"of one image on a portrait film by Requested Resolution ID, at the default dpi of"
            f" {Printer().dpi:g} ({Printer().resolution('HIGH'):g} for HIGH): millimetres / 25.4 × dpi, rounded, and as"
            " many columns and rows of it as a cell takes; on paper, what its margins leave. Printer Configuration"
            f" Retrieval has that of each printer. Images of 1 × 1 to {MOST_EDGE_PX} × {MOST_EDGE_PX} pixels, at most"
            f" {MOST_PIXELS // 1_000_000} million, are taken and resampled",
            "custom_formats": "CUSTOM\\i is `[printers.NAME.custom.i]` of the configuration, which lists its image"
            " boxes by position as left, top, width and height in percent of the film as it hangs; there is none by"
            " default, and one that is not there is answered 0106",
            "color": "image boxes are those of the meta class of the presentation context of the film box",
            "color_on_grey": "colour pixels in a Basic Grayscale Image Sequence are answered 0106, a Basic Color Image"
            " Sequence for a grey image box 0120; nothing is made grey unasked. Films of the colour meta class become"
            " grey (0.299 R + 0.587 G + 0.114 B) where the output has no colour; Printer Configuration Retrieval has no"
            " item for that meta class then",
            "annotations": {name: list(places) for name, places in annotation.FORMATS.items()},
            "configuration_information": ". ".join(
                (configuration_information.description(), configuration_information.EFFECT)
            ),
            "bounds": f"{MOST_FILM_BOXES} films and {MOST_IMAGE_BOXES} image boxes of one film session, printed"
            f" collated; {MOST_PRESENTATION_LUTS} Presentation LUTs of one association; more are answered 0213",
            "retired": [{"uid": uid, "name": name} for uid, name in RETIRED.items()],
            "statuses": [
                {"status": f"{code:04X}", "kind": _kind_of(code), "meaning": words} for code, words in MEANINGS.items()
            ],
            "personality": [
                {"key": key, "default": written(field.default), "meaning": " ".join((field.description or "").split())}
                for key, field in Personality.model_fields.items()
            ],
            "consoles": [
                {
                    "profile": one.name,
                    "device": f"{one.profile.device} {one.profile.version}".strip(),
                    "recognized_by": "; ".join(_recognition(way.model_dump()) for way in one.profile.recognized_by),
                    "personality": ", ".join(
                        f"{key} = {written(value)}" for key, value in one.profile.personality.given().items()
                    ),
                }
                for one in shipped()
            ],
            "tone": "film by default (the sRGB of the film's relative luminance), paper, or pvalue (P-values)."
            f" Paper that was not calibrated has {PAPER.min_density_centi_od / 100:.2f} to"
            f" {PAPER.max_density_centi_od / 100:.2f} OD at {PAPER.illumination_cd_m2} cd/m²: other densities are"
            " answered B605, and those of the paper are used",
            "black_point": "with tones film and paper the luminance of the maximum density is taken away before samples"
            " are made, so that it is sample 0; with `black_point = false` samples have the whole relative luminance",
            "gsdf": "the Grayscale Standard Display Function is defined from"
            f" {LOWEST_CD_M2:g} to {HIGHEST_CD_M2:g} cd/m² (PS3.14 §7.1). Of a film whose densities and light go beyond"
            " it, luminances are clamped to these, and the job warns of it",
            "lin_od": "the density falls linearly from Max Density to Min Density as MONOCHROME2 values of NORMAL"
            " polarity rise: black stays black (PS3.4 H.4.9.1)",
            "calibration": "with tone calibrated, P-values become densities by the GSDF between the measured Dmin and"
            " Dmax of printer and medium, and densities become code values by the measured curve (PS3.14 D.2, D.3);"
            " Date and Time of Last Calibration of the Printer are those of the newest one; without one they are empty",
        },
        "media": {
            "roles": "File-set Creator",
            "profiles": [
                {
                    "identifier": one.identifier,
                    "transfer_syntaxes": sorted(one.transfer_syntaxes),
                    "media": sorted(one.media),
                }
                for one in PROFILES.values()
            ],
            "media": {one.name: one.sectors for one in MEDIA.values()},
            "preamble": "zero on every file (PS3.10 §7.1)",
        },
    }


def _matrix(width_mm: float, height_mm: float, dpi: float) -> tuple[int, int]:
    """(columns, rows) of a film: the pixels that it is rendered with."""
    film = to_pixels(Rectangle(0, 0, width_mm, height_mm), dpi)
    return film.width, film.height


def _kind_of(status: int) -> str:
    return "success" if status == 0 else "warning" if is_warning(status) else "failure"


def _recognition(way: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in way.items() if value)


def _capability(one: Capability) -> dict[str, Any]:
    return {
        "uid": one.sop_class_uid,
        "name": one.name,
        "role": "SCP",
        "operations": list(one.operations),
        "transfer_syntaxes": list(one.transfer_syntaxes),
    }


def _proposed(one: Proposed) -> dict[str, Any]:
    return {
        "by": one.by,
        "sop_classes": ", ".join(f"{UID(uid).name} ({uid})" for uid in one.sop_class_uids) or "those of the files",
        "operations": ", ".join(one.operations),
        "transfer_syntaxes": ", ".join(one.transfer_syntaxes) or "of each file its own",
        "when": one.when,
    }


def _attribute(row: Usage) -> dict[str, Any]:
    attribute = ATTRIBUTES[row.tag]
    default: object = attribute.default(Printer("PRINTER"))
    if row.sop_class_uid in IMAGE_BOXES and row.tag in INHERITED:
        default = "the film box's"
    return {
        "sop_class": SOP_CLASS_NAMES.get(row.sop_class_uid, row.sop_class_uid),
        "tag": f"({row.tag >> 16:04X},{row.tag & 0xFFFF:04X})",
        "keyword": attribute.keyword,
        "n_create": row.n_create,
        "n_set": row.n_set,
        "values": attribute.values,
        "default": "" if default is None else str(default),
        "section": "beyond the standard" if (row.sop_class_uid, row.tag) in BEYOND else row.section,
    }


def to_markdown(document: dict[str, Any]) -> str:
    """The statement for a person."""
    lines = [
        f"# {document['product']} {document['version']}: DICOM conformance statement",
        "",
        f"Implementation Class UID `{document['implementation_class_uid']}`,"
        f" version name `{document['implementation_version_name']}`.",
        "",
        "## Association",
        "",
    ]
    association = document["association"]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in association.items() if key != "rejections"]
    lines += ["", "| result/source/reason | when |", "|---|---|"]
    lines += [f"| {one['result_source_reason']} | {one['when']} |" for one in association["rejections"]]
    lines += [
        "",
        "## SOP classes as SCP",
        "",
        "| SOP class | UID | operations | transfer syntaxes |",
        "|---|---|---|---|",
    ]
    sets: dict[tuple[str, ...], str] = {}
    for one in document["sop_classes"]:
        name = sets.setdefault(tuple(one["transfer_syntaxes"]), f"set {len(sets) + 1}")
        lines.append(f"| {one['name']} | {one['uid']} | {', '.join(one['operations'])} | {name} |")
    lines.append("")
    lines += [f"- {name}: {', '.join(syntaxes)}" for syntaxes, name in sets.items()]
    lines += ["", document["private_storage"] + ".", ""]
    lines += ["## SOP classes as SCU", ""]
    lines += [f"Role SCU. Own maximum PDU: {MAXIMUM_PDU} bytes; what is sent is bounded by the peer's.", ""]
    lines += [*_table(document["as_scu"]), "", "## Storage", "", document["storage"]["level"] + ".", ""]
    lines += ["| status | meaning |", "|---|---|"]
    lines += [f"| {one['status']} | {one['meaning']} |" for one in document["storage"]["statuses"]]
    lines += ["", "## Print Management", ""]
    printing = document["print"]
    lines += [f"- {key.replace('_', ' ')}: {printing[key]}" for key in PRINT_WORDS]
    retired = ", ".join(f"{one['name']} ({one['uid']})" for one in printing["retired"])
    lines += [f"- retired classes, refused context by context, never the association: {retired}"]
    lines += ["", "| Annotation Display Format ID | annotations, by position |", "|---|---|"]
    lines += [f"| {name} | {', '.join(places)} |" for name, places in printing["annotations"].items()]
    lines += ["", f"Pixel matrix {printing['matrix']}.", ""]
    lines += [f"| film size | mm | {' | '.join(RESOLUTIONS)} |", "|---|---|" + "---|" * len(RESOLUTIONS)]
    for name, (width, height) in printing["film_sizes"].items():
        matrices = (f"{columns} × {rows}" for columns, rows in printing["matrices"][name].values())
        lines.append(f"| {name} | {width:g} × {height:g} | {' | '.join(matrices)} |")
    lines += ["", *_table(printing["attributes"])]
    lines += ["", "### Statuses", "", *_table(printing["statuses"])]
    lines += ["", "### Personalities", "", "By printer, by kind of console and by peer:", ""]
    lines += [*_table(printing["personality"]), "", "Consoles that are recognized:", "", *_table(printing["consoles"])]
    lines += [
        "",
        "## Media Storage",
        "",
        f"Role: {document['media']['roles']}. Preamble: {document['media']['preamble']}.",
        "",
    ]
    lines += ["| profile | media | transfer syntaxes |", "|---|---|---|"]
    lines += [
        f"| {one['identifier']} | {', '.join(one['media'])} | {', '.join(one['transfer_syntaxes'])} |"
        for one in document["media"]["profiles"]
    ]
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    for row in rows:
        cells = [str(value) for value in row.values()]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return lines
