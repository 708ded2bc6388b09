#!/usr/bin/env bash
# A CIF that names F d -3 m without its operations is read about the first origin.
#
# ASE 3.29.0. Groups such as F d -3 m (227) have two origins, and many tables of spinels give sites
# about the second, the centre of inversion: iron of magnetite at 1/8 and 1/2, oxygen at 0.2549. The
# natural guess is that such a file gives magnetite, whose nearest atoms are iron and oxygen, 1.89 Å
# apart. It gives as many atoms of each element, with oxygen atoms 0.12 Å apart, without a word;
# _symmetry_space_group_setting 2 gives magnetite.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet ase==3.29.0 numpy==2.4.6 scipy==1.17.0
cd "$work"
venv/bin/python - <<'PY'
import sys
import warnings
from pathlib import Path

import numpy as np
from ase.io import read

LINES = """data_magnetite
_cell_length_a 8.394
_cell_length_b 8.394
_cell_length_c 8.394
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F d -3 m'
_symmetry_Int_Tables_number 227
SETTINGloop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Fe1 Fe 0.125 0.125 0.125
Fe2 Fe 0.5 0.5 0.5
O1 O 0.2549 0.2549 0.2549
"""


def seen(setting):
    Path("magnetite.cif").write_text(LINES.replace("SETTING", setting))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        atoms = read("magnetite.cif")
    apart = atoms.get_all_distances(mic=True) + 99 * np.eye(len(atoms))
    i, j = np.unravel_index(np.argmin(apart), apart.shape)
    pair = "-".join(sorted((atoms.symbols[i], atoms.symbols[j])))
    return str(atoms.symbols), pair, round(float(apart.min()), 2), len(said)


as_it_is, told = seen(""), seen("_symmetry_space_group_setting 2\n")
print("formula, nearest pair, Å apart, warnings")
print("as it is      ", as_it_is)
print("with setting 2", told)
sys.exit(as_it_is[1:] != ("O-O", 0.12, 0) or told[1:3] != ("Fe-O", 1.89))
PY
