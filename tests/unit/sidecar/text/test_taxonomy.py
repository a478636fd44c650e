"""The taxonomy and its names in each language are complete and consistent."""

from collections import Counter

import pytest

from sidecar.text.taxonomy import (
    CATCH_ALL,
    label_key,
    language_codes,
    languages,
    more_names,
    taxonomy,
)

LANGUAGES = sorted(language_codes())


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("tomato", "tomatoes"),
        ("cookie", "cookies"),
        ("berry", "berries"),
        ("peach", "peaches"),
        ("box", "boxes"),
        ("snack", "snacks"),
        ("glass", "glasses"),
    ],
)
def test_singular_and_plural_share_a_key(singular: str, plural: str) -> None:
    assert label_key(singular) == label_key(plural)


def test_a_label_is_compared_without_accents_signs_and_and() -> None:
    assert label_key("Crème & Café") == label_key("creme and cafe")


def test_every_subcategory_has_a_wider_category() -> None:
    assert all(sub.within for sub in taxonomy().subcategories)


def test_there_are_the_languages_that_the_docs_promise() -> None:
    promised = "en de fr es it pt nl sv da nb fi pl cs sk hu ro el tr hr sl uk ru zh ja"
    assert set(LANGUAGES) >= set(promised.split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_names_every_subcategory_and_category(language: str) -> None:
    names = languages()[language]
    subcategories = {sub.name for sub in taxonomy().subcategories}
    for name in taxonomy().names:
        if not (language == "en" and name not in names.labels):  # English names itself
            assert names.labels.get(name), name
        if name in subcategories:
            assert len(names.products[name]) >= 3, name
    assert names.labels[CATCH_ALL]


def test_more_names_are_of_other_languages() -> None:
    assert not more_names().keys() & language_codes()


@pytest.mark.parametrize("language", [*LANGUAGES, *more_names()])
def test_a_product_of_a_language_is_in_one_subcategory(language: str) -> None:
    names = languages().get(language) or more_names()[language]
    count = Counter(
        product
        for products in names.products.values()
        for product in {product.casefold() for product in products}
    )
    assert [product for product, times in count.items() if times > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_label_of_a_language_has_one_meaning(language: str) -> None:
    count = Counter(
        label
        for labels in languages()[language].labels.values()
        for label in {label_key(label) for label in labels}
    )
    assert [label for label, times in count.items() if times > 1] == []
