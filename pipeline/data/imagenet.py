"""ImageNet (ILSVRC 2012), read from one folder of images per class.

As in the paper, a search uses 10 % of the training images for the weights and 2.5 % for the values.
"""
# Tested in tests/data/test_data_sets.py.

from __future__ import annotations

from pipeline.data.spec import DataSet

IMAGENET = DataSet(
    name="imagenet",
    title="ImageNet",
    classes=1000,
    image_size=224,
    resize_size=256,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    source="https://image-net.org (ILSVRC 2012, on request)",
    licence="research use, ImageNet's terms of access",
    citation="Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, 2015",
    kind="folder",
    path="imagenet",
    search_fractions=(0.1, 0.025),
)
