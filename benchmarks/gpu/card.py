"""What the GPU benchmarks share: a card or one line without one, times by events, graphs, the card's two ceilings."""

import sys
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import torch


class Ceilings(NamedTuple):
    """What the card was measured to reach: bytes a second of a copy, FLOP a second of a large product."""

    bandwidth: float
    rate: float


def require_card() -> None:
    """Exit with one line where there is no card or no library, else print both."""
    from heddle_kernels.cuda.library import native, unavailable

    if not torch.cuda.is_available():
        sys.exit("torch finds no CUDA device: nothing to measure here")
    if unavailable():
        sys.exit(f"{unavailable()}: nothing to measure here")
    name, targets = torch.cuda.get_device_name(), native().heddle_cuda_targets().decode()
    print(f"{name}, torch {torch.__version__}, built for {targets}")


def seconds(work: Callable[[], Any], repeats: int = 30) -> float:
    """Return the median time of `work` on the device, warmed up before."""
    for _ in range(5):
        work()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return median(times)


def captured(work: Callable[[], Any]) -> Callable[[], Any] | None:
    """Return the replay of `work` captured in a CUDA graph: what it takes of the device, without the host's part.

    None for work that waits for the device, or sends it something from the host, which no graph can hold.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            work()
    except RuntimeError:
        torch.cuda.synchronize()
        return None
    return graph.replay


def on_device(work: Callable[[], Any], repeats: int = 30) -> float:
    """Return the median time of `work` captured, nan where it can't be."""
    replay = captured(work)
    return seconds(replay, repeats) if replay else float("nan")


def ceilings(dtype: torch.dtype) -> Ceilings:
    """Measure a copy of 1 GiB and a product of 8192 x 8192 matrices in `dtype`, as torch is set."""
    source = torch.randn(2**28, device="cuda")
    to = torch.empty_like(source)
    bandwidth = 2 * 4 * source.numel() / seconds(lambda: to.copy_(source))
    a, b = (torch.randn(8192, 8192, device="cuda").to(dtype) for _ in range(2))
    return Ceilings(bandwidth, 2 * 8192**3 / seconds(lambda: a @ b))


def synchronisations(work: Callable[[], Any]) -> list[str]:
    """Return the calls by which `work` makes the host wait for the device, from a profiler's trace."""
    from torch.profiler import ProfilerActivity, profile

    work()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], acc_events=True) as trace:
        for _ in range(3):
            work()
    names = [event.name for event in trace.events()]
    # The profiler itself synchronises once, when it stops.
    waits = [
        n
        for n in names
        if "Synchronize" in n or n in ("cudaMemcpy", "aten::item", "aten::_local_scalar_dense")
    ]
    if "cudaDeviceSynchronize" in waits:
        waits.remove("cudaDeviceSynchronize")
    return waits
