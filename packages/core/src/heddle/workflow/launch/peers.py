"""Peers: which mini-batches each of the processes that train together takes."""

from heddle.engines.launch import Launch


def batch_numbers(count: int, launch: Launch) -> list[tuple[int, bool]]:
    """Return which of `count` batches are this process's, one for each step, and whether they count.

    Where the last step has no batch left for it, it takes part with another's, which then counts for nothing.

    >>> batch_numbers(3, Launch(devices=2, rank=1, coordinator="host:1"))
    [(1, True), (2, False)]
    """
    numbers = range(launch.number, -(-count // launch.devices) * launch.devices, launch.devices)
    return [(min(number, count - 1), number < count) for number in numbers]
