"""What a command needs of GNU Radio, checked before networks and PyTorch are loaded."""

from collections.abc import Sequence
from pathlib import Path

from taskwave.phy.gnuradio.interpreter import check_installed, import_zmq
from taskwave.phy.gnuradio.launch import find_flowgraph, split_arguments
from taskwave.phy.gnuradio.recorder import new_files
from taskwave.phy.gnuradio.wire import check_listening
from taskwave.scenarios.config import loading

NO_FLOWGRAPH = "none"
"""Name of a flowgraph with which the engine waits for one that somebody else starts."""


def check_station(flowgraph: str, arguments: str, listen: str, record: Path | None) -> None:
    """Check what `taskwave radio` needs besides its scenario and images.

    Args:
        flowgraph: name of an example, path of a .grc or .py file, or `NO_FLOWGRAPH`.
        arguments: arguments of the flowgraph, as a shell takes them; radios that they name need modules.
        listen: ZeroMQ address at which flowgraphs join.
        record: path of the recording of what the receivers hear. None: it is not recorded.

    Raises:
        FlowgraphError: GNU Radio, ZeroMQ or a module for a radio is missing; the message has the remedy.
        FileNotFoundError: there is no such flowgraph.
        ValueError: the arguments or the address cannot be read, or there is such a recording already.
    """
    import_zmq()
    split_arguments(arguments)
    check_listening(listen)
    if record is not None:
        new_files(str(record))
    if flowgraph != NO_FLOWGRAPH:
        find_flowgraph(flowgraph)
        check_installed(arguments)


def check_flowgraph(name_or_file: str, overrides: Sequence[str]) -> None:
    """Check that GNU Radio is installed if a scenario goes through it.

    Args:
        name_or_file: scenario, as in `loading.load`, which also names what is wrong with it.
        overrides: overrides of the scenario, `KEY=VALUE` each.

    Raises:
        FlowgraphError: GNU Radio or ZeroMQ is missing; the message has the remedy.
        ScenarioError: there is no such scenario, or an override cannot be read.
    """
    tables = loading.read(loading.find(name_or_file))
    for text in overrides:
        tables = loading.override(tables, *loading.parse_override(text))
    radio = tables.get("radio")
    if isinstance(radio, dict) and radio.get("flowgraph") is not None:
        import_zmq()
        check_installed()
