"""The registry of links: the built-in ones by name, those of other packages by entry points of `taskwave.links`.

A factory is called as `factory(models, radio)` and returns an object that obeys `taskwave.links.base.Link`. Another
package adds links in its own `pyproject.toml`:

    [project.entry-points."taskwave.links"]
    my-link = "my_package.links:make_my_link"

Nothing is imported before a link is made, so that asking for names is quick.
"""

import difflib
import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from taskwave.links.base import Link
    from taskwave.phy.radio import Radio
    from taskwave.semantic.weights import Models

GROUP = "taskwave.links"


class _BuiltIn(NamedTuple):
    """Says where a built-in link lives, and which options make it this one of its family."""

    module: str
    factory: str
    options: dict[str, str | int]
    networks: tuple[str, ...] | None = None
    """Names of the networks in `Models.digests` that its results depend on; None: all."""


_TASK_NETWORK = ("segmentation",)


_BUILT_IN = {
    "task-adaptive": _BuiltIn("task_adaptive.link", "TaskAdaptiveLink", {"selection": "attention"}),
    "task-adaptive-uniform": _BuiltIn("task_adaptive.link", "TaskAdaptiveLink", {"selection": "uniform"}),
    "task-adaptive-random": _BuiltIn("task_adaptive.link", "TaskAdaptiveLink", {"selection": "random"}),
    "task-adaptive-2-rounds": _BuiltIn("task_adaptive.link", "TaskAdaptiveLink", {"rounds": 2}),
    "task-adaptive-8-steps": _BuiltIn("task_adaptive.link", "TaskAdaptiveLink", {"steps": 8}),
    "jpeg": _BuiltIn("bitwise.link", "BitwiseLink", {"codec": "jpeg"}, _TASK_NETWORK),
    "jpeg2000": _BuiltIn("bitwise.link", "BitwiseLink", {"codec": "jpeg2000"}, _TASK_NETWORK),
    "webp": _BuiltIn("bitwise.link", "BitwiseLink", {"codec": "webp"}, _TASK_NETWORK),
    "avif": _BuiltIn("bitwise.link", "BitwiseLink", {"codec": "avif"}, _TASK_NETWORK),
    **{
        f"{code}-{codec}": _BuiltIn("bounds", "IdealLink", {"codec": codec, "code": code}, _TASK_NETWORK)
        for codec in ("jpeg", "jpeg2000", "webp", "avif")
        for code in ("ideal", "outage", "finite")
    },
    **{
        f"{codec}-{adaptation}": _BuiltIn(
            "bitwise.link", "BitwiseLink", {"codec": codec, "link_adaptation": adaptation}, _TASK_NETWORK
        )
        for codec, adaptation in (
            ("avif", "harq"),
            ("avif", "cqi"),
            ("avif", "olla"),
            ("avif", "nr"),
            ("webp", "nr"),
            ("jpeg2000", "nr"),
        )
    },
    "label-map": _BuiltIn("answers.label_map", "LabelMapLink", {}, _TASK_NETWORK),
}


def names() -> tuple[str, ...]:
    """List every link that a scenario can name: the built-in ones first, then those of installed packages."""
    others = sorted(point.name for point in entry_points(group=GROUP))
    return (*_BUILT_IN, *(name for name in others if name not in _BUILT_IN))


def check(name: str) -> None:
    """Check that a link is called `name`.

    Raises:
        ValueError: there is none; the message has the names there are and the nearest one.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no link {name!r}{hint} Links: {', '.join(known)}")


def networks(name: str) -> tuple[str, ...] | None:
    """Return the names in `Models.digests` of the networks that results of a link depend on; None: all of them."""
    check(name)
    return _BUILT_IN[name].networks if name in _BUILT_IN else None


def origin(name: str) -> str:
    """Return the distribution and version a link comes from (`taskwave 0.1.0`), on which its results depend."""
    check(name)
    if name in _BUILT_IN:
        return f"taskwave {importlib.import_module('taskwave').__version__}"
    (point,) = entry_points(group=GROUP, name=name)
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def create(name: str, models: "Models", radio: "Radio") -> "Link":
    """Make the link called `name` on `models` and `radio`.

    Raises:
        ValueError: there is no link of that name, or several packages offer it.
    """
    check(name)
    if name in _BUILT_IN:
        built_in = _BUILT_IN[name]
        module = importlib.import_module(f"taskwave.links.{built_in.module}")
        return cast("Link", getattr(module, built_in.factory)(models, radio, **built_in.options))
    found = entry_points(group=GROUP, name=name)
    if len(found) > 1:
        packages = ", ".join(sorted(point.dist.name if point.dist else point.value for point in found))
        raise ValueError(f"link {name!r} is offered by several packages ({packages}): uninstall all but one")
    (point,) = found
    return cast("Link", point.load()(models, radio))
