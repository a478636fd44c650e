"""How fast texts are embedded, sorted and searched: `python -m bench.texts`.

Starts the service, drives it over HTTP with one client, and measures the peers on the same machine
in turns with it: sentence-transformers' own `encode` for embedding, and transformers'
zero-shot-classification pipeline for categories, on a model of distilbart-mnli-12-3's size with
random weights (the speed is that of trained ones). Ratios count; the rest is this machine's.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.load import settle
from tests.acceptance.service import running

LABELS = (
    "Produce",
    "Dairy",
    "Meat & Seafood",
    "Bakery",
    "Frozen",
    "Pantry",
    "Snacks",
    "Beverages",
    "Household",
    "Other",
)
WORDS = """
slice chop simmer stir roast bake tomato onion garlic chicken beef lentil rice pasta cream
butter lemon basil cumin paprika until golden tender minutes over medium heat with the and
in serve warm fresh bread salad potato carrot cheese egg milk flour sugar salt pepper oil
""".split()  # noqa: SIM905 - words read best as text


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.texts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each comparison")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    choose = random.Random(arguments.seed)
    print("| what | this service | peer | ratio |")
    print("|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as service,
        httpx.Client(base_url=service.url, timeout=120) as client,
    ):
        client.headers["x-tenant-id"] = "bench"
        settle()
        _requests(client, choose)
        rates = _categories(client, choose, arguments.rounds)
        _row("names/s, batches of 50", *rates, peer="zero-shot pipeline")
        _search(client, choose)
    _embedding(choose, arguments.rounds)


def _requests(client: httpx.Client, choose: random.Random) -> None:
    one = _times(100, lambda: _categorize(client, [_words(choose, 3)]))
    print(f"| one new name, p50 / p95 | {_p(one, 50)} / {_p(one, 95)} ms | | |")
    seen = _times(100, lambda: _categorize(client, ["whole milk"]))
    print(f"| one name seen before, p50 / p95 | {_p(seen, 50)} / {_p(seen, 95)} ms | | |")
    fifty = _times(10, lambda: _categorize(client, [_words(choose, 3) for _ in range(50)]))
    print(f"| 50 new names, p50 | {_p(fifty, 50)} ms | | |")


def _categories(
    client: httpx.Client, choose: random.Random, rounds: int
) -> tuple[list[float], list[float]]:
    pipeline = _entailment_pipeline()
    ours, peers = [], []
    for _ in range(rounds):
        names = [_words(choose, 3) for _ in range(50)]
        ours.append(50 / _seconds(lambda names=names: _categorize(client, names)))  # type: ignore[misc]
        few = names[:3]
        peers.append(len(few) / _seconds(lambda few=few: pipeline(few, list(LABELS))))  # type: ignore[misc]
    return ours, peers


def _search(client: httpx.Client, choose: random.Random) -> None:
    documents = [{"id": n, "text": _words(choose, 20)} for n in range(1000)]

    def search() -> None:
        payload = {"query": _words(choose, 3), "documents": documents}
        client.post("/api/v1/search", json={"payload": payload}).raise_for_status()

    def embed() -> None:
        texts = [{"id": 1, "text": _words(choose, 3)}]
        client.post("/api/v1/embed", json={"texts": texts}).raise_for_status()

    search()  # their vectors are cached from here on
    searches, embeddings = _times(50, search), _times(50, embed)
    beyond = _p(searches, 95) - _p(embeddings, 50)
    print(
        f"| search of 1 000 cached documents, p50 / p95 | {_p(searches, 50)} / "
        f"{_p(searches, 95)} ms; p95 beyond the embedding of one text {beyond:.0f} ms | | |"
    )


def _embedding(choose: random.Random, rounds: int) -> None:
    from sentence_transformers import SentenceTransformer

    from deployments.conversion import INSTALLED
    from deployments.embedder.model import load, packaged

    texts = [_words(choose, choose.randint(40, 80)) for _ in range(1000)]
    model = load(None, "cpu", 2, [INSTALLED])
    peer = SentenceTransformer(str(packaged()), device="cpu")
    expected = peer.encode(texts, batch_size=32, normalize_embeddings=True)
    least = float((model.embed(texts) * expected).sum(axis=1).min())
    ours, peers = [], []
    for _ in range(rounds):
        ours.append(1000 / _seconds(lambda: model.embed(texts)))
        peers.append(1000 / _seconds(lambda: peer.encode(texts, batch_size=32)))
    _row("texts/s, 1 000 recipes of ~60 words", ours, peers, peer="sentence-transformers")
    print(f"| least cosine to its vectors | {least:.6f} | | |")


def _categorize(client: httpx.Client, names: Sequence[str]) -> None:
    if len(names) == 1:
        payload: dict[str, Any] = {"item_name": names[0], "candidate_labels": LABELS}
        answer = client.post("/api/v1/categorize", json={"payload": payload})
    else:
        items = [{"id": number, "name": name} for number, name in enumerate(names)]
        payload = {"items": items, "candidate_labels": LABELS}
        answer = client.post("/api/v1/categorize-batch", json={"payload": payload})
    answer.raise_for_status()


def _entailment_pipeline() -> Callable[[list[str], list[str]], Any]:
    """The pipeline on random weights of distilbart-mnli-12-3's size, its words made up."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        BartConfig,
        BartForSequenceClassification,
        PreTrainedTokenizerFast,
        pipeline,
    )

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    known = [
        *special,
        *WORDS,
        *["This", "example", "is", ".", "&", "Produce", "Dairy", "Meat", "Seafood", "Bakery"],
    ]
    tokenizer = Tokenizer(
        models.WordLevel({word: n for n, word in enumerate(known)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    config = BartConfig(
        encoder_layers=12,
        decoder_layers=3,
        num_labels=3,
        id2label={0: "contradiction", 1: "neutral", 2: "entailment"},
        label2id={"contradiction": 0, "neutral": 1, "entailment": 2},
    )
    return pipeline(  # type: ignore[no-any-return]
        "zero-shot-classification",
        model=BartForSequenceClassification(config).eval(),
        tokenizer=PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token="<s>",
            eos_token="</s>",
            pad_token="<pad>",
            unk_token="<unk>",
            model_max_length=1024,
        ),
        device="cpu",
    )


def _words(choose: random.Random, count: int) -> str:
    return " ".join(choose.choice(WORDS) for _ in range(count))


def _times(count: int, work: Callable[[], object]) -> list[float]:
    """Milliseconds of each of `count` runs, after three that don't count."""
    for _ in range(3):
        work()
    return [1000 * _seconds(work) for _ in range(count)]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _p(times: Sequence[float], percent: int) -> float:
    return round(float(np.percentile(times, percent)), 1)


def _row(what: str, ours: Sequence[float], peers: Sequence[float], *, peer: str) -> None:
    """A row of medians; the ratio is the median of the turns' own ratios."""
    ratio = statistics.median(a / b for a, b in zip(ours, peers, strict=True))
    print(
        f"| {what} | {statistics.median(ours):.1f} "
        f"| {peer}: {statistics.median(peers):.1f} | {ratio:.2f} |"
    )


if __name__ == "__main__":
    main()
