"""The model of letters says nothing about scripts that it has not learned."""

import pytest

from sidecar.text.ngrams import features


@pytest.mark.parametrize("name", ["خبز", "לחם", "빵", "ขนมปัง", "ரொட்டி", "രൊട്ടി"])
def test_words_of_unknown_scripts_have_no_features(name: str) -> None:
    assert features(name) == []
    assert features(f"{name} bread") == features("bread")


@pytest.mark.parametrize("name", ["bread", "ψωμί", "хліб", "パン", "面包", "ひじき", "bánh mì"])
def test_words_of_the_languages_scripts_have(name: str) -> None:
    assert features(name)
