"""The `optim` node: which optimiser, its learning rate and schedule, and which parameters decay; for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from heddle.errors import ConfigError, nearest
from heddle.options import option

OPTIMISERS = ("adam", "adamw", "sgd")

SCHEDULES = ("constant", "step", "multistep", "cosine", "plateau")


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes over a run; `heddle.workflow.schedule` says what each one means."""

    name: str = option("constant", ", ".join(SCHEDULES), choices=SCHEDULES)
    every: int | None = option(None, "step: epochs between drops; null: 50", least=1)
    at: tuple[int, ...] = option((), "multistep: epochs after which it drops")
    factor: float | None = option(None, "of each drop; null: 0.1, plateau 0.5", least=0)
    least: float = option(0.0, "cosine and plateau: the lowest rate", least=0)
    patience: int | None = option(
        None, "plateau: evaluations without improvement before a drop; null: 10", least=0
    )


@dataclass(frozen=True)
class ParamGroup:
    """Parameters with settings of their own, one entry of `optim.groups`; null: as `optim` has it."""

    on: str | tuple[str, ...] = option((), "names of its parameters, as a pattern or several")
    name: str | None = option(None, "its optimiser: adam, adamw, or sgd", choices=OPTIMISERS)
    lr: float | None = option(None, "its first learning rate; the schedule scales it as optim.lr", least=0)
    weight_decay: float | None = option(
        None, "of all its parameters; null: of those in optim.weight_decay_on", least=0
    )
    betas: tuple[float, float] | None = option(None, "of adam and adamw", least=0, below=1)
    eps: float | None = option(None, "of adam and adamw", least=0)
    momentum: float | None = option(None, "of sgd", least=0)
    frozen: bool = option(False, "leave its parameters as they start")
    sparse: bool = option(False, "of tables of embeddings: change the rows that a step reads, and no others")


@dataclass(frozen=True)
class Optim:
    """An optimiser. In adam and sgd decay adds weight_decay times the parameter to its gradient (L2); in adamw it is
    decoupled and shrinks the weights themselves (Loshchilov & Hutter 2019)."""

    name: str = option("adam", "adam (Kingma & Ba 2015), adamw, or sgd", choices=OPTIMISERS)
    lr: float = option(0.01, "the first learning rate", least=0)
    weight_decay: float = option(0.0005, "L2 penalty; of adamw: what the weights shrink by", least=0)
    weight_decay_on: str | tuple[str, ...] = option(
        "*", "names of the parameters it applies to, as a pattern or several"
    )
    betas: tuple[float, float] = option((0.9, 0.999), "of adam and adamw", least=0, below=1)
    eps: float = option(1e-8, "of adam and adamw", least=0)
    momentum: float = option(0.0, "of sgd", least=0)
    clip_norm: float | None = option(
        None, "scale gradients whose norm over all parameters is larger down to this one", least=0
    )
    schedule: Schedule = Schedule()
    groups: Mapping[str, ParamGroup] = option(
        {}, "parameters with settings of their own: optim.groups.NAME.on, .lr, .weight_decay, .frozen ..."
    )


def check_optim(optim: Optim, names: Sequence[str]) -> set[str]:
    """Return which parameters of `names` decay, after checking that `optim` fits them; for one rule for all of them.

    Raises:
        ConfigError: an unknown optimiser, a glob of weight_decay_on that no name matches, or groups of parameters,
            which engines ask `heddle.engines.optim_groups.param_rules` for.
    """
    if optim.groups:
        raise ConfigError(
            f"optim.groups: found {', '.join(optim.groups)}, expected one optimiser for all parameters, since this "
            "engine has no groups; take them out, or choose another engine"
        )
    return decaying_names(optim, names)


def decaying_names(optim: Optim, names: Sequence[str]) -> set[str]:
    """Return which parameters of `names` weight_decay_on names. Raises ConfigError, as `check_optim`."""
    if optim.name not in OPTIMISERS:
        raise ConfigError(
            f"optim.name: found {optim.name!r}, expected one of {list(OPTIMISERS)}{nearest(optim.name, OPTIMISERS)}"
        )
    if not optim.weight_decay:
        return set()
    return matching_names("optim.weight_decay_on", optim.weight_decay_on, names)


def matching_names(key: str, globs: str | Sequence[str], names: Sequence[str]) -> set[str]:
    """Return the names that a pattern or several match.

    Args:
        key: the key that holds the patterns, for errors.

    Raises:
        ConfigError: a pattern that matches none.
    """
    matched: set[str] = set()
    for glob in [globs] if isinstance(globs, str) else globs:
        matching = {name for name in names if fnmatchcase(name, glob)}
        if not matching:
            raise ConfigError(
                f"{key}: found {glob!r}, which matches no parameter, expected a pattern of names "
                f"such as {next(iter(names), '')!r}{nearest(glob, list(names))}; set it to '*' for all"
            )
        matched |= matching
    return matched
