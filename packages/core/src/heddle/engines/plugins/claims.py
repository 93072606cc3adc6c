"""Names that two distributions claim: both are refused until `plugins.prefer` says which."""

from collections.abc import Sequence

from heddle.engines.plugins.discover import canonical
from heddle.engines.plugins.plugin import Offer, Plugin
from heddle.errors import ConfigError, nearest

Claims = dict[tuple[str, ...], list[str]]
"""An offer's key -> the distributions that claim it."""


def settle(plugins: Sequence[Plugin], prefer: Sequence[str] = ()) -> tuple[Plugin, ...]:
    """Return the plugins with their final status; a name claimed twice goes to the preferred distribution or to none.

    Args:
        plugins: as `discover` returns them.
        prefer: distributions; the first of them that claims a name gets it.

    Raises:
        ConfigError: `prefer` names a distribution that brings no plugin.
    """
    known = {canonical(plugin.distribution): plugin.distribution for plugin in plugins}
    for name in prefer:
        if canonical(name) not in known:
            names = list(known.values())
            hint = nearest(name, names) or ";"
            raise ConfigError(
                f"plugins.prefer: {name!r} brings no plugin{hint} distributions: {', '.join(names)}"
            )
    order = [known[canonical(name)] for name in prefer]
    claims: Claims = {}
    for plugin in plugins:
        if plugin.status != "broken":
            for offer in plugin.offers:
                claims.setdefault(offer.key, []).append(plugin.distribution)
    return tuple(_settle(plugin, claims, order) for plugin in plugins)


def _settle(plugin: Plugin, claims: Claims, order: list[str]) -> Plugin:
    if plugin.status in ("refused", "broken"):
        return plugin
    offers = tuple(_decide(offer, claims[offer.key], order) for offer in plugin.offers)
    missing = [offer.plugin_kind for offer in offers if offer.status == "unavailable"]
    status = "ok"
    if any(offer.status == "duplicate" for offer in offers):
        status = "duplicate"
    elif missing and ("backend" in missing or len(missing) == len(offers)):
        status = "unavailable"
    return plugin._replace(status=status, reason=_reason(offers), offers=offers)


def _decide(offer: Offer, claimants: list[str], order: list[str]) -> Offer:
    """Return the offer as it stands among all who claim its name."""
    if len(claimants) == 1:
        return offer
    if len(set(claimants)) == 1:
        reason = f"claimed by {len(claimants)} entry points of {claimants[0]}; its author must name one differently"
        return offer._replace(status="duplicate", reason=reason)
    chosen = next((distribution for distribution in order if distribution in claimants), None)
    if chosen is None:
        choices = " or ".join(f"plugins.prefer={distribution}" for distribution in sorted(set(claimants)))
        reason = f"claimed by {' and '.join(sorted(set(claimants)))}; choose with {choices}"
        return offer._replace(status="duplicate", reason=reason)
    if chosen != offer.distribution:
        return offer._replace(status="yielded", reason=f"yielded to {chosen}, which plugins.prefer names")
    return offer


def _reason(offers: Sequence[Offer]) -> str:
    """Join the offers' reasons, those with the same one together."""
    labels: dict[str, list[str]] = {}
    for offer in offers:
        if offer.reason:
            labels.setdefault(offer.reason, []).append(offer.label)
    return "; ".join(f"{_several(names)}: {reason}" for reason, names in labels.items())


def _several(labels: list[str]) -> str:
    return ", ".join(labels) if len(labels) <= 3 else f"{', '.join(labels[:2])} and {len(labels) - 2} more"
