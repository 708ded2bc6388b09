"""Files of real microscopes, where the checkout has them beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sbd import read

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no sample files beside the checkout")

# name: shape, dtype, pixel size [nm], min, max, mean, {index: value}
TRUTH = {
    "dm3_MoS2_haadf.dm3": (
        *((1024, 1024), "uint32", 0.0126953125, 2930931, 3542985, 3040025.6),
        {(0, 0): 3058051, (0, 1): 3077498, (-1, -1): 3004641},
    ),
    "dm3_multi_signal.dm3": (
        *((512, 512), "uint16", 0.017751578, 0, 9739, 3622.0179),
        {(0, 0): 195, (0, 1): 25},
    ),
    "dm3_nonsquare_two_pixel_sizes.dm3": (
        *((64, 128), "float32", (0.2, 1.0), 0, 127, 63.5),
        {(5, 17): 17},
    ),
    "dm4_BaTiO3_stem.dm4": (
        *((413, 469), "float32", 0.029659931, 129290, 344395, 217834.23),
        {(0, 0): 262470.94, (0, 1): 299666.3},
    ),
    "dm4_stack_66x65x64.dm4": (
        *((66, 65, 64), "int16", (3.0, 0.002), 0, 63, 31.5),
        {(7, 5, 17): 17},
    ),
    "mrc_stack_3x128x128.mrc": (
        *((3, 128, 128), "float32", 0.2, 0, 1, 0.49713758),
        {(0, 0, 0): 0.9490523, (0, 0, 1): 0.15374632},
    ),
    "mrc_MoS2_prismatic.mrc": (
        *((773, 1182), "float32", None, 0.000211609, 0.0366139, 0.0066544409),
        {(0, 0): 0.00028840086},
    ),
    "ser_SrTiO3_haadf.ser": (
        *((1024, 1024), "uint16", 0.010012704, 16121, 24376, 18748.333),
        {(0, 0): 18024, (0, 1): 18416},
    ),
    "ser_series_5x128x128.ser": (
        *((5, 128, 128), "uint16", 0.38435249, 353, 57297, 12239.431),
        {(0, 0, 0): 3514, (0, 0, 1): 1514, (-1, -1, -1): 4542},
    ),
    "emd_berkeley_stem.emd": (
        *((1024, 1024), "uint16", 0.012246525, 4842, 23891, 10663.454),
        {(0, 0): 12487, (0, 1): 11742, (1, 0): 12487, (-1, -1): 8535},
    ),
    "emd_velox_ceta_image.emd": (
        *((512, 512), "int16", 3.1388371, -10, 7, -1.5705414),
        {(0, 0): -6, (0, 1): -4, (-1, -1): -2},
    ),
    "emd_velox_tem_stack.emd": (
        *((2, 3, 3), "int16", 0.0081728832, 0, 17, 8.5),
        {(0, 0, 1): 2, (0, 0, 2): 4, (1, 0, 0): 1, (1, 0, 1): 3},
    ),
    "tif_imagej_SrTiO3_abf_series.tif": (
        *((5, 512, 512), "uint16", 0.0092023984, 0, 64544, 36053.385),
        {},
    ),
    "png_DyScO3_haadf_8bit.png": (
        *((1024, 1024), "uint8", None, 0, 255, 78.1066),
        {},
    ),
}


@pytest.mark.parametrize("name", TRUTH)
def test_sample_files_read_as_documented(name):
    shape, dtype, pixel_size, low, high, mean, values = TRUTH[name]
    m = read(DATA / name)
    assert (m.shape, m.data.dtype) == (shape, dtype)
    assert m.pixel_size == (pixel_size and pytest.approx(pixel_size, rel=1e-7))
    assert [m.data.min(), m.data.max()] == pytest.approx([low, high], rel=1e-4, abs=1e-4)
    assert np.mean(m.data, dtype=np.float64) == pytest.approx(mean, rel=1e-7)
    for index, value in values.items():
        assert m.data[index] == pytest.approx(value, rel=1e-7)


def test_velox_stack_has_its_frame_time():
    assert read(DATA / "emd_velox_tem_stack.emd").frame_time == 0.8


def test_depth_axis_is_no_time_axis():
    assert read(DATA / "dm4_stack_66x65x64.dm4").frame_time is None


@pytest.mark.parametrize("name", TRUTH)
def test_no_sample_file_claims_electron_counts(name):
    assert read(DATA / name).gain is None


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("part", [0.002, 0.3, 0.7])
def test_cut_sample_files_are_refused(name, part, tmp_path):
    from napari_sbd import SBDError

    raw = (DATA / name).read_bytes()
    (tmp_path / name).write_bytes(raw[: int(len(raw) * part)])
    with pytest.raises(SBDError, match=name):
        read(tmp_path / name)
