"""The files that install galcat say the same: pyproject.toml, environment.yml, the lock, binder/."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOR_BUILDING = {"cxx-compiler", "make", "pip", "uv"}


def _named(requirements: list[str]) -> dict[str, str]:
    """{"umap-learn": ">=0.5.9"}; conda writes some names with _ and in lower case."""
    split = (re.match(r"([A-Za-z0-9_.-]+)(?:\[.*\])?(.*)", r).groups() for r in requirements)
    return {name.lower().replace("_", "-"): limits.strip() for name, limits in split}


def _conda(path: Path) -> dict[str, str]:
    listed = yaml.safe_load(path.read_text())["dependencies"]
    plain = [item for item in listed if isinstance(item, str)]
    by_pip = next(item["pip"] for item in listed if isinstance(item, dict))
    return _named(plain + [item for item in by_pip if not item.startswith("-")])


def test_environment_has_the_packages_of_pyproject() -> None:
    extras = PROJECT["optional-dependencies"]
    named = [p for extra in ("cpu", "lab", "hub", "imagenet", "test") for p in extras[extra]]
    wanted = _named(PROJECT["dependencies"] + named)
    wanted["python"] = PROJECT["requires-python"]
    found = {k: v for k, v in _conda(ROOT / "environment.yml").items() if k not in FOR_BUILDING}
    assert found == wanted


def test_binder_uses_the_same_environment() -> None:
    assert (ROOT / "binder/environment.yml").read_text() == (ROOT / "environment.yml").read_text()


def test_lock_pins_every_direct_dependency_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.M))
    extras = PROJECT["optional-dependencies"]
    named = [p for extra in ("cpu", "jax", "lab", "hub", "imagenet", "test") for p in extras[extra]]
    direct = _named(PROJECT["dependencies"] + named)
    assert set(direct) <= pinned
    assert text.count("==") <= text.count("--hash=sha256:")


def test_horovod_is_built_with_the_locked_tensorflow() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]
    pin = next(r for r in tool["extra-build-dependencies"]["horovod"] if r.startswith("tensorflow"))
    assert f"\n{pin} " in (ROOT / "requirements.lock").read_text()


def test_jupyter_server_proxy_finds_how_the_pages_are_started() -> None:
    (named,) = PROJECT["entry-points"]["jupyter_serverproxy_servers"].items()
    module, _, function = named[1].partition(":")
    told = getattr(importlib.import_module(module), function)()
    assert named[0] == "galcat"
    assert told["command"][1:3] == ["-m", module]
    assert Path(told["launcher_entry"]["icon_path"]).is_file()


def test_voila_shows_the_pages_alike_wherever_they_are_served() -> None:
    from galcat_app.voila_server import EXTENSIONS, TEMPLATE, config_of

    kept = json.loads((ROOT / "app/galcat_app/share/config/voila.json").read_text())
    settings = {
        "project": ".",
        "host": "localhost",
        "port": 0,
        "token": "",
        "pages": ".",
        "base_url": "/",
        "preheat": True,
    }
    own = config_of({**settings, "socket": ""})["VoilaConfiguration"]
    assert kept["VoilaConfiguration"].items() <= own.items()
    assert (own["template"], own["extension_allowlist"]) == (TEMPLATE, EXTENSIONS)
