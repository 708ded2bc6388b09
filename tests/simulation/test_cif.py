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


def salt(symmetry, **changes):
    """Rock salt, of which one atom of each kind is told: 8 in the cell."""
    text = CELL.format(**{"a": 5.6402, **changes}, group="F m -3 m")
    text = text.replace("_space_group_name_H-M_alt 'F m -3 m'\n", symmetry)
    return text + "Na1 Na 0 0 0 1\nCl1 Cl 0.5 0.5 0.5 1\n"


def listed(tag, operations, quote="'"):
    return f"loop_\n{tag}\n" + "".join(f"{quote}{one}{quote}\n" for one in operations)


FACES = "x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z"
MAGNETIC = (
    "_space_group_magn.number_BNS 225.116\n"
    + listed("_space_group_symop_magn_operation.xyz", ["x,y,z,+1", "-x,-y,-z,-1"])
    + listed("_space_group_symop_magn_centering.xyz", [f"{one},+1" for one in FACES])
)


@pytest.mark.parametrize(
    "symmetry",
    [
        "_symmetry_space_group_name_H-M 'F M 3 M'\n",
        "_symmetry_space_group_name_H-M Fm-3m\n",
        "_space_group.name_H-M_alt 'F m -3 m'\n",
        "_space_group_IT_number 225\n",
        "_space_group_IT_number 225\n_symmetry_equiv_pos_as_xyz ?\n",
        listed("_symmetry_equiv_pos_as_xyz", FACES),
        listed("_space_group_symop.operation_xyz", FACES, '"'),
        listed("_space_group_symop_operation_xyz", FACES, ""),
        listed(
            "_space_group_symop_operation_xyz",
            ["X, Y, Z", "X, 1/2+Y, 1/2+Z", "0.5+X, Y, .5+Z", "+x+1/2 , +y+1/2 , +z"],
        ),
        "_space_group_name_H-M_alt 'an odd name'\n" + listed("_symmetry_equiv_pos_as_xyz", FACES),
        MAGNETIC,
    ],
)
def test_symmetry_is_understood_in_every_spelling(cif, symmetry):
    """Operations without a name were refused, and those of magnetic groups gave 2 atoms of 8."""
    crystal = material(cif(salt(symmetry)))
    assert sorted(e for e, _ in crystal.basis) == 4 * ["Cl"] + 4 * ["Na"]
    assert crystal.is_cubic
    # 0.282 nm between neighbours, each with six
    sites = np.array([x for _, x in crystal.basis])
    apart = 5.6402 * np.linalg.norm((sites[:, None] - sites + 0.5) % 1 - 0.5, axis=2)
    assert np.sort(apart[0])[1:].min() == pytest.approx(2.8201)


@pytest.mark.parametrize(
    ("symmetry", "reason"),
    [
        ("_space_group_name_Hall '-F 4 2 3'\n", "Hall symbol -F 4 2 3 alone; add the operations"),
        ("_space_group_name_H-M_alt 'F m -3 m'\n_space_group_IT_number 221\n", "not number 221"),
        (listed("_symmetry_equiv_pos_as_xyz", ["x,y,z", "x,y"]), "'x,y' is no symmetry operation"),
        (listed("_symmetry_equiv_pos_as_xyz", ["x,y,z", "x,x,z"]), "'x,x,z' is no symmetry"),
        (listed("_symmetry_equiv_pos_as_xyz", ["x,y,w"]), "'x,y,w' is no symmetry operation"),
        (listed("_symmetry_equiv_pos_as_xyz", ["x,y,z+1/0"]), "is no symmetry operation"),
    ],
)
def test_symmetry_that_cannot_be_known_is_asked_for(cif, symmetry, reason):
    """A Hall symbol was passed over: 2 atoms of 8, without a word."""
    with pytest.raises(SBDError, match=reason):
        material(cif(salt(symmetry)))


GADOLINIUM = """Gd Gd -0.0163 0.0626 0.25 1
Fe Fe 0 0.5 0 1
O1 O 0.1009 0.4669 0.25 1
O2 O 0.6957 0.3013 0.0506 1
"""


