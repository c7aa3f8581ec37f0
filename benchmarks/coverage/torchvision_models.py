"""torchvision: classification, segmentation, video and optical flow models, and the backbones of its detectors."""

from types import ModuleType

from benchmarks.coverage.examples import Example, clips, images
from benchmarks.coverage.operators import imported

CLIPS = {"mvit": (16, 224), "swin3d": (16, 224), "s3d": (16, 224)}
"""Beginning of a video model's name -> frames and size of its clips; CLIP else."""

CLIP = (8, 112)

AUXILIARY = ("googlenet", "inception_v3")
"""They have classifiers beside the way to the output, which are used in training only."""


def names() -> tuple[str, ...]:
    """All but the quantised ones, which are the same networks with integer weights."""
    models = _models()
    return (
        *models.list_models(models),
        *(name for kind in ("segmentation", "video", "optical_flow", "detection") for name in _of_kind(kind)),
    )


def example(name: str) -> Example:
    """A model of that name without weights; of a detector its backbone, which is what has the weights of a network."""
    models = _models()
    model = models.get_model(name, weights=None, **_options(name))
    if name in _of_kind("detection"):
        return Example(model.backbone, (images(320),))
    if name in _of_kind("video"):
        return Example(model, (clips(*next((c for start, c in CLIPS.items() if name.startswith(start)), CLIP)),))
    if name in _of_kind("optical_flow"):
        return Example(model, (images(128), images(128)))
    return Example(model, (images(299 if name == "inception_v3" else 224),))


def _models() -> ModuleType:
    models = imported("torchvision").models
    if not isinstance(models, ModuleType):
        raise TypeError("torchvision.models is no module")
    return models


def _of_kind(kind: str) -> list[str]:
    models = _models()
    return list(models.list_models(getattr(models, kind)))


def _options(name: str) -> dict[str, object]:
    if name in _of_kind("segmentation") or name in _of_kind("detection"):
        return {"weights_backbone": None}
    return {"aux_logits": False} if name in AUXILIARY else {}
