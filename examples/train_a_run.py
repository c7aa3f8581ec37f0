"""Train a network on handwritten digits, and write what a training loop writes: checkpoints, a log, the settings.

    python examples/train_a_run.py --out my_run --learning-rate 0.1 --epochs 3

`examples/make_data.py` makes `examples/run` with it.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import save_file

from epochgraph.zoo import DigitsNet, EpochReport, TrainingSettings, build, read_digits, train


def trained(folder: Path, settings: TrainingSettings, *, seen: int) -> Iterator[EpochReport]:
    """Train a network; its first epochs are written to a folder.

    Args:
        folder: Where to write.
        settings: How to train.
        seen: The last epoch that is written.

    Yields:
        What is known after each epoch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digits = read_digits()  # 1,797 images of 8 x 8 pixels, part of scikit-learn
    model = build(DigitsNet, digits, settings)
    told = {"learning_rate": settings.learning_rate, "dropout": settings.dropout, "batch_size": settings.batch_size}
    (folder / "settings.json").write_text(json.dumps(told, indent=1) + "\n")
    log = ["epoch,train_loss,validation_accuracy"]
    for report in train(model, digits, settings):
        if report.epoch <= seen:
            save_file(model.state_dict(), folder / f"epoch_{report.epoch:g}.safetensors")
            if report.epoch > 0:
                log.append(f"{report.epoch:g},{report.train_loss:.4f},{report.validation_accuracy:.4f}")
            (folder / "metrics.csv").write_text("\n".join(log) + "\n")
        yield report


def like_the_population(learning_rate: float, dropout: float, *, seed: int, epochs: int) -> TrainingSettings:
    """The settings of a run that is trained as those of `examples/digits.parquet` were."""
    return TrainingSettings(
        learning_rate=learning_rate,
        dropout=dropout,
        seed=seed,
        epochs=epochs,
        batch_size=32,
        crop_padding=1,
        flip=False,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/examples/run"), help="folder of the run")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    how = like_the_population(given.learning_rate, given.dropout, seed=given.seed, epochs=given.epochs)
    for found in trained(given.out, how, seen=given.epochs):
        print(f"epoch {found.epoch:g}: validation accuracy {found.validation_accuracy:.3f}")
