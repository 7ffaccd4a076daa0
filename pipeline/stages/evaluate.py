"""Measures how well a model classifies labelled images of a folder or data set."""
# Tested in tests/verbs/test_models.py.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline import files
from pipeline.analysis import classification
from pipeline.data import open_images
from pipeline.data.class_folders import list_images
from pipeline.errors import InputError
from pipeline.networks.prediction import BATCH, Classifier
from pipeline.training.evaluation import Evaluation

Answers = tuple[Sequence[str], Tensor, Tensor]  # names of the images, labels, probabilities


def run(
    model: Path,
    images: Path | Mapping[str, Any],
    data_root: Path,
    out: Path | None,
    device: str = "cpu",
) -> str:
    """Evaluate a model on images of known classes, and return a summary as text.

    `images` is a folder with a subfolder for each class, or the manifest of a data set, whose test
    images are used. Tables, a picture and the predictions are written to `out`, if given.

    Raises:
        InputError: a class is not the model's, or images cannot be read.
    """
    classifier = Classifier.load(model, device)
    if isinstance(images, Path):
        answers = on_folder(classifier, images)
    elif images["kind"] == "folder":
        answers = on_folder(classifier, files.below(data_root, images["path"]) / "val")
    else:
        answers = on_data_set(classifier, images, data_root)
    names = classifier.class_names
    evaluation = evaluation_of(answers, len(names))
    if out is not None:
        classification.write(evaluation, names, out)
        files.write_csv(out / "predictions.csv", predictions(answers, names))
    table = classification.table(classification.by_class(evaluation, names))
    return f"{table}\n{classification.words(evaluation)}"


def on_folder(classifier: Classifier, folder: Path) -> Answers:
    """The answers for `folder/<class>/*`."""
    listing = list_images(folder)
    labels = torch.from_numpy(listing.labels_among(classifier.class_names))
    answers = dict(classifier.answers([Path(path) for path in listing.paths]))
    errors = [str(answer) for answer in answers.values() if isinstance(answer, InputError)]
    if errors:
        raise InputError(f"{len(errors)} images cannot be read: {'; '.join(errors[:20])}")
    shown = [files.readable(path.relative_to(folder)) for path in answers]
    known = [answer for answer in answers.values() if isinstance(answer, Tensor)]
    return shown, labels, torch.stack(known)


def on_data_set(classifier: Classifier, manifest: Mapping[str, Any], data_root: Path) -> Answers:
    """The answers for the test part of a set of small images."""
    images = open_images(manifest, data_root, "test")
    if (images.classes, images.image_size) != (
        len(classifier.class_names),
        classifier.preprocessing.image_size,
    ):
        raise InputError(
            f"{manifest['name']}: {images.classes} classes at {images.image_size} pixels are not "
            "those of the model"
        )
    pairs = [(classifier.probabilities(x), y.cpu()) for x, y in images.batches(BATCH)]
    probabilities, labels = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    return [str(i) for i in range(len(labels))], labels, probabilities


def evaluation_of(answers: Answers, classes: int) -> Evaluation:
    """The evaluation of all answers."""
    _, labels, probabilities = answers
    likeliest = probabilities.topk(min(5, classes)).indices
    cells = torch.bincount(labels * classes + likeliest[:, 0], minlength=classes**2)
    return Evaluation(
        confusion=cells.reshape(classes, classes).numpy(),
        n_top5=int((likeliest == labels[:, None]).sum()),
        loss=float(F.nll_loss(probabilities.clamp_min(1e-12).log(), labels)),
    )


def predictions(answers: Answers, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each image."""
    return [
        {
            "image": image,
            "true class": names[label],
            "answer": names[int(row.argmax())],
            "probability": round(float(row.max()), 6),
            "probability of the true class": round(float(row[label]), 6),
        }
        for image, label, row in zip(answers[0], answers[1].tolist(), answers[2], strict=True)
    ]
