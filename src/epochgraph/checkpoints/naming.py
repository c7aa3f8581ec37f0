"""The numbers in the name of a checkpoint, and what they mean according to the words before them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from epochgraph.checkpoints.suffixes import bare_name

Meaning = Literal["time", "counter", "unknown", "other"]
"""The meaning of a number: surely a time; a count of checkpoints, which may be a time; unknown; surely no time."""

WORDS_OF_TIME = ("epoch", "ep", "e", "step", "iter", "itr", "iteration", "update", "checkpoint", "ckpt")
"""The better ones first."""

_COUNTERS = ("checkpoint", "ckpt")
_WORD = re.compile(r"([a-z]+)[^a-z0-9#]*$")
_MARKED = "q"  # replaces the digits of names such as top1, which are not numbers

# Words for a number that measures how good a network is.
_METRICS = frozenset(
    """
    acc accuracy loss val validation err error auc auroc roc ap map miou iou dice psnr ssim lpips fid kid bleu rouge
    wer cer eer ppl perplexity bpc bpb nll elbo mse rmse mae mape score metric reward return precision recall prec rec
    mrr ndcg kappa corr spearman pearson elo sdr snr top hit hits
    """.split()  # noqa: SIM905 - as in danger.py
)
_METRIC_ENDINGS = ("loss", "acc", "accuracy", "error", "score", "auc", "psnr", "ssim")  # valloss, testacc
# Words for a number that identifies a run, a piece of a run, or a setting.
_OTHERS = frozenset(
    """
    seed fold cv split run trial exp experiment version v ver rev rank shard part chunk piece of worker gpu device node
    proc process client replica member ensemble task stage phase consolidated layer layers block head heads expert
    experts size dim dims hidden width depth channels ch dropout drop lr rate wd decay momentum beta alpha gamma lambda
    temperature temp tau eps epsilon bs bsz batchsize patch res resolution px img crop len length seq context ctx
    classes cls class job id pid uid subject patient bit bits fp bf int date time
    """.split()  # noqa: SIM905 - as in danger.py
)
# Architectures whose names end in a number.
_ARCHITECTURES = frozenset(
    """
    resnet resnext wrn wideresnet preresnet vgg densenet lenet inception inceptionv mobilenet mobilenetv shufflenet
    shufflenetv efficientnet efficientnetb convnext convnextv vit deit swin swinv bert gpt opt llama t unet yolo yolov
    dla hrnet regnet senet seresnet xception b
    """.split()  # noqa: SIM905 - as in danger.py
)

_AFTER = "epochs?|eps?|steps?|iters?|iterations?|updates?"
_NUMBER = re.compile(
    rf"[0-9]+(?:\.[0-9]+)?(?:(?P<thousand>k)(?![a-z0-9])|(?=(?P<after>{_AFTER})(?![a-z]))|(?![0-9]*[a-z]))"
)
_DATE = r"(?:19|20)[0-9]{2}[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12][0-9]|3[01])"
_TURNED = r"(?:0[1-9]|[12][0-9]|3[01])[-_.](?:0[1-9]|1[0-2])[-_.](?:19|20)[0-9]{2}"
_CLOCK = r"(?:[-_t. ]*(?:[01][0-9]|2[0-3])[-_:h.]?[0-5][0-9](?:[-_:m.]?[0-5][0-9](?:[.,][0-9]+)?)?)?"
_MOMENT = re.compile(rf"(?<![0-9])(?:(?:{_DATE}|{_TURNED}){_CLOCK}|1[0-9]{{9}}(?:[0-9]{{3}}|\.[0-9]+)?)(?![0-9])")
_SHARE = re.compile("[-_ ]*of[-_ ]*[0-9]")  # 1 of 3
_POWER = re.compile(r"(?<![a-z0-9.])[0-9]+(?:\.[0-9]+)?e[-+]?[0-9]+(?![a-z0-9])")
_TOKEN = re.compile(r"[a-z0-9]{7,}")
_METRIC_WITH_DIGIT = re.compile(r"(?<![a-z])(?:top|f|map|ap|bleu|rouge|hits?|recall|precision|p|r)(?:[-@]?(?:[0-9]+))"
                                r"(?=[-_=:@][0-9]|[-_=:]+[0-9])")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a name.

    Attributes:
        column: What identifies the same number in other names: the word of time before it, or its position and the text
            before it.
        meaning: What it is, according to the word.
        value: Its value; one more for Lightning's epochs, which count from 0.
        whole: Whether it is written without a fraction.
        glued: Whether it directly follows a word, as in `net3`.
        start: Where it begins in the name.
        end: Where it ends.
    """

    column: str | tuple[int, str]
    meaning: Meaning
    value: float
    whole: bool
    glued: bool
    start: int
    end: int


