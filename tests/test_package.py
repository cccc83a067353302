"""The package as users get it: quick to import, free of torch until a command needs it, and whole in its wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mawaqif

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("configs", "data", "eval", "inference", "models", "train")
HEAVY = {"torch", "transformers", "accelerate", "datasets", "seqeval", "scipy", "pandas", "pyarrow", "matplotlib"}
HEAVY |= {"fastapi", "httpx"}


def python(code: str, *arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output of a Python program run away from the checkout."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
COMMAND = f"""
from mawaqif.cli import app
app(sys.argv[1:], standalone_mode=False)
{LOADED}
"""


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (f"import mawaqif; mawaqif.Article, mawaqif.load; {LOADED}", []),
        (f"import sys; {COMMAND}", ["--help"]),
        (f"import sys; {COMMAND}", ["tag", "n1.txt", "-o", "out.jsonl", "-m"]),
    ],
    ids=["import", "help", "tag"],
)
def test_the_light_paths_load_nothing_heavy(
    code: str, arguments: list[str], tiny_onnx_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "n1.txt").write_text("رفض البرلمان الخطة.", encoding="utf-8")
    model = [tiny_onnx_model] if "tag" in arguments else []
    loaded = set(python(code, *arguments, *model, cwd=tmp_path).splitlines()[-1].split())
    assert "mawaqif" in loaded
    assert not loaded & HEAVY
    assert ("onnxruntime" in loaded) == bool(model)


def test_every_public_name_is_there() -> None:
    assert sorted(mawaqif.__all__) == mawaqif.__all__ == dir(mawaqif)
    for name in mawaqif.__all__:
        assert getattr(mawaqif, name) is not None
    with pytest.raises(AttributeError, match="module 'mawaqif' has no attribute 'nothing'"):
        mawaqif.nothing  # noqa: B018


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert version("mawaqif") == mawaqif.__version__


# --------------------------------------------------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as a wheel, built from a copy so that the checkout stays clean."""
    pytest.importorskip("build")
    work = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(".*", "runs", "build", "dist", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, work / "source", ignore=unwanted)
    python(
        "from build.__main__ import main; import sys; main(sys.argv[1:])",
        *("--wheel", "--no-isolation", "--outdir", work, work / "source"),
        cwd=work,
    )
    (found,) = work.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def site(wheel: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "site")
    return wheel.parent / "site"


def test_the_wheel_holds_everything(site: Path) -> None:
    inside = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert {name.partition("/")[0].partition("-")[0] for name in inside} == {"mawaqif"}
    sources = [(ROOT / "mawaqif", "mawaqif"), *((ROOT / room, f"mawaqif/{room}") for room in ROOMS)]
    expected = {f"{target}/{path.name}" for folder, target in sources for path in folder.glob("*.py")}
    expected |= {f"mawaqif/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    expected |= {f"mawaqif/models/default/{path.name}" for path in (ROOT / "models" / "default").glob("*")}
    expected |= {f"mawaqif/data/formats/{path.name}" for path in (ROOT / "data" / "formats").glob("*.py")}
    expected |= {f"mawaqif/inference/server/{path.name}" for path in (ROOT / "inference" / "server").glob("*.py")}
    expected |= {f"mawaqif/data/{name}" for name in ("GUIDELINES.md", "annotate.html", "corpus/train.jsonl")}
    expected |= {f"mawaqif/data/{path.name}" for path in (ROOT / "data").glob("*.j2")}
    server = ROOT / "inference" / "server"
    expected |= {f"mawaqif/inference/server/{path.relative_to(server)}" for path in server.rglob("*.*[!c]")}
    expected |= {"mawaqif/py.typed", "mawaqif/notebook.html.j2", "mawaqif/inference/page.html.j2"}
    expected |= {f"mawaqif/inference/graph/{path.name}" for path in (ROOT / "inference" / "graph").glob("*.*")}
    assert expected <= inside
    assert any(name.endswith("licenses/LICENSE") for name in inside)


IMPORT_ALL = """
import importlib, sys
from pathlib import Path

import mawaqif

site = Path(sys.argv[1])
assert Path(mawaqif.__file__).is_relative_to(site), mawaqif.__file__
names = sorted(".".join(path.relative_to(site).with_suffix("").parts) for path in site.glob("mawaqif/**/*.py"))
for name in names:
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert Path(module.__file__).is_relative_to(site), module.__file__
assert list(mawaqif.__path__) == [str(site / "mawaqif")], mawaqif.__path__
print(len(names))
"""


def test_every_module_of_the_wheel_imports(site: Path, tmp_path: Path) -> None:
    assert int(python(IMPORT_ALL, site, cwd=tmp_path, PYTHONPATH=str(site))) > 30


def test_the_wheel_runs(site: Path, tiny_onnx_model: Path, tmp_path: Path) -> None:
    (tmp_path / "n1.txt").write_text("رفض البرلمان الخطة.", encoding="utf-8")
    code = "import sys; from mawaqif.cli import main; main()"
    page = tmp_path / "page.html"
    python(code, "tag", "n1.txt", "-m", tiny_onnx_model, "-o", page, cwd=tmp_path, PYTHONPATH=str(site))
    assert "البرلمان" in page.read_text(encoding="utf-8")
