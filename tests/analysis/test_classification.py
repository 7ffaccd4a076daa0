"""Intervals and tables of a classifier, against scikit-learn and a printed example."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support

from pipeline.analysis import classification
from pipeline.training.evaluation import Evaluation

NAMES = ("cat", "dog, large", "eel $x$")


@pytest.fixture
def labels_and_answers():
    generator = np.random.default_rng(0)
    labels = generator.integers(3, size=200)
    answers = np.where(generator.random(200) < 0.6, labels, generator.integers(3, size=200))
    return labels, answers


def evaluation(labels, answers) -> Evaluation:
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (labels, answers), 1)
    return Evaluation(confusion, n_top5=len(labels), loss=1.0)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_printed_one(hits, n, low, high):
    assert classification.wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_rows_are_scikit_learns(labels_and_answers):
    rows = classification.by_class(evaluation(*labels_and_answers), NAMES)
    precision, recall, _, counts = precision_recall_fscore_support(*labels_and_answers)
    assert [row["precision"] for row in rows] == pytest.approx(precision.tolist())
    assert [row["recall"] for row in rows] == pytest.approx(recall.tolist())
    assert [row["images"] for row in rows] == counts.tolist()


def test_the_baseline_is_the_most_frequent_class(labels_and_answers):
    labels, _ = labels_and_answers
    constant = np.full_like(labels, np.bincount(labels).argmax())
    found = classification.summary(evaluation(labels, constant))
    assert found["accuracy"] == found["majority_accuracy"] and not found["beats_majority"]
    assert "Warning: not clearly better" in classification.words(evaluation(labels, constant))
    assert "Warning" not in classification.words(evaluation(labels, labels))


def test_files(labels_and_answers, tmp_path):
    found = evaluation(*labels_and_answers)
    paths = classification.write(found, NAMES, tmp_path)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    with (tmp_path / "confusion.csv").open(newline="") as stream:
        rows = [[int(row[f"answer {name}"]) for name in NAMES] for row in csv.DictReader(stream)]
    assert np.array_equal(rows, found.confusion)
    with Image.open(tmp_path / "confusion.png") as image:
        assert min(image.size) > 100


ODD = {
    "very long": ("a" * 300, "a" * 299 + "b"),
    "Cyrillic and Greek": ("собака", "σκύλος"),
    "letters that the font lacks": ("犬", "แมว"),
    "dollars and braces": ("$x", "{y}$^_\\frac"),
    "line breaks and tabs": ("one\ntwo\r\n" * 9, "\t\v"),
    "bytes and a null": (r"c\xe4t", "a\0b"),
    "emoji": ("🐕", "🐈 cat"),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.filterwarnings("error")
def test_a_picture_with_odd_names_shows_its_matrix(kind, tmp_path):
    """Matplotlib warns if letters are missing, or if labels leave no room for the matrix."""
    confusion = np.diag([7, 5])
    classification.write(Evaluation(confusion, n_top5=12, loss=1.0), ODD[kind], tmp_path)
    with Image.open(tmp_path / "confusion.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    dark_blue = np.abs(pixels - (8, 48, 107)).max(axis=2) < 8
    assert dark_blue.mean() > 0.05  # the diagonal: two of four cells


@pytest.mark.parametrize("kind", ODD)
def test_names_in_a_picture_are_short_and_different(kind):
    shown = [classification._label(name, i) for i, name in enumerate(ODD[kind])]
    assert len({*shown}) == 2
    assert all(0 < len(name) <= 24 and len(name.splitlines()) == 1 for name in shown)


def test_names_in_a_picture_keep_what_can_be_read():
    assert classification._label("red $ & {fox}", 0) == "red $ & {fox}"
    assert classification._label("собака", 0) == "собака"
    assert classification._label("犬", 41) == "class 41"
