"""Metrics: counts and times of a server, in Prometheus' text format."""

from bisect import bisect_left
from collections import Counter
from itertools import accumulate

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds of the histogram of request times, in seconds."""


class Times:
    """How long requests of one route took: a count for each stretch between bounds, and all seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Metrics:
    """What a server did so far; one thread counts."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.times: dict[str, Times] = {}
        self.rows: Counter[str] = Counter()
        self.batches = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request to `route` that was answered with the HTTP `status` after so many seconds."""
        self.requests[route, status] += 1
        times = self.times.setdefault(route, Times())
        times.total += seconds
        times.counts[bisect_left(BOUNDS, seconds)] += 1

    def text(self, gauges: dict[str, float]) -> str:
        """Return everything in Prometheus' text format; `gauges` with their values now."""
        lines = ["# TYPE heddle_requests_total counter"]
        lines += [
            f'heddle_requests_total{{route="{route}",status="{status}"}} {count}'
            for (route, status), count in sorted(self.requests.items())
        ]
        lines.append("# TYPE heddle_request_seconds histogram")
        for route, times in sorted(self.times.items()):
            counts = list(accumulate(times.counts))
            lines += [
                f'heddle_request_seconds_bucket{{route="{route}",le="{bound}"}} {count}'
                for bound, count in zip((*BOUNDS, "+Inf"), counts)
            ]
            lines.append(f'heddle_request_seconds_sum{{route="{route}"}} {times.total:.6f}')
            lines.append(f'heddle_request_seconds_count{{route="{route}"}} {counts[-1]}')
        lines.append("# TYPE heddle_rows_total counter")
        lines += [f'heddle_rows_total{{what="{what}"}} {count}' for what, count in sorted(self.rows.items())]
        lines += ["# TYPE heddle_batches_total counter", f"heddle_batches_total {self.batches}"]
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"
