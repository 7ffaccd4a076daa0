"""What the measurements of the study of estimators ask, call their columns and do not show."""

from __future__ import annotations

from typing import Any

ESTIMATORS: dict[str, Any] = {
    "title": "Estimators of Shapley values on a supernet",
    "question": "How well does each estimator agree with a long run, and at what cost?",
    "columns": {
        "supernet": "Supernet",
        "estimator": "Estimator",
        "tau": "Kendall's tau",
        "r": "Pearson's r",
        "winners": "Edges with the right winner",
        "evaluations": "Evaluations",
        "share": "Image-forwards, plain = 1",
        "seconds": "Seconds (median)",
    },
    "does_not_show": [
        "One supernet of each kind, one training seed: intervals are over repeats of the estimate.",
        "`_fifth` and `_half` may spend that share of the image-forwards of `plain`, a backward "
        "pass counting two.",
        "`truncated`, `released_code` and `gradient` do not estimate Shapley values; their "
        "distance from the reference does not vanish with more samples.",
        "Seconds on a machine that others used too.",
    ],
}
BLOCKS: dict[str, Any] = {
    "title": "How many permutations, by which value",
    "question": (
        "How well do few permutations by each value function agree with many by the accuracy?"
    ),
    "columns": {
        "supernet": "Supernet",
        "reading": "Value",
        "permutations": "Permutations",
        "tau": "Kendall's tau",
        "r": "Pearson's r",
        "winners": "Edges with the right winner",
    },
    "does_not_show": [
        "One supernet, one training seed. The intervals are over disjoint blocks of one long run; "
        "the reference is as long as that run, so that even all of it agrees with the reference "
        "only as far as the ceiling.",
    ],
}
SUPERNETS: dict[str, Any] = {
    "title": "What Shapley values of a supernet say of the table",
    "question": (
        "How do tau with the accuracies of all 15,625 architectures, and the accuracy of the cell "
        "that the values choose, depend on training, age, value, batch norm and coalitions?"
    ),
    "columns": {
        "way": "Training",
        "age": "Passes",
        "train_accuracy": "Training accuracy",
        "value_full": "V(N)",
        "batch_norm": "Batch norm",
        "reading": "Value and coalitions",
        "table_tau": "Tau with the table",
        "table_tau_halves": "by reference",
        "found_accuracy": "Found cell, CIFAR-10 test (%)",
        "permutations": "Permutations",
    },
    "does_not_show": [
        "One training seed; α is zero but in the way `loop`, whose values are those of operations "
        "as α mixes them, not what a search finds.",
        "An additive strength cannot exceed tau .514 on this table (its main effects).",
    ],
}
