"""The argument ``--model`` of commands that take a style model."""

from __future__ import annotations

from models.style.checkpoint import StyleBundle, load_style

MODEL_HELP = "a shipped style model or a folder with card.json; KALLOS_MODEL where none is given, or the shipped one"


def style_argument(name_or_path: str) -> StyleBundle:
    """The style model that ``--model`` or ``--from`` names; ends the command where it can't be used."""
    try:
        return load_style(name_or_path)
    except (OSError, ValueError) as error:
        raise SystemExit(f"the style model cannot be used: {error}") from error
