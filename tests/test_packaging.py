"""What an installation contains: the wheel, the pinned versions, the licence."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("phy", "semantic", "links", "scenarios")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(".*", "runs", "tests", "docs", "build", "dist", "*.egg-info", "__pycache__")
    source = shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=skip)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_code_scenarios_weights_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        code = {f"taskwave/{package}/{p.relative_to(ROOT / package)}" for p in (ROOT / package).rglob("*.py")}
        assert code <= names
        data = [
            p
            for kind in ("toml", "json", "safetensors", "yml", "grc", "npz", "j2")
            for p in (ROOT / package).rglob(f"*.{kind}")
        ]
        assert {f"taskwave/{package}/{p.relative_to(ROOT / package)}" for p in data} <= names
    assert {"taskwave/__init__.py", "taskwave/py.typed", "taskwave/scenarios/library/quickstart.toml"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if not name.startswith("taskwave")], "nothing beside the package"


@pytest.mark.slow
def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = "import taskwave.scenarios.config.loading as l; print(l.__file__, *l.built_in())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site")) and "quickstart" in done.stdout


def test_constraints_pin_every_direct_dependency_and_nothing_local() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[0-9][0-9a-z.]*", line) for line in lines)
    pinned = {line.split("==")[0] for line in lines}
    direct = {re.split(r"[<>=;\[ ]", need)[0].lower() for need in requires("taskwave") or []}
    assert direct - {"taskwave"} <= pinned
    assert "torch==2.13.0" in lines and not any(name.startswith(("nvidia", "cuda")) for name in pinned)


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [need for needs in project["optional-dependencies"].values() for need in needs]
    declared = {re.split(r"[<>=;\[ ]", need)[0].lower() for need in (*project["dependencies"], *extras)}
    names = {
        "PIL": "pillow",
        "pillow_heif": "pillow-heif",
        "sionna": "sionna-no-rt",
        "tensorflow": "tensorflow-cpu",
        "tomli_w": "tomli-w",
        "zmq": "pyzmq",
    }
    with_gnuradio = {"gnuradio", "pmt", "PyQt5"}  # under its own interpreter, see phy/gnuradio
    imported = {
        match
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for match in re.findall(r"^ *(?:from|import) ([A-Za-z_]\w*)", path.read_text(), re.MULTILINE)
    }
    foreign = imported - set(sys.stdlib_module_names) - with_gnuradio - {"taskwave"}
    assert {names.get(name, name) for name in foreign} <= declared


def test_continuous_integration_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111 and "make test" in script.read_text()
