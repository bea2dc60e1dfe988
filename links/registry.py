"""The registry of links: the built-in ones by name, those of other packages by entry points of `taskwave.links`.

A factory is called as `factory(models, radio)` and returns an object that obeys `taskwave.links.base.Link`. Another
package adds links in its own `pyproject.toml`:

    [project.entry-points."taskwave.links"]
    my-link = "my_package.links:make_my_link"

Nothing is imported before a link is made, so that asking for names is quick.
"""

import difflib
import importlib
import inspect
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from taskwave.links.base import Link
    from taskwave.phy.radio import Radio
    from taskwave.semantic.weights import Models

GROUP = "taskwave.links"


class _BuiltIn(NamedTuple):
    """Says where a built-in link lives, what it is, and which options make it this one of its family."""

    module: str
    factory: str
    options: dict[str, str | int]
    summary: str
    """What the link is."""
    knows: str = ""
    """What its transmitter knows beside the image; "" where it knows nothing."""
    networks: tuple[str, ...] | None = None
    """Names of the networks in `Models.digests` that its results depend on; None: all."""
    owns_task_networks: bool = False
    """Whether its transmitter has the task networks of the receivers (`Models.judges`)."""
    answers_within: bool = False
    """Whether its receiver uses its task networks (`Models.judges`) before all has arrived."""


_PRIOR = ("windows",)
"""Networks of links that send no windows: what the receiver expects of an image of which nothing arrives."""
_WEIGHING = (*_PRIOR, "surrogate")
"""Networks of image codecs."""
_PROMPTED = (*_WEIGHING, "locator", "text")
"""Networks of image codecs after a prompt."""
_ADAPTIVE = ("windows", "posterior", "locator", "text")
"""Networks of links that send windows."""
_WEIGHED = "mean SNR and surrogate, not the task"
_ASKED = "mean SNR, then task and channel quality as the prompt tells them"
_CODECS = {
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
    "webp": "WebP",
    "avif": "AVIF",
    "jpegxl": "JPEG XL",
    "hevc": "HEVC intra",
}
_CODES = {
    "ideal": ("a code at the capacity of each channel", "the realised channel and the surrogate, not the task"),
    "outage": ("an infinitely long code", _WEIGHED),
    "finite": ("a code as long as the message", _WEIGHED),
}
_ADAPTATIONS = {
    "none": ("in one transmission", _WEIGHED),
    "harq": ("in up to three HARQ transmissions", _WEIGHED),
    "cqi": ("after a channel quality report", f"{_WEIGHED}, and the report"),
    "olla": (
        "after a report, in two HARQ transmissions, MCS by the outer loop",
        "mean SNR, report and surrogate, not the task",
    ),
    "nr": ("after a report, in two HARQ transmissions", f"{_WEIGHED}, and the report"),
}


def _task_adaptive(summary: str, knows: str, **options: str | int) -> _BuiltIn:
    return _BuiltIn("task_adaptive.link", "TaskAdaptiveLink", options, summary, knows, _ADAPTIVE)


def _rounds(summary: str, **options: str | int) -> _BuiltIn:
    knows = f"{_ASKED}, and of which windows the receiver is unsure"
    return _BuiltIn("task_adaptive.rounds", "RoundsLink", options, summary, knows, _ADAPTIVE, answers_within=True)


def _image_codec(codec: str, adaptation: str = "none") -> _BuiltIn:
    how, knows = _ADAPTATIONS[adaptation]
    options: dict[str, str | int] = {"codec": codec, "link_adaptation": adaptation}
    summary = f"{_CODECS[codec]} over LDPC and QAM {how}"
    return _BuiltIn("bitwise.link", "BitwiseLink", options, summary, knows, _WEIGHING)


def _prompted(codec: str) -> _BuiltIn:
    summary = f"{_CODECS[codec]} twice: a coarse picture, then the regions that the receiver's prompt asks for"
    knows = "mean SNR and surrogate, then task as the prompt tells it"
    return _BuiltIn("rivals.prompted", "PromptedCodecLink", {"codec": codec}, summary, knows, _PROMPTED)


def _oracle(codec: str) -> _BuiltIn:
    summary = f"bound: {_CODECS[codec]} twice, after a prompt the regions where the annotations have the answer"
    knows = "mean SNR and surrogate, then the true place of the answer"
    return _BuiltIn("rivals.prompted", "OracleCodecLink", {"codec": codec}, summary, knows, _PROMPTED)


def _ideal(codec: str, code: str) -> _BuiltIn:
    what, knows = _CODES[code]
    options: dict[str, str | int] = {"codec": codec, "code": code}
    return _BuiltIn("bounds", "IdealLink", options, f"bound: {_CODECS[codec]} over {what}", knows, _WEIGHING)


