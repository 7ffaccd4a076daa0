"""Search strategies, one file each; `docs/add-a-strategy.md` shows how to add one.

Importing this package imports no torch: a dry run reads the strategies' metadata and settings.
A strategy of another package registers itself when its entry point in the group
`shapley_nas.strategies` is loaded.
"""

from pipeline.strategies import (  # noqa: F401  (each registers its strategy)
    bayesnas,
    darts,
    darts_2nd,
    darts_pt,
    darts_shapley,
    darts_shapley_frozen,
    drnas,
    enas,
    evolution,
    gdas,
    idarts,
    local_search,
    lookup_shrinking,
    p_darts,
    pc_darts,
    plugins,
    random,
    random_search,
    reinforce,
    rsps,
    sdarts_adv,
    sdarts_rs,
    sgas,
    shapley,
    shrinking,
    snas,
)
from pipeline.strategies.contract import Metadata, Strategy

__all__ = ["Metadata", "Strategy"]

plugins.load()
