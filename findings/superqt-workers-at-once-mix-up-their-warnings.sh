#!/usr/bin/env bash
# Two superqt workers that overlap get each other's warnings, and the program is left with the filters of one of them.
#
# A worker of superqt 0.9.0 (napari's thread_worker is built on it) has a signal "warned". The natural guess is that it
# brings what the worker's own function warned of. But the worker collects by warnings.catch_warnings, which exchanges
# filters and hook of the whole process: what the first of two workers warns of after the second began
# arrives at the second one's signal, and when the first ends before the second, the hook of before is put back under
# the second (its warnings arrive nowhere), and the second at its end puts back the first one's hook for good.
#
# Exit status 0: seen again; 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet superqt==0.9.0 PyQt6==6.11.0
cd "$work"
export QT_QPA_PLATFORM=offscreen
venv/bin/python - <<'PY'
import sys
import warnings
from threading import Event

from qtpy.QtCore import QCoreApplication, QTimer
from superqt.utils import create_worker

app = QCoreApplication([])
before = warnings.showwarning
both, first_over = Event(), Event()
got = {"first": [], "second": []}


def first():
    both.wait(10)
    warnings.warn("of the first")


def second():
    both.set()
    first_over.wait(10)
    warnings.warn("of the second")


def begin(work):
    worker = create_worker(work, _start_thread=False)
    worker.warned.connect(lambda w: got[work.__name__].append(str(w[0])))
    return worker


early, late = begin(first), begin(second)
early.finished.connect(first_over.set)
late.finished.connect(lambda: QTimer.singleShot(200, app.quit))
early.start()
QTimer.singleShot(300, late.start)
QTimer.singleShot(20_000, app.quit)
app.exec()
print("arrived:", got)
print("the hook of before is back:", warnings.showwarning is before)
right = got == {"first": ["of the first"], "second": ["of the second"]} and warnings.showwarning is before
sys.exit(right)
PY
