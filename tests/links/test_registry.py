"""Links by name: what they are, what they may know, and links of other packages."""

from types import ModuleType

import pytest

from taskwave.links import registry


def test_every_link_says_what_it_is_and_what_it_knows() -> None:
    lines = {name: registry.about(name) for name in registry.names() if "toy" not in name}
    assert all(line and "\n" not in line for line in lines.values())
    assert len(set(lines.values())) == len(lines)
    silent = [name for name, line in lines.items() if "transmitter knows" not in line]
    assert silent == ["nothing"]
    told = [name for name, line in lines.items() if "the realised channel" in line]
    assert told == [name for name in lines if name.startswith("ideal-")]


def test_links_of_other_packages_are_told_by_their_docstring(toys: ModuleType) -> None:
    assert registry.about("toy") == str(toys.Toy.__doc__).splitlines()[0]
    assert registry.about("toy-twin").startswith("The same under another name")


def test_unknown_links_are_named() -> None:
    with pytest.raises(ValueError, match="there is no link 'avfi'; did you mean 'avif'"):
        registry.about("avfi")


def test_links_that_send_no_latents_depend_on_the_prior_too() -> None:
    """In an outage the receiver answers from its prior."""
    for name in ("avif", "ideal-avif", "label-map", "nothing"):
        networks = registry.networks(name)
        assert networks is not None and {"prior", "codec", "general", "segmentation", "index"} == set(networks)
    assert registry.networks("task-adaptive") is None
