"""Speeds of sensors in time, from HDF5 as pandas writes it, npz, windows in npz, or CSV."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heddle.data.formats.columns import numbers, read_table
from heddle.data.formats.text_files import fail, read_bytes
from heddle.extras import require

STEPS_A_DAY = 288


class Speeds(NamedTuple):
    """What a file of speeds holds.

    Attributes:
        path: the file.
        values: [steps, sensors] float32.
        clock: [steps] time of day in [0, 1); where the file has no times, steps of five minutes from midnight on.
        sensors: their ids; [] where the file has none.
    """

    path: Path
    values: np.ndarray
    clock: np.ndarray
    sensors: list[str]


def read_speeds(path: Path) -> Speeds:
    """Return the speeds of a .h5, .npz or .csv file, or of a folder with train.npz, val.npz and test.npz.

    Raises:
        DataError: the file is cut or holds something else; a value is negative or infinite.
        PluginError: a .h5 file, and h5py isn't installed.
    """
    if path.is_dir():
        speeds = _read_windows(path)
    elif path.suffix == ".h5":
        speeds = _read_hdf(path)
    elif path.suffix == ".npz":
        values = _array(_load(path), "data", path)
        values = values[..., 0] if values.ndim == 3 else values
        speeds = Speeds(path, values, _clock(len(values)), [])
    else:
        speeds = _read_csv(path)
    values = speeds.values.astype(np.float32)
    if values.ndim != 2 or not values.size:
        fail(path, f"values of shape {values.shape}", "[steps, sensors]")
    bad = np.isinf(values)
    if bad.any():
        step, sensor = np.argwhere(bad)[0]
        fail(f"{path}: step {step}, sensor {sensor}", values[step, sensor], "a finite number")
    return speeds._replace(values=np.nan_to_num(values))


def _read_csv(path: Path) -> Speeds:
    """Read a heading of sensor ids and a row for each step."""
    table = read_table(path)
    if not table.rows:
        fail(path, "no row after the heading", "one for each step")
    values = np.stack([numbers(table, name) for name in table.columns], axis=1)
    return Speeds(path, values, _clock(len(values)), list(table.columns))


def _read_hdf(path: Path) -> Speeds:
    """Read a DataFrame of one block, steps by sensors, as `DataFrame.to_hdf` writes it in PyTables' fixed format."""
    h5py = require("h5py", "traffic")
    expected = "a DataFrame of one block (axis0, axis1, block0_values)"
    try:
        with h5py.File(io.BytesIO(read_bytes(path)), "r") as file:
            group = file[next(iter(file))]
            values, times = np.asarray(group["block0_values"]), np.asarray(group["axis1"])
            sensors = [_text(name) for name in np.asarray(group["axis0"])]
    except (OSError, KeyError, StopIteration, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fail(path, f"a file that can't be read ({reason})", expected, "fetch the file again")
    if values.shape != (len(times), len(sensors)) or times.dtype.kind not in "iu":
        fail(path, f"values {values.shape}, {len(times)} times and {len(sensors)} sensors", expected)
    day = 86_400_000_000_000  # nanoseconds
    return Speeds(path, values, (times.astype(np.int64) % day) / day, sensors)


def _read_windows(folder: Path) -> Speeds:
    """Put the windows x, y [n, length, sensors, d] of three files together to the signal that they were cut from."""
    parts = [_load(folder / f"{name}.npz") for name in ("train", "val", "test")]
    x = np.concatenate([_array(part, "x", folder) for part in parts])
    y = _array(parts[-1], "y", folder)
    if x.ndim != 4 or y.ndim != 4:
        fail(folder, f"x with axes {x.shape}", "[windows, steps, sensors, features]")
    signal = np.concatenate([x[:, 0], x[-1, 1:], y[-1]])
    if len(x) > 1 and not np.array_equal(x[1:, 0], x[:-1, 1]):
        fail(folder, "windows with gaps", "windows one step apart, as DCRNN cuts them")
    clock = signal[:, 0, 1] if signal.shape[2] > 1 else _clock(len(signal))
    return Speeds(folder, signal[..., 0], clock, [])


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (
        Exception
    ) as error:  # zipfile, zlib, struct and numpy each have their own; the bytes are a stranger's
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fail(path, f"a file that can't be read ({reason})", "arrays in .npz", "fetch the file again")


def _array(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in arrays or arrays[name].dtype.kind not in "iuf":
        fail(path, f"the arrays {sorted(arrays)}", f"numbers called {name!r}")
    return arrays[name]


def _clock(n_times: int) -> np.ndarray:
    return np.arange(n_times) % STEPS_A_DAY / STEPS_A_DAY


def _text(name: Any) -> str:
    return name.decode("latin1") if isinstance(name, bytes) else str(name)
