"""A vision-language model of a few million random weights, to test the path of images."""

from itertools import pairwise
from pathlib import Path
from typing import Any

IMAGE = "<image>"
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}" + IMAGE + "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make(tokenizer_folder: Path, out: Path, *, writes: str | None = None) -> None:
    """Write an Idefics3 that vLLM loads without torchvision: 56-pixel images, 4 tokens each.

    It answers anything with `writes`, no token of which may come twice.
    """
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    special_tokens = ["<fake_token_around_image>", IMAGE, "<global-img>", "<end_of_utterance>"]
    special_tokens += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    tokenizer.add_special_tokens({"additional_special_tokens": special_tokens})
    tokenizer.chat_template = _TEMPLATE
    torch.manual_seed(0)
    shape = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = transformers.Idefics3Config(
        vision_config={
            "model_type": "idefics3_vision",
            "image_size": 56,
            "patch_size": 14,
            **shape,
        },
        text_config=transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            num_key_value_heads=1,
            head_dim=32,
            max_position_embeddings=4096,
            tie_word_embeddings=False,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            **shape,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=2,
        pad_token_id=2,
    )
    model = transformers.Idefics3ForConditionalGeneration(config).to(torch.float32)
    model.generation_config.eos_token_id = 2
    if writes is not None:
        # A prompt ends with a line break.
        ids = [tokenizer.encode(text, add_special_tokens=False) for text in ("\n", writes)]
        _let_write(model, [*ids[0], *ids[1], 2])
    side = {"longest_edge": 56}
    processor = transformers.Idefics3Processor(
        image_processor=transformers.Idefics3ImageProcessorPil(
            do_image_splitting=False, size=side, max_image_size=side
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=_TEMPLATE,
    )
    for part in (processor, tokenizer, model):
        part.save_pretrained(out)
    (out / "chat_template.jinja").write_text(_TEMPLATE)


def _let_write(model: Any, tokens: list[int]) -> None:
    """Have each token followed by the next one: no layer adds anything to its embedding."""
    import torch

    assert len(set(tokens)) == len(tokens), "a token has two successors"
    text = model.model.text_model
    embedding, head = text.embed_tokens.weight, model.lm_head.weight
    weights = [embedding, head]
    for layer in text.layers:
        weights += [layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight]
    with torch.no_grad():
        for weight in weights:
            weight.zero_()
        for dimension, (token, successor) in enumerate(pairwise(tokens)):
            embedding[token, dimension] = 1.0
            head[successor, dimension] = 5.0
