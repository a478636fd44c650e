"""Entailment models score as the transformers pipeline does, rerankers by their one score."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from sidecar.classification.backend import ClassificationItem
from sidecar.classification.cross_encoder import CrossEncoderClassifier
from sidecar.core.errors import ModelUnavailable

WORDS = "[PAD] [UNK] [CLS] [SEP] this example is . milk bread dairy bakery organic whole snacks"


def _save(folder: Path, classes: dict[int, str]) -> None:
    """Save a small entailment model with random weights, and its tokenizer."""
    vocabulary = {word: number for number, word in enumerate(WORDS.split())}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=1.0,
        id2label=classes,
        label2id={label: number for number, label in classes.items()},
    )
    BertForSequenceClassification(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("nli")
    _save(path, {0: "contradiction", 1: "neutral", 2: "entailment"})
    return str(path)


async def test_scores_equal_those_of_the_pipeline(folder: str) -> None:
    items = [
        ClassificationItem("organic whole milk", ("dairy", "bakery", "snacks")),
        ClassificationItem("bread", ("bakery", "dairy")),
        ClassificationItem("milk bread " * 40, ("dairy", "bakery", "snacks")),
    ]
    reference = pipeline("zero-shot-classification", model=folder, device="cpu")
    results = await CrossEncoderClassifier("nli", folder, "cpu", 2).classify(items)
    for item, scores in zip(items, results, strict=True):
        expected = reference(item.name, list(item.labels))
        assert tuple(scores) == item.labels
        assert scores == pytest.approx(
            dict(zip(expected["labels"], expected["scores"], strict=True)), abs=1e-5
        )


async def test_a_single_label_has_score_1(folder: str) -> None:
    """The pipeline compares a lone label with its contradiction; here scores always sum to 1."""
    assert await CrossEncoderClassifier("nli", folder, "cpu", 2).classify(
        [ClassificationItem("milk", ("dairy",))]
    ) == [{"dairy": 1.0}]


async def test_no_items_give_no_scores(folder: str) -> None:
    assert await CrossEncoderClassifier("nli", folder, "cpu", 2).classify([]) == []


def test_a_model_without_an_entailment_class_is_unavailable(tmp_path: Path) -> None:
    _save(tmp_path, {0: "good", 1: "bad"})
    with pytest.raises(ModelUnavailable, match="entailment"):
        CrossEncoderClassifier("nli", str(tmp_path), "cpu", 2)


def test_a_missing_model_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        CrossEncoderClassifier("nli", str(tmp_path / "none"), "cpu", 2)


async def test_a_reranker_scores_by_its_logit_of_name_and_label(tmp_path: Path) -> None:
    _save(tmp_path, {0: "score"})
    labels = ("dairy", "bakery", "snacks")
    reference = pipeline("text-classification", model=str(tmp_path), device="cpu")
    raw = reference(
        [{"text": "whole milk", "text_pair": label} for label in labels], function_to_apply="none"
    )
    expected = torch.tensor([pair["score"] for pair in raw]).softmax(dim=0).tolist()
    reranker = CrossEncoderClassifier("reranker", str(tmp_path), "cpu", 2)
    [scores] = await reranker.classify([ClassificationItem("whole milk", labels)])
    assert scores == pytest.approx(dict(zip(labels, expected, strict=True)), abs=1e-5)
    assert reranker.model_id == f"reranker+{tmp_path}"


def test_a_reranker_with_several_outputs_is_unavailable(folder: str) -> None:
    with pytest.raises(ModelUnavailable, match="one score"):
        CrossEncoderClassifier("reranker", folder, "cpu", 2)
