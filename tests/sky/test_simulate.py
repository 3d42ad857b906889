"""A sky's folder: the same bytes each time, through kills and with any number of processes."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from galcat_core.errors import GalcatError
from galcat_core.provenance import Provenance, digest
from galcat_core.sections import Simulate
from galcat_core.sky.simulate import simulate
from galcat_core.tables import provenance_of

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from galcat_core.sections import Simulate
from galcat_core.sky.simulate import simulate
if __name__ == "__main__":
    simulate(sys.argv[1], Simulate(overlap=26, unlabelled=10), processes=int(sys.argv[2]))
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def start(tmp_path: Path, folder: Path, processes: int) -> subprocess.Popen:
    script = tmp_path / "make_sky.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(processes)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )


def test_holds_what_the_interface_promises(sky):
    names = set(contents(sky))
    assert {"sdss.csv.gz", "galaxy_zoo.csv.gz", "des.csv.gz", "truth.parquet"} <= names
    des = sorted(path.name for path in (sky / "tiles" / "des").iterdir())
    assert des == [
        f"{tile}_{band}.fits" for tile in ("DES0000+0001", "DES0000-4124") for band in "gir"
    ]
    sdss = [path.name for path in (sky / "tiles" / "sdss").iterdir()]
    assert len(sdss) == 8  # three frames, the last without its i band
    assert digest(sky) == (sky / "DIGEST").read_text().strip()
    assert not [name for name in names if ".partial" in name]


def test_processes_do_not_change_a_byte(sky, tmp_path):
    other = tmp_path / "other"
    assert start(tmp_path, other, processes=2).wait() == 0
    assert contents(other) == contents(sky)


def test_killed_run_leaves_no_worker_and_goes_on_where_it_stood(sky, tmp_path, small):
    folder = tmp_path / "killed"
    run = start(tmp_path, folder, processes=2)
    deadline = time.time() + 300
    while not list(folder.glob("tiles/*/*_i.fits")):
        assert time.time() < deadline and run.poll() is None
        time.sleep(0.02)
    workers = children(run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    while any(alive(worker) for worker in workers):
        assert time.time() < deadline
        time.sleep(0.05)
    # Names that begin with a dot are half-written ones, which the next run sweeps away.
    done = {p: p.stat().st_mtime_ns for p in folder.glob("tiles/*/[!.]*.fits")}
    assert len(workers) >= 2 and 0 < len(done) < 14 and not (folder / "DIGEST").exists()
    simulate(folder, small, processes=1)
    assert contents(folder) == contents(sky)
    whole = {path.name.rsplit("_", 1)[0] for path in done if path.name.endswith("_i.fits")}
    kept = [path for path in done if path.name.rsplit("_", 1)[0] in whole]
    assert kept and all(path.stat().st_mtime_ns == done[path] for path in kept)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_finished_sky_is_left_alone_and_a_lost_file_made_anew(sky, tmp_path, small):
    folder = tmp_path / "again"
    simulate(folder, small, processes=1)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    simulate(folder, small, processes=1)
    assert before == {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    (folder / "des.csv.gz").unlink()
    next(folder.glob("tiles/sdss/*_g.fits")).unlink()
    simulate(folder, small, processes=1)
    assert contents(folder) == contents(sky)


def test_compressed_tiles_hold_the_same_sky_the_same_bytes_each_time(sky, tmp_path, small):
    packed = tmp_path / "packed"
    settings = Simulate(**asdict(small) | {"compress": True})
    simulate(packed, settings, processes=1)
    once = contents(packed)
    frame = next(path for path in sorted(packed.glob("tiles/sdss/*_r.fits.fz")))
    frame.unlink()
    time.sleep(1.1)  # gzip and dithering seeds tell seconds
    simulate(packed, settings, processes=1)
    assert contents(packed) == once
    size = {f: sum(p.stat().st_size for p in f.rglob("tiles/*/*")) for f in (sky, packed)}
    assert size[packed] < size[sky] / 3
    for path in packed.glob("tiles/*/*.fits.fz"):
        survey = path.parent.name
        with fits.open(path) as a, fits.open(sky / "tiles" / survey / path.name[:-3]) as b:
            assert a[1].name == "SCI" and a[1].header["CRVAL1"] == b[0].header["CRVAL1"]
            noise = 1.4826 * np.nanmedian(np.abs(b[0].data - np.nanmedian(b[0].data)))
            assert np.array_equal(np.isnan(a[1].data), np.isnan(b[0].data))
            assert np.nanmax(np.abs(a[1].data - b[0].data)) < 0.2 * noise
            if survey == "des":
                assert np.array_equal(a["WGT"].data, b["WGT"].data)


def test_other_seed_other_sky_and_provenance_is_kept(sky, tmp_path):
    folder = tmp_path / "other"
    settings = Simulate(seed=2, overlap=10, unlabelled=0)
    made_by = Provenance("simulate", {}, asdict(settings))
    simulate(folder, settings, made_by, processes=1)
    for name in ("sdss.csv.gz", "galaxy_zoo.csv.gz", "des.csv.gz", "truth.parquet"):
        assert provenance_of(folder / name) == made_by
    assert {path.name for path in (folder / "tiles" / "des").iterdir()} == {
        f"DES0000+0001_{band}.fits" for band in "gri"
    }


def test_refuses_what_is_not_its_own(sky, tmp_path, small):
    with pytest.raises(GalcatError, match="other settings"):
        simulate(sky, Simulate(overlap=27, unlabelled=10))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GalcatError, match="not empty"):
        simulate(tmp_path, small)
    with pytest.raises(GalcatError, match="is a file"):
        simulate(tmp_path / "notes.txt", small)
    with (sky / "sky.json").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(GalcatError, match="another run"):
            simulate(sky, small)
