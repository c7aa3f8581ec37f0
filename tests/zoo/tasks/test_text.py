import re

import numpy as np
import pytest

from epochgraph.errors import MissingPackageError, UnreadableFileError
from epochgraph.zoo.tasks import TASKS, text


def numbered(start, count):
    """A text whose every stretch tells where it lies."""
    return " ".join(f"line {number} of the play\n" for number in range(start, start + count))


def test_characters_are_numbered_by_their_code_and_unknown_ones_are_zero():
    vocabulary, tokens = text._characters("cabba\n")
    assert vocabulary == 5
    assert tokens("abc\nz\U0001f600").tolist() == [2, 3, 4, 1, 0, 0]


def test_only_the_most_frequent_characters_are_known():
    """96 characters, of which "~" comes once and all others twice; of equals, the first in order would be kept."""
    known = "".join(map(chr, range(33, 33 + 95 - 2))) + "\n "
    assert "~" not in known
    vocabulary, tokens = text._characters(2 * known + "~")
    assert vocabulary == text.CHARACTERS + 1
    assert tokens("~").tolist() == [0]
    assert sorted(tokens(known).tolist()) == list(range(1, 96))


def test_sequences_are_evenly_spaced_and_none_overlaps():
    tokens = np.arange(65 * 5 + 64)
    assert text.sequences(tokens, 3, set())[:, 0].tolist() == [0, 130, 260]
    assert text.sequences(tokens, 9, set()).tolist() == tokens[: 65 * 5].reshape(5, 65).tolist()


def test_a_sequence_that_comes_again_is_left_out():
    tokens, used = np.repeat([1, 2, 1], 65), set()
    assert text.sequences(tokens, 9, used)[:, 0].tolist() == [1, 2]
    assert text.sequences(np.repeat([2, 3], 65), 9, used)[:, 0].tolist() == [3]


def decoded(rows, words):
    """Text of characters, by the alphabet that numbered them."""
    alphabet = sorted(set(words))
    return ["".join("?" if token == 0 else alphabet[token - 1] for token in row) for row in rows.tolist()]


def test_targets_are_the_next_characters(texts, cache):
    words = numbered(0, 4000)
    (texts / "tinyshakespeare.txt").write_text(words)
    task = text.shakespeare(texts.parent, "characters")
    train, validation, test = text.cut(words)
    assert (train + validation + test, len(validation) // 10) == (words, len(words) // 200)
    for part, source in ((task.train, train), (task.validation, validation), (task.test, test)):
        for seen, following in zip(decoded(part.inputs, train), decoded(part.targets, train), strict=True):
            assert seen + following[-1] in source
            assert seen[1:] == following[:-1]
    assert task.form.vocabulary == task.form.outputs[-1] == len(set(train)) + 1


def test_wikitext_is_validated_and_tested_on_halves_of_its_test_text(texts, cache):
    (texts / "wikitext2-valid.txt").write_text(numbered(0, 1000))
    (texts / "wikitext2-test.txt").write_text(numbered(5000, 1000))
    task = text.wikitext(texts.parent, "characters")
    found = ["".join(decoded(part.inputs, numbered(0, 1000))) for part in (task.train, task.validation, task.test)]
    assert [bool(re.search("line 42", part)) for part in found] == [True, False, False]
    assert [bool(re.search(r"line 50\d\d", part)) for part in found] == [False, True, False]
    assert [bool(re.search(r"line 59\d\d", part)) for part in found] == [False, False, True]


def test_word_pieces_can_be_put_together_again():
    pytest.importorskip("sentencepiece")
    words = "".join(topic for _, topic in sorted(text.topics.items()))[:200_000]
    vocabulary, tokens = text._pieces(words)
    assert vocabulary == 512
    found = tokens(words)
    assert 0 <= found.min() <= found.max() < 512
    assert len(found) < len(words) / 1.8
    assert found.tolist() == text._pieces(words)[1](words).tolist()


def test_line_breaks_and_spaces_are_pieces():
    pytest.importorskip("sentencepiece")
    words = "".join(topic for _, topic in sorted(text.topics.items()))[:200_000]
    tokens = text._pieces(words)[1]
    spaced, broken, joined = (tokens(f"for{between}for") for between in (" ", "\n", ""))
    assert len({tuple(part.tolist()) for part in (spaced, broken, joined)}) == 3
    assert len(tokens("\n\n\n")) == 3


def test_without_sentencepiece_word_pieces_say_what_to_install(texts, cache, monkeypatch):
    def missing(name):
        raise text.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(text.importlib.metadata, "version", missing)
    with pytest.raises(MissingPackageError, match=r"epochgraph\[zoo\]"):
        text.shakespeare(texts.parent, "pieces")


def test_characters_need_no_optional_package():
    task = TASKS["python-docs"](None)
    assert task.form.vocabulary <= 96
    assert len(task.train) > 4000


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"", "has 0 characters"), (b"\xff\xfe" * 9000, "is not UTF-8"), (b"x" * 100, "has 100 characters")],
)
def test_a_file_that_is_no_text_is_refused(texts, cache, content, found):
    (texts / "tinyshakespeare.txt").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=found) as error:
        text.shakespeare(texts.parent, "characters")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("character", ["x", "\n", "\0"])
def test_a_text_without_words_has_no_pieces_and_says_so(texts, cache, character):
    pytest.importorskip("sentencepiece")
    (texts / "tinyshakespeare.txt").write_text(character * 10_000)
    with pytest.raises(UnreadableFileError, match=r"tinyshakespeare\.txt") as error:
        text.shakespeare(texts.parent, "pieces")
    assert "\n" not in str(error.value)


def test_a_text_that_is_missing_is_named(texts, cache):
    with pytest.raises(UnreadableFileError, match=r"tinyshakespeare\.txt: no such file"):
        text.shakespeare(texts.parent, "characters")
