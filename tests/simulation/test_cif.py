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
        (NICKEL.replace("F m -3 m", "Q m") + "Ni1 Ni 0 0 0 1\n", "Q m"),
        (NICKEL.replace("b 3.524", "b 4.1") + "Ni1 Ni 0 0 0 1\n", "3.524 x 4.1 x 3.524 Å"),
        (NICKEL + "Ni1 Ni 0 0 0 1\nO1 O 0.02 0 0 1\n", r"Ni and O 0\.07 Å apart"),
        (2 * (NICKEL + "Ni1 Ni 0 0 0 1\n"), "holds 2 structures"),
        (NICKEL.replace("_atom_site_type_symbol\n", "") + "CA1 0 0 0 1\n", "CA1 may be C or Ca"),
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


def test_symbols_in_capitals_and_shares_left_out_are_understood(cif):
    """ASE alone makes sulphur of SI and carbon of CE."""
    crystal = material(cif(NICKEL + "CE1 CE4+ 0 0 0 ?\nSI1 SI 0.5 0 0 .\n"))
    assert sorted(e for e, _ in crystal.basis) == 4 * ["Ce"] + 4 * ["Si"]


def test_of_two_origins_that_one_is_taken_which_makes_a_crystal(cif):
    """Magnetite about its centre of inversion: 4 and 6 oxygen atoms around iron (Fleet, Acta
    Cryst. B 37 (1981) 917: 1.89 and 2.06 Å). About the other origin atoms lie on each other."""
    text = CELL.format(a=8.394, group="F d -3 m")
    sites = "Fe1 Fe 0.125 0.125 0.125 1\nFe2 Fe 0.5 0.5 0.5 1\nO1 O 0.2549 0.2549 0.2549 1\n"
    basis = material(cif(text + sites)).basis
    iron, oxygen = (np.array([x for e, x in basis if e == element]) for element in ("Fe", "O"))
    apart = (iron[:, None] - oxygen + 0.5) % 1 - 0.5
    near = [np.sort(d[d < 2.5]) for d in 8.394 * np.linalg.norm(apart, axis=2)]
    found = sorted((len(d), round(d[0], 2)) for d in near)
    assert found == 8 * [(4, 1.89)] + 16 * [(6, 2.06)]


@pytest.mark.parametrize("place", [0, 0.125])
def test_where_both_origins_make_a_crystal_it_is_asked_for(cif, place):
    """Silicon is 8 atoms a cell about one origin, and would be 16 about the other."""
    text = CELL.format(a=5.431, group="F d -3 m")
    with pytest.raises(SBDError, match="two origins"):
        material(cif(f"{text}Si1 Si {place} {place} {place} 1\n"))
    told = text.replace("loop_", "_symmetry_space_group_setting 2\nloop_")
    assert len(material(cif(told + "Si1 Si 0.125 0.125 0.125 1\n")).basis) == 8


def test_cells_that_are_not_cubes_have_their_symmetry(cif):
    text = NICKEL.replace("F m -3 m", "P 63/m m c").replace("gamma 90", "gamma 120")
    crystal = material(cif(text.replace("c 3.524", "c 5.9") + "Co1 Co 0.3333 0.6667 0.25 1\n"))
    assert len(crystal.basis) == 2


def test_a_cell_larger_than_the_field_is_no_image_of_nothing(cif):
    from napari_sbd.training import pool
    from napari_sbd.training.specialist import specialist

    text = NICKEL.replace("F m -3 m", "P 1").replace("3.524", "4000") + "Ni1 Ni 0 0 0 1\n"
    with pytest.raises(SBDError, match="holds no atom"):
        pool._check_structures(specialist(cif(text), 0.0065))
