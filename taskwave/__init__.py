"""TaskWave: task-adaptive semantic communications over a realistic 5G-like physical layer.

import taskwave as tw

link = tw.load_link("task-adaptive", channel="cdl-c", num_rx_ant=2)
reply = link.send("street.jpg", "where are the cars?", es_n0_db=5, budget=1000)
run = tw.run("quickstart", es_n0_db=[0, 10])
"""

import importlib
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent

for _name in ("phy", "semantic", "links", "scenarios"):
    if not (_HERE / _name).is_dir():
        raise ImportError(
            f"taskwave/{_name} is not a folder: this checkout lost its symbolic links. "
            "Run `git config core.symlinks true && git checkout -- taskwave`, "
            "or install the wheel instead."
        )

__version__ = "0.1.0"
_ROOMS = {
    "ReadyLink": "transmission",
    "Reply": "reply",
    "Run": "runs",
    "load_link": "transmission",
    "read": "runs",
    "run": "runs",
}
"""Files of `taskwave.scenarios.front_door` that are imported when one of these names is first used."""
__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604  names all


def __getattr__(name: str) -> Any:
    """Import what the front door offers on first use: `import taskwave` must not wait for torch."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'taskwave' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"taskwave.scenarios.front_door.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
