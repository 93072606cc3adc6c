"""What `heddle doctor` finds worth knowing of kernels."""

from heddle.cli.doctor_checks import notes
from heddle.engines.hookspecs import KernelInfo
from heddle.engines.plugins import Offer, Plugin, Registry


def registry(*offers: Offer) -> Registry:
    return Registry([Plugin("mine", "mine", "1.0", offers=offers)])


def test_it_says_that_no_kernels_can_be_used():
    assert any("no native kernels can be used" in note for note in notes(registry()))
    kernel = Offer("kernel", KernelInfo("spmm", "torch", "cpu", "m:f"), "mine")
    assert not any("kernels" in note for note in notes(registry(kernel)))
