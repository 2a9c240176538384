from __future__ import annotations

import subprocess
import sys


def test_the_room_imports_neither_sktime_nor_torch_until_it_is_asked() -> None:
    code = "import sys, tsrep.estimators; sys.exit('sktime' in sys.modules or 'torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
