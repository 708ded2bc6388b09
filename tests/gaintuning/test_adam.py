"""The optimiser of gains: what PyTorch's own does, without its compiler."""

import subprocess
import sys

import torch

from napari_sbd.gaintuning.adam import Adam

RATES = [0.03 * (1 - k / 40) for k in range(40)]
TUNE = """
import sys, torch
from napari_sbd.gaintuning.adam import Adam
p = torch.ones(3, requires_grad=True)
(p**2).sum().backward()
Adam([p]).step(0.1)
assert p.detach().max() < 1
assert "torch._dynamo" not in sys.modules
"""


def loss(parameters):
    return sum(((p - 1) ** 4).sum() for p in parameters)


def start():
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(n, generator=draw).requires_grad_() for n in ((50,), (7, 3))]


def test_it_steps_as_that_of_pytorch():
    with torch.enable_grad():
        ours, theirs = start(), start()
        mine, reference = Adam(ours), torch.optim.Adam(theirs)
        for rate in RATES:
            loss(ours).backward()
            mine.step(rate)
            reference.param_groups[0]["lr"] = rate
            reference.zero_grad()
            loss(theirs).backward()
            reference.step()
    torch.testing.assert_close(ours, theirs)
    assert loss(ours) < loss(start())


def test_it_loads_no_compiler():
    subprocess.run([sys.executable, "-c", TUNE], check=True)
