"""Every published count of a discrete network, to the last parameter and multiply-add.

DARTS family: measured on public implementations (design/facts.md, section 1). NAS-Bench-201: the
benchmark's own columns; its FLOPs are multiply-adds plus the number of classes.
"""

import pytest

from pipeline import registry
from pipeline.networks import profile_genotype

# name: CIFAR parameters, CIFAR MACs, ImageNet parameters, ImageNet MACs.
DARTS = {
    "shapley_nas_cifar10": (3_603_358, 558_218_880, 5_138_848, 565_511_424),
    "shapley_nas_imagenet": (3_814_822, 594_797_184, 5_423_872, 598_034_880),
    "darts_v1": (3_169_414, 500_987_520, 4_510_432, 505_864_704),
    "darts_v2": (3_349_342, 528_359_040, 4_718_752, 529_911_552),
    "pc_darts_cifar": (3_634_678, 556_670_592, 5_270_560, 571_137_408),
    "pc_darts_imagenet": (3_721_510, 570_466_944, 5_342_464, 581_627_328),
    "drnas_cifar10": (4_099_294, 635_135_616, 5_738_464, 633_832_320),
    "drnas_imagenet": (4_048_750, 617_938_560, 5_726_368, 624_405_504),
    "p_darts": (3_433_798, 532_174_464, 4_944_352, 542_819_328),
}
CIFAR_AUXILIARY, IMAGENET_AUXILIARY = 476_426, 1_260_776

# official index: architecture, parameters, MACs; for 10 classes.
NASBENCH201 = {
    0: (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        129_306,
        15_647_360,
    ),
    857: (
        "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        858_426,
        121_815_680,
    ),
    1462: (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        1_531_546,
        220_119_680,
    ),
    1835: (
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
        "+|skip_connect~0|skip_connect~1|skip_connect~2|",
        73_306,
        7_783_040,
    ),
    2299: (
        "|skip_connect~0|+|skip_connect~0|none~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
        73_306,
        7_783_040,
    ),
    6111: (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
        1_073_466,
        153_272_960,
    ),
    9930: (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
        "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        1_288_506,
        184_730_240,
    ),
}


def test_every_registered_genotype_is_counted():
    assert set(registry.names("genotypes")) == set(DARTS)


@pytest.mark.parametrize("name", DARTS)
def test_cifar_layout(name):
    params, macs, _, _ = DARTS[name]
    assert profile_genotype(name, "cifar10") == {
        "params": params,
        "macs": macs,
        "auxiliary_params": CIFAR_AUXILIARY,
        "flops": 2 * macs,
    }


@pytest.mark.parametrize("name", DARTS)
def test_imagenet_layout(name):
    _, _, params, macs = DARTS[name]
    assert profile_genotype(name, "imagenet") == {
        "params": params,
        "macs": macs,
        "auxiliary_params": IMAGENET_AUXILIARY,
        "flops": 2 * macs,
    }


@pytest.mark.parametrize("index", NASBENCH201)
def test_nas_bench_201(index):
    arch, params, macs = NASBENCH201[index]
    counts = profile_genotype(arch, "nasbench201")
    assert (counts["params"], counts["macs"], counts["auxiliary_params"]) == (params, macs, 0)


@pytest.mark.parametrize(
    ("classes", "image_size", "flops_m"),
    [(10, 32, 15.64737), (100, 32, 15.65322), (120, 16, 3.91948)],
)
def test_the_benchmarks_flops_are_macs_plus_classes(classes, image_size, flops_m):
    # Row 0 of the benchmark on CIFAR-10, CIFAR-100 and ImageNet-16-120.
    arch = NASBENCH201[0][0]
    counts = profile_genotype(arch, "nasbench201", classes=classes, image_size=image_size)
    assert (counts["macs"] + classes) / 1e6 == pytest.approx(flops_m, abs=1e-9)
