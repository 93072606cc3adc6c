"""param_rules: which optimiser updates which parameters, after `optim.groups`; for every engine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from heddle.engines.optim import OPTIMISERS, Optim, ParamGroup, decaying_names, matching_names
from heddle.errors import ConfigError, nearest

if TYPE_CHECKING:  # numpy is not imported to report a wrong argument
    from heddle.nn.params import ParamSpec

OWN = ("name", "lr", "weight_decay", "betas", "eps", "momentum")
"""Settings that a group has of its own, or else from `optim`."""


class ParamRule(NamedTuple):
    """Parameters that are updated alike.

    Attributes:
        group: name of their group, "" for those of none.
        names: theirs, in the model's order.
        optim: their settings, without groups.
        decaying: those of `names` that decay.
        frozen: whether they stay as they start.
        sparse: whether a step changes the rows that it reads, and no others.
    """

    group: str
    names: tuple[str, ...]
    optim: Optim
    decaying: frozenset[str]
    frozen: bool = False
    sparse: bool = False


def param_rules(optim: Optim, names: Sequence[str], tables: Collection[str] = ()) -> list[ParamRule]:
    """Return the rules of all parameters: of those of no group first, then group by group; each parameter has one.

    Args:
        names: all parameters.
        tables: those of them that a model reads row by row, whose gradients may be sparse.

    Raises:
        ConfigError: an unknown optimiser, a pattern that matches no name, a parameter in two groups, a sparse group of
            something else than tables, or no parameter that is trained.

    >>> optim = Optim(lr=0.1, weight_decay=0.0, groups={"last": ParamGroup(on="1.*", lr=0.01)})
    >>> [(rule.group, rule.names, rule.optim.lr) for rule in param_rules(optim, ["0.weight", "1.weight"])]
    [('', ('0.weight',), 0.1), ('last', ('1.weight',), 0.01)]
    """
    check_groups(optim)
    decaying, whole = decaying_names(optim, names), replace(optim, groups={})
    owner: dict[str, str] = {}
    for name, group in optim.groups.items():
        for param in sorted(matching_names(f"optim.groups.{name}.on", group.on, names)):
            if param in owner:
                raise ConfigError(
                    f"optim.groups: found parameter {param!r} in {owner[param]!r} and in {name!r}, expected it in one "
                    "group; narrow the patterns"
                )
            if group.sparse and param not in tables:
                raise ConfigError(
                    f"optim.groups.{name}.sparse: found parameter {param!r}, which isn't read row by row, expected "
                    f"tables of embeddings{nearest(param, list(tables))}; "
                    f"{'this model has ' + ', '.join(tables) if tables else 'this model has none'}"
                )
            owner[param] = name
    rest = tuple(param for param in names if param not in owner)
    rules = [ParamRule("", rest, whole, frozenset(decaying & {*rest}))] if rest else []
    for name, group in optim.groups.items():
        members = tuple(param for param in names if owner.get(param) == name)
        settings = group_settings(optim, group)
        decays = members if group.weight_decay else [param for param in members if param in decaying]
        rule = ParamRule(name, members, settings, frozenset(decays), group.frozen, group.sparse)
        if rule.sparse and rule.decaying and settings.weight_decay:
            raise _unread(name, settings, "weight_decay")
        rules.append(rule if settings.weight_decay else rule._replace(decaying=frozenset()))
    if optim.groups and all(rule.frozen for rule in rules):
        raise ConfigError(
            "optim.groups: found every parameter frozen, expected at least one that is trained; narrow a pattern"
        )
    return rules


def group_settings(optim: Optim, group: ParamGroup) -> Optim:
    """Return `optim` with a group's own settings in place of its own, without groups."""
    settings = {key: getattr(group, key) for key in OWN if getattr(group, key) is not None}
    return replace(optim, groups={}, **settings)


def sparse_groups(optim: Optim) -> list[str]:
    """Return the names of the groups whose tables have sparse gradients."""
    return [name for name, group in optim.groups.items() if group.sparse]


def sparse_names(optim: Optim, specs: Mapping[str, "ParamSpec"]) -> frozenset[str]:
    """Return the names of the parameters whose gradients are sparse. Raises ConfigError, as `param_rules`."""
    rules = param_rules(optim, list(specs), table_names(specs))
    return frozenset(name for rule in rules if rule.sparse for name in rule.names)


def table_names(specs: Mapping[str, "ParamSpec"]) -> list[str]:
    """Return the names of the parameters that a model reads row by row."""
    return [name for name, spec in specs.items() if spec.rows]


def rate(optim: Optim, rule: ParamRule) -> float:
    """Return how many times `optim.lr` a rule's learning rate is, which no schedule changes."""
    return rule.optim.lr / optim.lr if rule.optim.lr != optim.lr else 1.0


def check_groups(optim: Optim) -> None:
    """Check the settings of groups, as far as they don't need the parameters' names.

    Raises:
        ConfigError: a group without patterns, settings that contradict each other, a sparse group whose optimiser
            would change rows that aren't read.
    """
    for name, group in optim.groups.items():
        key = f"optim.groups.{name}"
        if not group.on:
            raise ConfigError(
                f"{key}.on: found nothing, expected a pattern of parameters' names; as in {key}.on='codes.*'"
            )
        given = [setting for setting in (*OWN, "sparse") if getattr(group, setting) not in (None, False)]
        if group.frozen and given:
            raise ConfigError(
                f"{key}.{given[0]}: found {getattr(group, given[0])!r} beside {key}.frozen=true, expected one of the "
                "two, since nothing changes frozen parameters; take one out"
            )
        if group.lr is not None and group.lr != optim.lr and not optim.lr:
            raise ConfigError(
                f"{key}.lr: found {group.lr} beside optim.lr=0, expected a rate that the schedule can scale both by; "
                "set optim.lr, and freeze the other parameters by a group with frozen=true"
            )
        if group.name is not None and group.name not in OPTIMISERS:
            raise ConfigError(
                f"{key}.name: found {group.name!r}, expected one of {list(OPTIMISERS)}{nearest(group.name, OPTIMISERS)}"
            )
        if group.sparse:
            settings = group_settings(optim, group)
            if settings.name == "sgd" and settings.momentum:
                raise _unread(name, settings, "momentum")
            if optim.clip_norm:
                raise ConfigError(
                    f"{key}.sparse: found optim.clip_norm={optim.clip_norm}, whose norm is over all gradients, "
                    "expected no sparse ones beside it; set optim.clip_norm=null, or take out sparse"
                )


def _unread(group: str, settings: Optim, setting: str) -> ConfigError:
    """Return the error about a setting that changes rows of a sparse table which no step reads."""
    key = f"optim.groups.{group}"
    return ConfigError(
        f"{key}.sparse: found {settings.name} with {setting}={getattr(settings, setting)}, which changes rows that no "
        f"step reads, expected adam without weight_decay, or sgd without momentum; set {key}.{setting}=0"
    )
