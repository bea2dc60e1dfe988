"""Links by name: what they are, what they may know, and links of other packages."""

from pathlib import Path
from types import ModuleType

import pytest

from taskwave.links import registry
from taskwave.links.bitwise import image_codecs, ladder
from taskwave.phy.radio import Radio
from taskwave.semantic.weights import Models


def test_every_link_says_what_it_is_and_what_it_knows() -> None:
    lines = {name: registry.about(name) for name in registry.names() if "toy" not in name}
    assert all(line and "\n" not in line for line in lines.values())
    assert len(set(lines.values())) == len(lines)
    silent = [name for name, line in lines.items() if "knows" not in line]
    assert silent == ["nothing"]
    told = [name for name, line in lines.items() if "the realised channel" in line]
    assert told == [name for name in lines if name.startswith("ideal-")]


def test_links_whose_transmitter_owns_the_task_networks_are_marked(toys: ModuleType) -> None:
    lines = {name: registry.about(name) for name in registry.names() if "toy" not in name}
    owners = [name for name, line in lines.items() if "owns the task networks" in line]
    assert owners == ["answer", "prompted-answer", "all-answers"]
    assert owners == [name for name in lines if registry.owns_task_networks(name)]
    assert all(lines[name].startswith("bound of another problem") for name in owners)
    assert registry.owns_task_networks("toy"), "nobody knows what links of other packages look at"


def test_links_whose_results_depend_on_all_judges_are_marked(toys: ModuleType) -> None:
    """A receiver that looks at its picture before all has arrived has its own task networks."""
    names = [name for name in registry.names() if "toy" not in name]
    owners = [name for name in names if registry.owns_task_networks(name)]
    depending = [name for name in names if registry.depends_on_judges(name)]
    rounds = [name for name in names if name.startswith("task-adaptive-rounds")]
    assert rounds and set(depending) == {*owners, *rounds}
    assert not any("owns the task networks" in registry.about(name) for name in rounds)
    assert registry.depends_on_judges("toy")


def test_only_links_that_own_the_task_networks_and_receivers_in_rounds_name_them() -> None:
    """No other file of the links reads the judges; whether one does all the same is seen in `test_contract`."""
    folder = Path(registry.__file__).parent
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}
    readers = {name for name, text in texts.items() if "models.judges" in text or "import task_networks" in text}
    assert {name for name in readers if not name.startswith("answers/")} == {"task_adaptive/rounds.py"}


def test_codecs_whose_extra_is_missing_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch, radio: Radio) -> None:
    monkeypatch.setattr(image_codecs, "find_spec", lambda package: None)
    for name in ("jpegxl", "hevc", "ideal-hevc", "prompted-hevc"):
        ladder.ladder_store.cache_clear()
        with pytest.raises(ValueError, match=r"needs an extra: pip install 'taskwave\[codecs\]'"):
            registry.create(name, Models.__new__(Models), radio)


def test_links_of_other_packages_are_told_by_their_docstring(toys: ModuleType) -> None:
    assert registry.about("toy") == str(toys.Toy.__doc__).splitlines()[0]
    assert registry.about("toy-twin").startswith("The same under another name")


def test_unknown_links_are_named() -> None:
    with pytest.raises(ValueError, match="there is no link 'avfi'; did you mean 'avif'"):
        registry.about("avfi")


def test_links_that_send_no_windows_depend_on_their_code_too() -> None:
    """In an outage the receiver answers from its prior, which the code of windows shows."""
    for name in ("answer", "prompted-answer", "all-answers", "nothing"):
        assert set(registry.networks(name) or ()) == {"windows"}
    for name in ("avif", "ideal-avif", "hevc-nr"):
        assert set(registry.networks(name) or ()) == {"windows", "surrogate"}
    assert set(registry.networks("prompted-avif") or ()) == {"windows", "surrogate", "locator", "text"}


def test_links_that_send_windows_weigh_nothing_by_the_surrogate() -> None:
    names = [name for name in registry.names() if name.startswith("task-adaptive")]
    variants = ("", "-analog", "-digital", "-rounds", "-uniform", "-oracle")
    assert {f"task-adaptive{each}" for each in variants} <= set(names)
    for name in names:
        networks = registry.networks(name)
        assert networks is not None and {"windows", "locator", "text"} <= set(networks) and "surrogate" not in networks
