"""What an embedder is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Described:
    """The model behind the vectors."""

    model: str
    version: str  # of the weights, by content
    dimension: int
