"""Measures embedding, classification and search: `python -m bench.text_latency`.

Starts the service, sends it requests over HTTP from one client, and measures the peers on the same
machine in alternation: sentence-transformers' own `encode` for embedding, and transformers'
zero-shot-classification pipeline for categories, on a model of distilbart-mnli-12-3's size with
random weights (as fast as trained ones). Compare the ratios: absolute values depend on the machine.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.load_generator import LoadResult, NextRequest, load, wait_until_idle
from bench.requests import LABELS, WORDS, categorize, categorize_batch, random_words
from tests.acceptance.service import running


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.text_latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each comparison")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    print("| what | this service | peer | ratio |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        wait_until_idle()
        _requests(service.url, rng)
        rates = _categories(service.url, rng, arguments.rounds)
        _row("names/s, batches of 50", *rates, peer="zero-shot pipeline")
        _search(service.url, rng)
    _embedding(rng, arguments.rounds)


def _requests(url: str, rng: random.Random) -> None:
    for title, request in (
        ("one new name", lambda: categorize(random_words(rng, 3))),
        ("one name seen before", lambda: categorize("whole milk")),
        ("50 new names", lambda: _batch_of_50(rng)),
    ):
        result = _load(url, request)
        p50, p95 = result.percentile(50), result.percentile(95)
        print(f"| {title}, p50 / p95 | {p50:.1f} / {p95:.1f} ms | | |")


def _categories(url: str, rng: random.Random, rounds: int) -> tuple[list[float], list[float]]:
    pipeline = _entailment_pipeline()
    ours, peers = [], []
    for _ in range(rounds):
        ours.append(50 * _load(url, lambda: _batch_of_50(rng)).per_second)
        names = [random_words(rng, 3) for _ in range(3)]
        peers.append(len(names) / _seconds(lambda names=names: pipeline(names, list(LABELS))))  # type: ignore[misc]
    return ours, peers


def _search(url: str, rng: random.Random) -> None:
    documents = [{"id": n, "text": random_words(rng, 20)} for n in range(1000)]

    def search() -> tuple[str, dict[str, Any]]:
        payload = {"query": random_words(rng, 3), "documents": documents}
        return "/api/v1/search", {"payload": payload}

    def embed() -> tuple[str, dict[str, Any]]:
        return "/api/v1/embed", {"texts": [{"id": 1, "text": random_words(rng, 3)}]}

    _load(url, search)  # caches the vectors
    searches, embeddings = _load(url, search), _load(url, embed)
    beyond = searches.percentile(95) - embeddings.percentile(50)
    print(
        f"| search of 1 000 cached documents, p50 / p95 | {searches.percentile(50):.1f} / "
        f"{searches.percentile(95):.1f} ms; p95 beyond the embedding of one text {beyond:.0f} ms "
        "| | |"
    )


def _load(url: str, request: NextRequest) -> LoadResult:
    return load(url, request, clients=1, seconds=6)


def _batch_of_50(rng: random.Random) -> tuple[str, dict[str, Any]]:
    return categorize_batch([random_words(rng, 3) for _ in range(50)])


def _embedding(rng: random.Random, rounds: int) -> None:
    from sentence_transformers import SentenceTransformer

    from sidecar.core.build_cache import INSTALL_DIR
    from sidecar.embedding.model import ENGLISH, load, packaged_folder

    texts = [random_words(rng, rng.randint(40, 80)) for _ in range(1000)]
    model = load(ENGLISH, "cpu", 2, [INSTALL_DIR])
    peer = SentenceTransformer(str(packaged_folder()), device="cpu")
    expected = peer.encode(texts, batch_size=32, normalize_embeddings=True)
    min_cosine = float((model.embed(texts) * expected).sum(axis=1).min())
    ours, peers = [], []
    for _ in range(rounds):
        ours.append(1000 / _seconds(lambda: model.embed(texts)))
        peers.append(1000 / _seconds(lambda: peer.encode(texts, batch_size=32)))
    _row("texts/s, 1 000 recipes of ~60 words", ours, peers, peer="sentence-transformers")
    print(f"| least cosine to its vectors | {min_cosine:.6f} | | |")


def _entailment_pipeline() -> Callable[[list[str], list[str]], Any]:
    """Return the pipeline on random weights of distilbart-mnli-12-3's size, with its own words."""
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


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(title: str, ours: Sequence[float], peers: Sequence[float], *, peer: str) -> None:
    """Print a row of medians; the ratio is the median of the rounds' ratios."""
    ratio = statistics.median(a / b for a, b in zip(ours, peers, strict=True))
    print(
        f"| {title} | {statistics.median(ours):.1f} "
        f"| {peer}: {statistics.median(peers):.1f} | {ratio:.2f} |"
    )


if __name__ == "__main__":
    main()
