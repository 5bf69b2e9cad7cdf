"""From a FilmPage to pixels, and from pixels to a PDF."""
