"""TaskWave: task-adaptive semantic communications over a realistic 5G-like physical layer."""

from pathlib import Path

_HERE = Path(__file__).parent

for _name in ("phy", "semantic", "links", "scenarios"):
    if not (_HERE / _name).is_dir():
        raise ImportError(
            f"taskwave/{_name} is not a folder: this checkout lost its symbolic links. "
            "Run `git config core.symlinks true && git checkout -- taskwave`, "
            "or install the wheel instead."
        )

__version__ = "0.1.0"
