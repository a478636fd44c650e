"""Corrections apply to their name and near-identical names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from sidecar.classification.corrections import (
    CategoryCorrection,
    LabelIndex,
    build_index,
    index_labels,
    name_key,
)

LABELS = index_labels(("Dairy", "Snacks", "Pantry"))


@pytest.mark.parametrize(
    "name",
    [
        "Halloumi Bites",
        "HALLOUMI BITE",
        "halloumi  bites!",
        "Halloumi Bites 200g",
        "Haloumi Bites",
        "4012345 HALLOUMI BITES",
    ],
)
def test_a_correction_applies_to_the_same_and_near_identical_names(name: str) -> None:
    index = build_index([CategoryCorrection("Halloumi Bites", "Dairy")])
    assert index.label_for(name, LABELS) == "Dairy"


@pytest.mark.parametrize(
    ("corrected", "other"),
    [
        ("milk", "almond milk"),
        ("chocolate milk", "milk chocolate"),
        ("chicken soup", "chicken soap"),
        ("2% milk", "1% milk"),
        ("bean", "bear"),
        ("🥛", "🧀"),
    ],
)
def test_a_correction_does_not_apply_to_another_product(corrected: str, other: str) -> None:
    assert build_index([CategoryCorrection(corrected, "Snacks")]).label_for(other, LABELS) is None


def test_a_correction_applies_to_the_abbreviated_name_on_a_receipt() -> None:
    index = build_index([CategoryCorrection("organic whole milk", "Dairy")])
    assert index.label_for("ORG WHL MLK 1GL", LABELS) == "Dairy"


@pytest.mark.parametrize(
    ("corrected", "form", "language"),
    [
        ("Kartoffel", "KARTOFFELN 2KG", "de"),
        ("Eier", "Ei", "de"),
        ("Bratwurst", "Bratwürste", "de"),
        ("manzana", "Manzanas", "es"),
        ("limón", "limones", "es"),
        ("nueces", "nuez", "es"),
        ("pomme", "POMMES", "fr"),
        ("poireau", "Poireaux", "fr"),
        ("mela", "mele", "it"),
        ("fungo porcino", "funghi porcini", "it"),
        ("limão", "limões", "pt"),
        ("pastel de nata", "pasteis de nata", "pt"),
        ("tomaat", "tomaten", "nl"),
        ("avocado", "avocado's", "nl"),
        ("morot", "morötter", "sv"),
        ("kartoffel", "kartofler", "da"),
        ("potet", "poteter", "nb"),
        ("peruna", "perunoita", "fi"),
        ("kurkku", "kurkut", "fi"),
        ("jabłko", "jabłka", "pl"),
        ("jabłko", "jabłek", "pl"),
        ("ogórek", "ogórków", "pl"),
        ("okurka", "okurky", "cs"),
        ("zemiak", "zemiakov", "sk"),
        ("alma", "almák", "hu"),
        ("cartof", "cartofi", "ro"),
        ("ντομάτα", "ντομάτες", "el"),
        ("elma", "elmalar", "tr"),
        ("jabuka", "jabuke", "hr"),
        ("jabolko", "jabolka", "sl"),
        ("яблуко", "яблука", "uk"),
        ("огурец", "огурцов", "ru"),
        ("яблоко", "яблок", "ru"),
        ("loaf of bread", "loaves of bread", "en"),
        ("Staubtuch", "Staubtücher", "de"),
        ("Barilla tomate", "barilla tomates", "fr"),
    ],
)
@pytest.mark.parametrize("is_said", [True, False])
def test_a_correction_applies_to_the_inflected_forms_of_its_name(
    corrected: str, form: str, language: str, is_said: bool
) -> None:
    hint = language if is_said else None
    for first, second in ((corrected, form), (form, corrected)):
        index = build_index([CategoryCorrection(first, "Snacks")])
        assert index.label_for(second, LABELS, hint) == "Snacks"


@pytest.mark.parametrize(
    ("corrected", "other"),
    [
        ("pâté", "pâtes"),  # pasta
        ("pepper", "peppers"),
        ("clavo", "clavos"),  # cloves, nails
        ("mak", "mąka"),  # poppy seed, flour
        ("ser", "serek"),
        ("pesca", "pesce"),  # peach, fish
        ("polpo", "polpa"),  # octopus, pulp
        ("kani", "kana"),  # rabbit, chicken
        ("Kirsche", "Kirsch"),
        ("Kraut", "Kräuter"),
        ("Butt", "Butter"),
        ("sól", "sola"),  # salt, sole
        ("печень", "печенье"),  # liver, biscuits
        ("сыр", "сырок"),
        ("Brot", "Brötchen"),
        ("limão", "lima"),
        ("manzana", "manzanilla"),
    ],
)
def test_inflections_of_different_products_stay_apart(corrected: str, other: str) -> None:
    for first, second in ((corrected, other), (other, corrected)):
        index = build_index([CategoryCorrection(first, "Snacks")])
        assert index.label_for(second, LABELS) is None


def test_the_name_itself_takes_precedence_over_its_inflected_form() -> None:
    corrections = [CategoryCorrection("Kartoffeln", "Dairy"), CategoryCorrection("Apfel", "Snacks")]
    index = build_index([*corrections, CategoryCorrection("Kartoffel", "Snacks")])
    assert index.label_for("kartoffeln", LABELS, "de") == "Dairy"
    assert index.label_for("kartoffel", LABELS, "de") == "Snacks"


def test_a_later_correction_replaces_an_earlier_one() -> None:
    first, second = CategoryCorrection("Halva", "Snacks"), CategoryCorrection("halva", "Pantry")
    assert build_index([first, second]).label_for("halva", LABELS) == "Pantry"


def test_the_exact_name_takes_precedence_over_a_typo_in_any_order() -> None:
    typo, exact = (
        CategoryCorrection("graznola", "Snacks"),
        CategoryCorrection("granola z", "Pantry"),
    )
    for order in ([typo, exact], [exact, typo]):
        assert build_index(order).label_for("granola z", LABELS) == "Pantry"


def test_a_category_outside_the_labels_is_ignored() -> None:
    assert build_index([CategoryCorrection("halva", "Sweets")]).label_for("halva", LABELS) is None


def test_the_label_is_returned_as_the_caller_wrote_it() -> None:
    index = build_index([CategoryCorrection("halva", "snack")])
    assert index.label_for("halva", LABELS) == "Snacks"


def test_without_corrections_there_is_no_label() -> None:
    assert build_index([]).label_for("halva", LABELS) is None


@pytest.mark.parametrize(
    "typo", ["halloumi", "haxlloumi bites", "hallomui bites", "halloumi bitex", "alloumi bites"]
)
def test_every_kind_of_single_edit_is_a_typo(typo: str) -> None:
    index = build_index([CategoryCorrection("halloumi bites", "Dairy")])
    expected = None if typo == "halloumi" else "Dairy"
    assert index.label_for(typo, LABELS) == expected


@given(st.lists(st.text("abc ", min_size=7, max_size=12), max_size=20), st.text("abc ", min_size=7))
def test_the_index_finds_what_a_comparison_with_every_correction_finds(
    names: list[str], name: str
) -> None:
    index = build_index(CategoryCorrection(other, "Dairy") for other in names)
    key, others = name_key(name), {name_key(other) for other in names}
    is_near = any(
        min(len(key), len(other)) >= 8 and OSA.distance(key, other) <= 1 for other in others
    )
    assert (index.label_for(name, LABELS) is not None) == (key in others or is_near)


def test_an_index_built_on_its_predecessor_equals_one_built_anew() -> None:
    old = [CategoryCorrection(f"halloumi {word}", "Dairy") for word in ("bites", "slices")]
    new = [*old[1:], CategoryCorrection("halloumi slices", "Snacks")]
    index = build_index(new, build_index(old))
    assert index.label_for("halloumi slicez", LABELS) == "Snacks"
    assert index.label_for("halloumi bites", LABELS) is None


def test_a_name_is_compared_with_few_corrections_however_many_are_near() -> None:
    """A tenant may store thousands of typos of one word, and names of the greatest length."""
    near = [f"halloumi {chr(0x4E00 + n)}bites" for n in range(5_000)]
    long = [f"{'x' * 480} {n}" for n in range(500)]
    index = build_index(CategoryCorrection(name, "Other") for name in [*near, *long])
    compared: list[str] = []

    class Labels(LabelIndex):
        def matching(self, category: str) -> str | None:
            compared.append(category)
            return None

    for name in ("halloumi bites", f"{'x' * 480} y"):
        assert index.label_for(name, Labels(frozenset(), {})) is None
    assert 0 < len(compared) <= 100
