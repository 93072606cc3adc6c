"""Stream: random numbers that depend on what they are for, never on who draws them or when.

Any word of 64 bits names a stream. `mix` is the finaliser of splitmix64 and a stream is its sequence, so the j-th
number of any stream can be had without those before it, and threads need not agree on an order.

Source: Steele, Lea, Flood, Fast splittable pseudorandom number generators (2014); Lemire, Fast random integer
generation in an interval (2019).
"""

from typing import Any

import numpy as np

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    """Scramble 64 bits so that each depends on all."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def branch(key: int, *numbers: int) -> int:
    """Return the stream that `numbers` name below the stream `key`.

    >>> branch(7, 1, 2) == branch(branch(7, 1), 2)
    True
    """
    for word in numbers:
        key = mix((key + GAMMA * (word + 1)) & MASK)
    return key


def branches(key: int | np.ndarray, *numbers: Any) -> np.ndarray:
    """Return `branch` for many: numbers are integers, or arrays [n] of them, of which the last 64 bits count.

    >>> branches(7, [1, 3], 2).tolist() == [branch(7, 1, 2), branch(7, 3, 2)]
    True
    """
    keys: np.ndarray = np.atleast_1d(np.asarray(key, np.uint64))
    for word in numbers:
        array = np.asarray(word & MASK, np.uint64) if isinstance(word, int) else np.asarray(word)
        z = keys + np.uint64(GAMMA) * (np.atleast_1d(array).astype(np.uint64) + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        keys = z ^ (z >> np.uint64(31))
    return keys


def units(numbers: np.ndarray) -> np.ndarray:
    """Return floats in [0, 1) from integers, 53 bits of each: [n] uint64 -> [n] float64."""
    return (numbers >> np.uint64(11)) * 2.0**-53


def sample_key(seed: int, epoch: int = 0, batch: int = 0) -> int:
    """Return the key of one batch: any three integers, the last 64 bits of which count."""
    return branch(seed & MASK, epoch & MASK, batch & MASK)


class Stream:
    """The numbers of one stream, in order."""

    def __init__(self, key: int):
        self.state = key

    def word(self) -> int:
        """Return 64 random bits."""
        self.state = (self.state + GAMMA) & MASK
        return mix(self.state)

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound), each exactly as likely as any other."""
        product = self.word() * bound
        if product & MASK < bound:
            threshold = 2**64 % bound
            while product & MASK < threshold:
                product = self.word() * bound
        return product >> 64

    def unit(self) -> float:
        """Return a float of at least 0 and below 1, a multiple of 2**-53."""
        return (self.word() >> 11) * 2.0**-53

    def exponential(self, rate: float) -> float:
        """Return a wait whose mean is 1 / rate, rate > 0."""
        from math import log

        return -log(((self.word() >> 11) + 0.5) * 2.0**-53) / rate
