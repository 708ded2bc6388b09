#!/usr/bin/env bash
# A CIF whose type symbols are in capitals (SI, CE) is read as sulphur and carbon.
#
# ASE 3.29.0 reads CIF files. The natural guess is that the symbols CE4+ and SI, as some programs
# write them, are cerium and silicon. They come back as C and S: of two letters in capitals the first
# alone is taken, without a word.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet ase==3.29.0 numpy==2.4.6 scipy==1.17.0
cd "$work"
cat > two.cif <<'CIF'
data_two
_cell_length_a 5.0
_cell_length_b 5.0
_cell_length_c 5.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
CE1 CE4+ 0 0 0
SI1 SI 0.5 0.5 0.5
CIF
venv/bin/python - <<'PY'
import sys
import warnings

from ase.io import read

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    symbols = list(read("two.cif").symbols)
print("guess: ['Ce', 'Si']; read:", symbols, "; warnings:", [str(w.message) for w in said])
sys.exit(symbols != ["C", "S"])
PY
