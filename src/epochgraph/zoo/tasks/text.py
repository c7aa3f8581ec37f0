"""Text -> tasks: predict the next character or word piece."""

import importlib.metadata
import io
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from pydoc_data.topics import topics
from typing import Literal

import numpy as np
from jaxtyping import Int64

from epochgraph.errors import MissingPackageError, UnreadableFileError
from epochgraph.zoo.archives import intact
from epochgraph.zoo.tasks.files import PARTS, Contents, evenly, kept, tensors
from epochgraph.zoo.tasks.objectives import cross_entropy
from epochgraph.zoo.tasks.task import Examples, Form, Task

SOURCE = "text-and-tables"

Unit = Literal["characters", "pieces"]
Tokens = Int64[np.ndarray, "tokens"]
Sequences = Int64[np.ndarray, "sequences length"]
Texts = tuple[str, str, str]
"""The parts for training, validation and testing."""

LENGTH = 64
COUNTS = (8000, 400, 400)
"""The most sequences for training, validation and testing."""

CHARACTERS = 95
PIECES = 512
SHARES = (0.9, 0.95)
"""Where a text in one piece is split in three."""


def shakespeare(data: Path | None, unit: Unit) -> Task:
    """The plays and poems of Shakespeare known as tiny Shakespeare."""
    return _read(data, "Tiny Shakespeare", unit, ("tinyshakespeare.txt",), lambda texts: cut(texts[0]))


def wikitext(data: Path | None, unit: Unit) -> Task:
    """WikiText-2: its validation text for training, the halves of its test text for validation and testing."""
    return _read(data, "WikiText-2", unit, ("wikitext2-valid.txt", "wikitext2-test.txt"), _train_and_halves)


def python_docs() -> Task:
    """The help texts that come with Python, by characters; they differ a little between versions of Python."""
    # Some topics contain others: a repeated paragraph would be in both the training and the test set.
    paragraphs = dict.fromkeys(part for topic in topics.values() for part in topic.split("\n\n"))
    return _task("Python documentation, characters", encoded(cut("\n\n".join(paragraphs)), "characters"))


def cut(text: str) -> Texts:
    """The training, validation and test parts of a text, one after the other."""
    first, second = (round(share * len(text)) for share in SHARES)
    return text[:first], text[first:second], text[second:]


def encoded(texts: Texts, unit: Unit) -> Mapping[str, np.ndarray]:
    """Tokens of the three texts as sequences, one longer than a network's input; the vocabulary is the training text's.

    A repeated sequence, such as a line of dashes, is used once, so that none is in two parts.

    Returns:
        Sequences under "train", "validation" and "test", and the number of different tokens under "vocabulary".

    Raises:
        MissingPackageError: Word pieces are wanted, and sentencepiece is not installed.
    """
    vocabulary, tokens = (_characters if unit == "characters" else _pieces)(texts[0])
    used: set[bytes] = set()
    arrays: dict[str, np.ndarray] = {"vocabulary": np.array(vocabulary)}
    for part, text, count in zip(PARTS, texts, COUNTS, strict=True):
        arrays[part] = sequences(tokens(text), count, used)
    return arrays


def sequences(tokens: Tokens, count: int, used: set[bytes]) -> Sequences:
    """At most `count` stretches of the tokens, evenly spaced and without overlap.

    Args:
        tokens: A text.
        count: How many.
        used: Inputs that are already used and left out; those of this text are added.
    """
    whole = len(tokens) // (LENGTH + 1)
    rows = tokens[: whole * (LENGTH + 1)].reshape(whole, LENGTH + 1)
    new = []
    for place, seen in enumerate(row[:-1].tobytes() for row in rows):
        if seen not in used:
            new.append(place)
            used.add(seen)
    return np.ascontiguousarray(rows[evenly(np.array(new, np.int64), count)])


def _train_and_halves(texts: tuple[str, ...]) -> Texts:
    half = len(texts[1]) // 2
    return texts[0], texts[1][:half], texts[1][half:]


def _read(
    data: Path | None, name: str, unit: Unit, files: tuple[str, ...], parts: Callable[[tuple[str, ...]], Texts]
) -> Task:
    def made(path: Path, contents: Contents) -> Mapping[str, np.ndarray]:
        texts = parts(tuple(_text(path, file, contents) for file in files))
        with intact(path / files[0]):  # the library of word pieces refuses a text without words
            return encoded(texts, unit)

    key = f"{name} {unit} {_version() if unit == 'pieces' else ''}"
    arrays = kept(data, SOURCE, key=key, wanted=lambda file: file in files, made=made)
    return _task(f"{name}, {unit if unit == 'characters' else 'word pieces'}", arrays)


def _text(path: Path, file: str, contents: Contents) -> str:
    if file not in contents:
        raise UnreadableFileError(path / file, "no such file", "Check --data, the folder of the data.")
    try:
        text = contents[file].decode()
    except UnicodeDecodeError as error:
        raise UnreadableFileError(path / file, "is not UTF-8", "Give a text in that encoding.") from error
    if len(text) < 100 * LENGTH:
        raise UnreadableFileError(path / file, f"has {len(text)} characters", f"At least {100 * LENGTH} are needed.")
    return text.replace("\r\n", "\n")


def _task(name: str, arrays: Mapping[str, np.ndarray]) -> Task:
    found = tensors(arrays)
    vocabulary = int(found["vocabulary"])
    train, validation, test = (
        Examples(found[part][:, :-1].contiguous(), found[part][:, 1:].contiguous()) for part in PARTS
    )
    form = Form(kind="tokens", inputs=(LENGTH,), outputs=(LENGTH, vocabulary), vocabulary=vocabulary)
    return Task(name=name, form=form, train=train, validation=validation, test=test, loss=cross_entropy)


def _characters(text: str) -> tuple[int, Callable[[str], Tokens]]:
    """Token 0 is any character that is not among the most frequent; the others are ordered by their code."""
    counts = sorted(Counter(text).items(), key=lambda item: (-item[1], item[0]))
    codes = {ord(character): place for place, character in enumerate(sorted(c for c, _ in counts[:CHARACTERS]), 1)}
    table = np.zeros(0x110000, np.int64)
    table[list(codes)] = list(codes.values())
    return len(codes) + 1, lambda part: table[np.frombuffer(part.encode("utf-32-le"), np.uint32)]


def _pieces(text: str) -> tuple[int, Callable[[str], Tokens]]:
    """Byte-pair encoding; the line break is a piece of its own, as the library would make it a space."""
    _version()
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer  # noqa: PLC0415 - it is optional

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(text.split("\n")),
        model_writer=model,
        model_type="bpe",
        vocab_size=PIECES,
        num_threads=1,
        max_sentence_length=len(text.encode()),
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        user_defined_symbols=["\n"],
        minloglevel=2,
    )
    processor = SentencePieceProcessor(model_proto=model.getvalue())
    return PIECES, lambda part: np.array(processor.encode(part), np.int64)


def _version() -> str:
    try:
        return importlib.metadata.version("sentencepiece")
    except importlib.metadata.PackageNotFoundError:
        raise MissingPackageError("sentencepiece", "zoo") from None
