"""all-MiniLM-L6-v2 computed with numpy: a BERT encoder, the mean of its tokens, scaled to length one.

The weights, and but for rounding the vectors, are those of sentence-transformers; this does without PyTorch,
so that the image stays small.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Array = np.ndarray


class MiniLM:
    """Turns texts into vectors."""

    def __init__(self, weights: dict[str, Array], tokenizer: Tokenizer, heads: int, epsilon: float) -> None:
        self._weights = weights
        self._tokenizer = tokenizer
        self._heads = heads
        self._epsilon = epsilon
        self._layers = 1 + max(
            int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer.")
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads weights, tokenizer and shape from a folder as the Hugging Face Hub keeps them."""
        shape = json.loads((folder / "config.json").read_text())
        longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()  # texts are computed one by one
        tokenizer.enable_truncation(longest)
        weights = load_file(folder / "model.safetensors")
        return cls(weights, tokenizer, shape["num_attention_heads"], shape["layer_norm_eps"])

    def embed(self, text: str) -> tuple[Sequence[float], int]:
        """The text's vector, and of how many tokens it was made."""
        tokens = self._tokenizer.encode(text).ids
        state = self._embedded(tokens)
        for layer in range(self._layers):
            state = self._layer(f"encoder.layer.{layer}", state)
        mean = state.mean(axis=0)
        vector: list[float] = (mean / np.linalg.norm(mean)).tolist()
        return vector, len(tokens)

    def _embedded(self, tokens: Sequence[int]) -> Array:
        words = self._weights["embeddings.word_embeddings.weight"][tokens]
        positions = self._weights["embeddings.position_embeddings.weight"][: len(tokens)]
        segment = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._normalised("embeddings.LayerNorm", words + positions + segment)

    def _layer(self, name: str, state: Array) -> Array:
        attended = self._dense(
            f"{name}.attention.output.dense", self._attention(f"{name}.attention.self", state)
        )
        state = self._normalised(f"{name}.attention.output.LayerNorm", state + attended)
        inner = gelu(self._dense(f"{name}.intermediate.dense", state))
        return self._normalised(
            f"{name}.output.LayerNorm", state + self._dense(f"{name}.output.dense", inner)
        )

    def _attention(self, name: str, state: Array) -> Array:
        query, key, value = (
            self._split(self._dense(f"{name}.{part}", state)) for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(query.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ value).transpose(1, 0, 2).reshape(state.shape)

    def _split(self, state: Array) -> Array:
        return state.reshape(len(state), self._heads, -1).transpose(1, 0, 2)

    def _dense(self, name: str, state: Array) -> Array:
        return state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalised(self, name: str, state: Array) -> Array:
        centred = state - state.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def gelu(values: Array) -> Array:
    """x·Φ(x), by Abramowitz and Stegun's 7.1.26, whose error of 1.5e-7 is that of single precision."""
    magnitude = np.abs(values) / np.float32(np.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * magnitude)
    terms = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    sum_of_powers = np.zeros_like(t)
    for term in reversed(terms):
        sum_of_powers = (sum_of_powers + np.float32(term)) * t
    error_function = np.copysign(1 - sum_of_powers * np.exp(-(magnitude**2)), values)
    return values * (1 + error_function) / 2
