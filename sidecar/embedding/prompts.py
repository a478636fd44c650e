"""What a model expects before a text, depending on what the text is for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prefixes, usually empty."""

    default: str = ""
    """Of texts that are compared with texts of the same kind."""
    query: str = ""
    document: str = ""
