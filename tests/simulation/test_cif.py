import numpy as np
import pytest

from napari_sbd import SBDError
from napari_sbd.simulation import structures
from napari_sbd.simulation.materials import MATERIALS, block, material

pytest.importorskip("ase")

CELL = """data_test
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt '{group}'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
CERIA = CELL.format(a=5.411, group="F m -3 m") + "Ce1 Ce 0 0 0 1\nO1 O 0.25 0.25 0.25 1\n"
NICKEL = CELL.format(a=3.524, group="F m -3 m")


@pytest.fixture
def cif(tmp_path):
    def write(text):
        path = tmp_path / "my.cif"
        path.write_text(text)
        return path

    return write


def test_a_cif_gives_the_same_crystal_as_the_table(cif):
    path = cif(CERIA)
    ours, theirs = MATERIALS["CeO2"], material(path)
    assert theirs.is_cubic
    assert sorted(e for e, _ in theirs.basis) == sorted(e for e, _ in ours.basis)
    blocks = [block(what, (1, -1, 0), (1, 1, 1), (10, 10, 10)) for what in ("CeO2", str(path))]
    cerium = [b.positions[b.elements == "Ce"] for b in blocks]
    np.testing.assert_allclose(*(p[np.lexsort(p.T.round(3))] for p in cerium), atol=1e-6)


def test_a_cif_can_be_drawn_and_recognised_as_fcc(cif):
    path = cif(NICKEL + "Ni1 Ni 0 0 0 1\n")
    assert material(str(path)).is_fcc
    for kind in ("free_particle", "stacking_fault", "crystal_edge"):
        atoms = structures.draw(kind, np.random.default_rng(0), 50.0, str(path))
        assert set(atoms.elements) - {"C"} == {"Ni"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (NICKEL + "Ni1 Ni 0 0 0 0.5\n", r"partly occupied \(Ni 0\.5\)"),
        (NICKEL + "Ni1 Ni 0 0 0 0.5\nPt1 Pt 0 0 0 0.5\n", "partly occupied"),
        (NICKEL, "atom sites"),
        (NICKEL.partition("loop_")[0], "atom sites"),
        (NICKEL + "Xx1 Xx 0 0 0 1\n", "'Xx' is not known"),
        ("hello, this is no crystal", "atom sites"),
        ("", "atom sites"),
        ("\x00\xff\x07", "atom sites"),
        (NICKEL.replace("3.524", "large") + "Ni1 Ni 0 0 0 1\n", "large"),
        ("data_x\n" + "loop_" + NICKEL.partition("loop_")[2] + "Ni1 Ni 0 0 0 1\n", "volume"),
    ],
)
def test_useless_files_are_refused_in_one_sentence(cif, text, reason):
    with pytest.raises(SBDError, match=reason) as caught:
        material(cif(text))
    assert "\n" not in str(caught.value)
    assert "my.cif" in str(caught.value)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(SBDError, match=r"gone\.cif does not exist"):
        material(tmp_path / "gone.cif")