@pytest.mark.parametrize(
    ("symmetry", "reason"),
    [
        ("_space_group_name_H-M_alt 'P b n m'\n_space_group_IT_number 62\n", "P b n m of number"),
        ("_space_group_IT_number 62\n", "O and O 0.58 Å apart"),
    ],
)
def test_a_setting_that_is_not_the_standard_one_needs_operations(cif, symmetry, reason):
    """GdFeO3 (Geller, J. Chem. Phys. 24 (1956) 1236) in Pbnm has 20 atoms; by the operations of
    Pnma, the standard setting of number 62, it had 28, without a word."""
    text = salt(symmetry, a=5.349).partition("Na1")[0]
    text = text.replace("b 5.349", "b 5.6089").replace("c 5.349", "c 7.6687")
    with pytest.raises(SBDError, match=reason):
        material(cif(text + GADOLINIUM))
    operations = [
        *("x,y,z", "1/2-x,1/2+y,1/2-z", "-x,-y,1/2+z", "1/2+x,1/2-y,-z"),
        *("-x,-y,-z", "1/2+x,1/2-y,1/2+z", "x,y,1/2-z", "1/2-x,1/2+y,z"),
    ]
    listing = listed("_space_group_symop_operation_xyz", operations)
    crystal = material(cif(text.replace("loop_", f"{listing}loop_", 1) + GADOLINIUM))
    assert len(crystal.basis) == 20


@pytest.mark.parametrize("name", ["R -3 c", "R -3 c :H", "R -3 c h", "R -3 c :R"])
def test_corundum_has_30_atoms_in_the_hexagonal_cell_and_10_in_the_other(cif, name):
    rhombohedral = name.endswith("R")
    sites = "Al Al 0 0 0.35216 1\nO O 0.30624 0 0.25 1\n"
    if rhombohedral:
        sites = "Al Al 0.35216 0.35216 0.35216 1\nO O 0.55624 0.94376 0.25 1\n"
    text = salt(f"_symmetry_space_group_name_H-M '{name}'\n", a=4.7589).partition("Na1")[0]
    text = text.replace("c 4.7589", "c 12.991").replace("gamma 90", "gamma 120")
    if rhombohedral:
        text = text.replace("4.7589", "5.128").replace("12.991", "5.128")
        text = text.replace("120", "55.28").replace(" 90", " 55.28")
    crystal = material(cif(text + sites))
    volume = abs(np.linalg.det(crystal.vectors))
    assert len(crystal.basis) == (10 if rhombohedral else 30)
    assert 101.96 / 6 * len(crystal.basis) / 5 * 1.66054 / volume * 6 == pytest.approx(
        3.99, abs=0.02
    )


@pytest.mark.parametrize(("name", "place"), [("1", 0), ("2", 0.125), ("S", 0), ("Z", 0.125)])
def test_names_tell_the_origin(cif, name, place):
    between = " :" if name.isdigit() else " "
    text = CELL.format(a=5.431, group=f"F d -3 m{between}{name}")
    assert len(material(cif(f"{text}Si1 Si {place} {place} {place} 1\n")).basis) == 8


def test_marks_of_windows_and_sites_of_disorder(cif, tmp_path):
    text = CERIA.replace("\n", "\r\n").encode()
    for mark in (b"", b"\xef\xbb\xbf"):
        path = tmp_path / "windows.cif"
        path.write_bytes(mark + text)
        assert len(material(path).basis) == 12
    moved = NICKEL.replace("F m -3 m", "P 1").replace("occupancy", "disorder_group")
    with pytest.raises(SBDError, match="disorder groups 1, 2"):
        material(cif(moved + "Ni1 Ni 0 0 0 1\nNi2 Ni 0.15 0 0 2\n"))


def test_a_cell_larger_than_the_field_is_no_image_of_nothing(cif):
    from napari_sbd.training import pool
    from napari_sbd.training.specialist import specialist

    text = NICKEL.replace("F m -3 m", "P 1").replace("3.524", "4000") + "Ni1 Ni 0 0 0 1\n"
    with pytest.raises(SBDError, match="holds no atom"):
        pool._check_structures(specialist(cif(text), 0.0065))