def _answers(module: str, factory: str, summary: str, knows: str) -> _BuiltIn:
    return _BuiltIn(f"answers.{module}", factory, {}, summary, knows, _PRIOR, owns_task_networks=True)


_BUILT_IN = {
    "task-adaptive": _task_adaptive("general part, prompt, windows made for it", _ASKED),
    "task-adaptive-analog": _task_adaptive("task-adaptive with windows as symbols only", _ASKED, carriage="analog"),
    "task-adaptive-digital": _task_adaptive(
        "task-adaptive with windows as bits only, over LDPC and QAM", _ASKED, carriage="digital"
    ),
    "task-adaptive-rounds": _rounds("task-adaptive in rounds, until the receiver is sure"),
    "task-adaptive-rounds-4-samples": _rounds(
        "task-adaptive in rounds, until the receiver is sure of what 4 samples of the diffusion show", samples=4
    ),
    "task-adaptive-uniform": _task_adaptive("general part, then the whole image", "mean SNR, not the task", asks=False),
    **{
        f"task-adaptive-{count}-samples": _task_adaptive(
            f"task-adaptive, answers from {count} samples of the diffusion together", _ASKED, samples=count
        )
        for count in (4, 8)
    },
    "task-adaptive-1-sample": _task_adaptive(
        "task-adaptive, answers from a sample of the diffusion", _ASKED, samples=1
    ),
    "task-adaptive-4-samples-4-steps": _task_adaptive(
        "task-adaptive, answers from 4 samples of 4 steps each", _ASKED, samples=4, steps=4
    ),
    "task-adaptive-oracle": _BuiltIn(
        *(
            "task_adaptive.link",
            "OracleTaskAdaptiveLink",
            {},
            "bound: task-adaptive told the true places of the answer",
        ),
        f"{_ASKED}, and the true place of the answer",
        _ADAPTIVE,
    ),
    **{codec: _image_codec(codec) for codec in _CODECS},
    **{f"{code}-{codec}": _ideal(codec, code) for codec in _CODECS for code in _CODES},
    **{f"avif-{adaptation}": _image_codec("avif", adaptation) for adaptation in ("harq", "cqi", "olla", "nr")},
    **{f"{codec}-nr": _image_codec(codec, "nr") for codec in ("hevc", "webp", "jpeg2000")},
    **{f"prompted-{codec}": _prompted(codec) for codec in ("hevc", "avif", "webp")},
    **{f"prompted-{codec}-oracle": _oracle(codec) for codec in ("hevc", "avif")},
    "answer": _answers(
        *("link", "AnswerLink", "bound of another problem: the answer to the task, over LDPC and QAM"),
        "mean SNR and, beforehand, the task",
    ),
    "prompted-answer": _answers(
        *("prompted", "PromptedAnswerLink", "bound of another problem: the answer to what the receiver's prompt names"),
        "mean SNR, then the task as the prompt tells it",
    ),
    "all-answers": _answers(
        *("link", "AllAnswersLink", "bound of another problem: the answers to all questions, over LDPC and QAM"),
        "mean SNR, not the task",
    ),
    "nothing": _BuiltIn(
        *("nothing", "NothingLink", {}),
        "floor: nothing is sent, the receiver answers from its prior",
        "",
        _PRIOR,
    ),
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


def owns_task_networks(name: str) -> bool:
    """Return whether the transmitter of a link may have the task networks; those of links of other packages may."""
    check(name)
    return name not in _BUILT_IN or _BUILT_IN[name].owns_task_networks


def depends_on_judges(name: str) -> bool:
    """Return whether an end of a link may use the task networks: its results then depend on all judges.

    Links of other packages may.
    """
    check(name)
    return owns_task_networks(name) or _BUILT_IN[name].answers_within


def about(name: str) -> str:
    """Say in a line what a link is and what its transmitter may know.

    For links of other packages it is the first line of the factory's docstring (empty where there is none), or why they
    cannot be loaded.
    """
    check(name)
    if name in _BUILT_IN:
        link = _BUILT_IN[name]
        owns = "owns the task networks, " if link.owns_task_networks else ""
        return f"{link.summary}; transmitter {owns}knows {link.knows}" if link.knows else link.summary
    try:
        documented = inspect.getdoc(entry_points(group=GROUP)[name].load()) or ""
    except Exception as error:  # whatever the code of another package raises when it is imported
        return f"cannot be loaded from {origin(name)}: {type(error).__name__}: {error}".partition("\n")[0]
    return documented.partition("\n")[0].strip()


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
