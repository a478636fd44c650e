"""What the Cyrillic head learns from, and that numpy reads as torch has learned."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ImageFont

from sidecar.receipts.ocr.crops import HEIGHT
from sidecar.receipts.ocr.cyrillic import ALPHABET, FOREIGN, LETTERS, CyrillicHead
from sidecar.receipts.ocr.fast_recognizer import FEATURES
from sidecar.receipts.training.cyrillic import Lines, classes_of, errors, scaled, train
from sidecar.receipts.training.cyrillic_texts import LineComposer, words
from sidecar.receipts.training.drawn_lines import LineDrawer, fonts_in

FONT = Path(ImageFont.truetype("DejaVuSansMono.ttf", 20).path)


def composed(count: int, seed: int = 1) -> list[str]:
    composer = LineComposer(seed)
    return [composer.line() for _ in range(count)]


def test_every_language_has_words_and_products() -> None:
    for printed, names in words().values():
        assert len(printed) > 20
        assert len(names) > 20


def test_composed_lines_show_every_letter_and_no_unknown_sign() -> None:
    signs = set("".join(composed(3000)))
    assert set(LETTERS) <= signs
    assert {sign for sign in signs if not sign.isalpha()} <= set(ALPHABET)


def test_equal_seeds_give_equal_lines() -> None:
    assert composed(20) == composed(20)
    first, second = (LineDrawer([FONT], 3).draw("ЧЕК № 1") for _ in range(2))
    assert first is not None
    assert np.array_equal(first, second)


@pytest.mark.parametrize("text", ["ЧЕК", "i", "Укупан износ пореза: 1.249,83", "-"])
def test_a_line_has_the_recognizers_height(text: str) -> None:
    drawer = LineDrawer([FONT], 0)
    for _ in range(10):
        line = drawer.draw(text)
        assert line is not None
        assert (line.shape[0], line.shape[2]) == (HEIGHT, 3)


def test_a_text_that_no_font_has_is_not_drawn() -> None:
    assert LineDrawer([FONT], 0).draw("合計") is None


def test_upright_fonts_with_cyrillic_are_found(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"none")
    found = fonts_in([FONT.parent, tmp_path], LETTERS)
    assert FONT in found
    assert not any("Oblique" in path.name or path.name == "broken.ttf" for path in found)


def test_letters_of_other_scripts_have_one_class() -> None:
    assert (
        "".join(ALPHABET[of] for of in classes_of("Чай é ß ½ 7")) == f"Чай {FOREIGN} {FOREIGN}  7"
    )


def test_numpy_reads_what_torch_has_learned() -> None:
    random = np.random.default_rng(0)
    signs = {sign: random.normal(size=FEATURES) for sign in ("", "Ж", "ы", "7")}
    texts = ["".join(random.choice(["Ж", "ы", "7"], 4)) for _ in range(64)]
    steps = [[of for sign in text for of in (signs[sign], signs[""])] for text in texts]
    features = np.concatenate([np.array(line) for line in steps]).astype(np.float16)
    lines = Lines(features, np.full(64, 8), texts)
    head = train(list(lines), epochs=12)
    loaded = CyrillicHead({name: a.astype(np.float32) for name, a in head.arrays().items()})
    assert errors(loaded, lines) == (0.0, 1.0)
    with torch.no_grad():
        logits = head(scaled([features[:8].astype(np.float32)], head))[0]
    expected = logits.softmax(-1).numpy()
    assert loaded.probabilities(features[:8].astype(np.float32)) == pytest.approx(
        expected, abs=0.01
    )
