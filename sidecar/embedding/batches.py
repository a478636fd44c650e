"""Texts of like length share a batch, and a batch is bounded by its padded tokens."""

from collections.abc import Iterator, Sequence


def length_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions in ascending order of length, cut so that rows x longest stays within `budget`.

    A single text over the budget is a batch of its own.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[position] > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
