"""The room is light to enter: what groups are factorised with is loaded by those who ask for groups."""

import subprocess
import sys


def test_importing_the_room_loads_neither_torch_nor_sklearn():
    program = (
        "import sys, agentscope.probes\n"
        "print([name for name in ('torch', 'sklearn', 'stable_baselines3', 'PIL') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
