"""A language model without layers that matter: each token has one successor.

It thinks as Qwen3 does, and then answers with the same JSON object, whatever it is asked.
"""

from itertools import pairwise
from pathlib import Path

THOUGHT = "Hmm so"
ANSWER = '{"fresh": true}'
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}{% endif %}"
)
_SIZE = 64


def make(tokenizer_folder: Path, out: Path) -> None:
    """Write a Llama whose attention and feed-forward layers add nothing."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.chat_template = _TEMPLATE
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_SIZE,
        intermediate_size=_SIZE,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = transformers.LlamaForCausalLM(config).to(torch.float32)
    layer = model.model.layers[0]
    embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
    with torch.no_grad():
        for weight in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight, embedding, head):
            weight.zero_()
        for dimension, (token, successor) in enumerate(_successors(tokenizer)):
            embedding[token, dimension] = 1.0
            head[successor, dimension] = 5.0
    model.generation_config.eos_token_id = 2
    for part in (tokenizer, model):
        part.save_pretrained(out)
    (out / "chat_template.jinja").write_text(_TEMPLATE)


def _successors(tokenizer: object) -> list[tuple[int, int]]:
    """Return each token of the thought and of the answer with the one that follows it."""

    def ids(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False)  # type: ignore[attr-defined, no-any-return]

    [end] = ids("</think>")
    answer = [*ids(ANSWER), 2]
    # A prompt ends with the line break after <think>, or with the two after </think>.
    thought = [*ids("\n"), *ids(THOUGHT), end]
    pairs = [
        *pairwise(thought),
        (end, answer[0]),
        (ids("</think>\n\n")[-1], answer[0]),
        *pairwise(answer),
    ]
    assert len({token for token, _ in pairs}) == len(pairs), "a token has two successors"
    return pairs
