"""Splits drawn from a seed: shares of the positions and stratified folds."""

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.data.formats.text_files import fail


def random_split(
    size: int, seed: int, shares: tuple[float, float] = (0.8, 0.1), classes: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return "train", "valid", "test" -> positions [n] int64 among `size` things, sorted; the test gets what is left.

    Args:
        shares: of training and validation.
        classes: [size] int; every class is divided in these shares (to within one each). None for no classes.
    """
    order = _dealt(size, classes, np.random.default_rng(seed))
    ends = [round(size * shares[0]), round(size * (shares[0] + shares[1]))]
    parts = np.split(order, ends)
    return {name: np.sort(part) for name, part in zip(SPLITS, parts)}


def shares_in_order(n_times: int, shares: tuple[float, float] = (0.7, 0.1)) -> dict[str, np.ndarray]:
    """Return "train", "valid", "test" -> positions [n] int64 among `n_times`, in order of time.

    Args:
        shares: of training and validation; the test gets what is left.
    """
    ends = [round(n_times * shares[0]), round(n_times * (shares[0] + shares[1]))]
    return dict(zip(SPLITS, np.split(np.arange(n_times), ends)))


def fold_split(classes: np.ndarray, folds: int, fold: int, seed: int) -> dict[str, np.ndarray]:
    """Return "train", "valid", "test" -> positions [n] int64 of one fold of stratified cross-validation.

    The fold tests, a tenth of the rest validates. The folds depend on the seed alone, so folds 0 to `folds - 1` test
    every position once. As in Errica et al. (2020), arXiv:1912.09893, section 4.

    Args:
        classes: [size] int, the class of each position.

    Raises:
        DataError: fewer than two folds, more than positions, or a fold out of range.
    """
    size = len(classes)
    if not 2 <= folds <= size:
        fail("data.folds", folds, f"2 to {size}, the number of graphs", "choose fewer folds")
    if not 0 <= fold < folds:
        fail("data.fold", fold, f"0 to {folds - 1}", "folds count from 0")
    order = np.random.default_rng(seed).permutation(size)
    order = order[np.argsort(classes[order], kind="stable")]
    number = np.empty(size, np.int64)
    number[order] = np.arange(size) % folds  # neighbours in a class go to different folds
    rest = np.flatnonzero(number != fold)
    inner = random_split(len(rest), seed + 1 + fold, (0.9, 0.1), classes[rest])
    return {
        "train": rest[inner["train"]],
        "valid": rest[inner["valid"]],
        "test": np.flatnonzero(number == fold),
    }


def _dealt(size: int, classes: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Return a random order; with classes, one whose every stretch holds them in their shares."""
    order = rng.permutation(size)
    if classes is None:
        return order
    order = order[np.argsort(classes[order], kind="stable")]
    _, counts = np.unique(classes, return_counts=True)
    rank = np.concatenate([(np.arange(count) + rng.random()) / count for count in counts])
    return order[np.argsort(rank, kind="stable")]
