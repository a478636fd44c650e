"""Benchmark of ingredient lines: `python -m bench.ingredient_lines`.

The share of the tests' lines of each language whose amount, unit and name are read right, with the
language given and detected, and how many lines a second one process reads.
"""

from pathlib import Path
from time import perf_counter

from sidecar.ingredients.lines import IngredientLine, parse_lines
from sidecar.ingredients.units import LANGUAGES

_LINES = Path("tests/unit/sidecar/ingredients/lines")
_ROUNDS = 5


def main() -> None:
    """Print a row for each language, then the speed."""
    print(f"{'language':>9} {'lines':>6} {'given':>7} {'detected':>9}")
    everything: list[str] = []
    for language in LANGUAGES:
        rows = [
            [part.strip() for part in row.split("|")]
            for row in (_LINES / f"{language}.txt").read_text("utf-8").splitlines()
        ]
        texts = [row[0] for row in rows]
        everything += texts
        shares = [
            sum(
                _shown(line) == (row[1], row[2], row[3].casefold())
                for row, line in zip(rows, parse_lines(texts, given), strict=True)
            )
            / len(rows)
            for given in (language, None)
        ]
        print(f"{language:>9} {len(rows):>6} {shares[0]:>7.1%} {shares[1]:>9.1%}")
    seconds = []
    for number in range(_ROUNDS):
        # Caches of names must not answer for lines that are new.
        fresh = [f"{text} {number}" for text in everything]
        started = perf_counter()
        parse_lines(fresh)
        seconds.append(perf_counter() - started)
    print(f"{len(everything)} lines, {len(everything) / min(seconds):.0f} a second")


def _shown(line: IngredientLine) -> tuple[str, str, str]:
    low, high = (
        "" if value is None else f"{float(value):.6g}"
        for value in (line.quantity, line.quantity_max)
    )
    return f"{low}-{high}" if high else low, line.unit or "", line.name.casefold()


if __name__ == "__main__":
    main()
