# What type checkers see of the front door, which `__init__.py` imports on first use.
from taskwave.scenarios.front_door.reply import Reply as Reply
from taskwave.scenarios.front_door.runs import Run as Run
from taskwave.scenarios.front_door.runs import read as read
from taskwave.scenarios.front_door.runs import run as run
from taskwave.scenarios.front_door.transmission import ReadyLink as ReadyLink
from taskwave.scenarios.front_door.transmission import load_link as load_link

__version__: str
