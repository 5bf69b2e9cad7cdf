"""What a disc says to people, by language."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "en"

README: Mapping[str, str] = {
    "en": """\
{institution}

This disc holds medical images in DICOM format{volume}.

For the patient
  Please give this disc to your doctor. Keep it: it is part of your record.
  Open the file INDEX.HTM to see what is on it. Nothing needs to be installed.

For the doctor and the hospital
  The disc is a DICOM File-set, application profile {profile}.
  Import it by its DICOMDIR; every image is listed there.
  Images are in the folder DICOM. There is no program on this disc, and none
  starts by itself.
{notes}
Made on {date} by Gravure {version}.
The images are for use by qualified persons. Check name and birth date before
you rely on them.
""",
    "fr": """\
{institution}

Ce disque contient des images médicales au format DICOM{volume}.

Pour le patient
  Remettez ce disque à votre médecin. Gardez-le : il fait partie de votre
  dossier.
  Ouvrez le fichier INDEX.HTM pour voir ce qu'il contient. Rien n'est à
  installer.

Pour le médecin et l'hôpital
  Le disque est un File-set DICOM, profil d'application {profile}.
  Importez-le par son DICOMDIR ; chaque image y figure.
  Les images sont dans le dossier DICOM. Il n'y a aucun programme sur ce
  disque, et aucun ne démarre de lui-même.
{notes}
Créé le {date} par Gravure {version}.
Les images sont destinées à des personnes qualifiées. Vérifiez le nom et la
date de naissance avant de vous y fier.
""",
    "de": """\
{institution}

Diese Disc enthält medizinische Bilder im DICOM-Format{volume}.

Für Patientinnen und Patienten
  Geben Sie diese Disc Ihrer Ärztin oder Ihrem Arzt. Bewahren Sie sie auf: sie
  gehört zu Ihrer Akte.
  Öffnen Sie die Datei INDEX.HTM, um zu sehen, was darauf ist. Nichts muss
  installiert werden.

Für Praxis und Krankenhaus
  Die Disc ist ein DICOM-File-set, Anwendungsprofil {profile}.
  Importieren Sie sie über ihr DICOMDIR; jedes Bild steht darin.
  Die Bilder liegen im Ordner DICOM. Auf der Disc ist kein Programm, und keines
  startet von selbst.
{notes}
Erstellt am {date} mit Gravure {version}.
Die Bilder sind für Fachpersonal bestimmt. Prüfen Sie Name und Geburtsdatum,
bevor Sie sich auf sie verlassen.
""",
}

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "volume": ", disc {number} of {of}",
        "addendum": "This disc adds to an earlier one of the same study.",
        "title": "Medical images",
        "patient": "Patient",
        "born": "born",
        "id": "ID",
        "study": "Study",
        "series": "Series",
        "images": "objects",
        "where": "The images are in the folder DICOM of this disc. Give the disc to your doctor; every hospital system"
        " imports it by its DICOMDIR.",
        "disclaimer": "For use by qualified persons. This page lists the disc's content and shows no images.",
        "unnamed": "(not named)",
    },
    "fr": {
        "volume": ", disque {number} sur {of}",
        "addendum": "Ce disque complète un disque antérieur du même examen.",
        "title": "Images médicales",
        "patient": "Patient",
        "born": "né(e) le",
        "id": "n°",
        "study": "Examen",
        "series": "Série",
        "images": "objets",
        "where": "Les images sont dans le dossier DICOM de ce disque. Remettez le disque à votre médecin ; tout système"
        " hospitalier l'importe par son DICOMDIR.",
        "disclaimer": "Destiné à des personnes qualifiées. Cette page liste le contenu du disque et n'affiche pas"
        " d'images.",
        "unnamed": "(sans nom)",
    },
    "de": {
        "volume": ", Disc {number} von {of}",
        "addendum": "Diese Disc ergänzt eine frühere derselben Untersuchung.",
        "title": "Medizinische Bilder",
        "patient": "Patient",
        "born": "geboren am",
        "id": "Nr.",
        "study": "Untersuchung",
        "series": "Serie",
        "images": "Objekte",
        "where": "Die Bilder liegen im Ordner DICOM dieser Disc. Geben Sie die Disc in Ihrer Praxis ab; jedes"
        " Kliniksystem importiert sie über ihr DICOMDIR.",
        "disclaimer": "Für Fachpersonal bestimmt. Diese Seite listet den Inhalt der Disc und zeigt keine Bilder.",
        "unnamed": "(ohne Namen)",
    },
}


def known_language(wanted: str) -> str | None:
    """The language that there are words for: `fr-CA` is fr. None for an unknown one."""
    short = wanted.partition("-")[0].partition("_")[0].lower()
    return short if short in README else None


def language(wanted: str) -> str:
    """A language that there are words for; an unknown one is English."""
    return known_language(wanted) or DEFAULT