def numbers(path: Path) -> list[Number]:
    """The numbers in a checkpoint's name, except in dates, powers of ten and hashes."""
    return list(_numbers(_marked(bare_name(path).lower()), of_lightning=path.suffix == ".ckpt"))


def template(path: Path, chosen: Number) -> str:
    """The pattern for `epochs_from` that picks one number of a name, and allows anything for the others."""
    name, pieces, start = path.name, [], 0
    for number in numbers(path):
        pieces += [name[start : number.start], "{epoch}" if number.start == chosen.start else "{_}"]
        start = number.end
    return "".join(pieces) + name[start:]


def _numbers(name: str, *, of_lightning: bool) -> Iterator[Number]:
    start = 0
    for place, match in enumerate(_NUMBER.finditer(name)):
        before = name[start : match.start()]
        word, glued, alone = _word_before(before)
        time = _word_of_time(match["after"] or word, alone=alone)
        if (before.endswith("=") and time is None) or _SHARE.match(name, match.end()):
            word = "of"
        meaning = _meaning(time, word, glued=glued) if name[match.end() :][:1] != "%" else "other"
        value = float(match[0].removesuffix("k")) * (1000 if match["thousand"] else 1)
        value += of_lightning and before.endswith("epoch=")
        column = time if time and meaning != "other" else (place, re.sub("#+", "#", before))
        yield Number(column, meaning, value, "." not in match[0], glued, match.start(), match.end())
        start = match.end()


def _word_before(text: str) -> tuple[str, bool, bool]:
    """The last word before a number, and whether the word, or any text, directly precedes it."""
    found = _WORD.search(text)
    if found is None:
        return "", False, True
    return found[1], text[-1:].isalpha(), not text[: found.start()][-1:].isalnum()


def _word_of_time(word: str, *, alone: bool) -> str | None:
    """The word of time in the singular; a single letter counts only if nothing precedes it."""
    singular = word if word in WORDS_OF_TIME else word.removesuffix("s")
    return singular if singular in WORDS_OF_TIME and (singular != "e" or alone) else None


def _meaning(time: str | None, word: str, *, glued: bool) -> Meaning:
    if time is not None:
        return "counter" if time in _COUNTERS else "time"
    metric = word in _METRICS or word.endswith((_MARKED, *_METRIC_ENDINGS))
    if metric or word in _OTHERS or (glued and word in _ARCHITECTURES):
        return "other"
    return "unknown"


def _marked(name: str) -> str:
    """The name with marks in place of digits in dates, powers of ten, hashes and names of metrics."""
    name = _MOMENT.sub(_unless_a_time, name)
    name = _POWER.sub(lambda match: "#" * len(match[0]), name)
    name = _TOKEN.sub(lambda match: "#" * len(match[0]) if _is_hash(match[0]) else match[0], name)
    return _METRIC_WITH_DIGIT.sub(lambda match: re.sub("[0-9@-]", _MARKED, match[0]), name)


def _unless_a_time(match: re.Match[str]) -> str:
    """Marks for a date, but not for an eight-digit number after a word such as `step`."""
    word = _WORD.search(match.string[: match.start()])
    time = _word_of_time(word[1], alone=True) if word else None
    sure = time is not None and time not in _COUNTERS and match[0].isdecimal()
    return match[0] if sure else "#" * len(match[0])


def _is_hash(token: str) -> bool:
    """Whether letters and digits alternate as in no word: `5c106cde`, `f37072fd`."""
    turns = sum(a.isdigit() != b.isdigit() for a, b in pairwise(token))
    return turns > 3 or (turns > 1 and set(token) <= set("0123456789abcdef"))
