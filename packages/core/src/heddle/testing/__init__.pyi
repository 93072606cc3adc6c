"""The public names of the kit, each with the module that it is loaded from on first use."""

from .reference_backend import ReferenceBackend as ReferenceBackend
from .suites.backend import BackendSuite as BackendSuite
from .suites.containers import ContainersSuite as ContainersSuite
from .suites.inputs import InputsSuite as InputsSuite
from .suites.layer_laws import LayerLaws as LayerLaws
from .suites.layers import LayersSuite as LayersSuite
from .suites.layers import LayerValues as LayerValues
from .suites.ops import OpsSuite as OpsSuite
from .suites.products import ProductsSuite as ProductsSuite
from .suites.program import ProgramSuite as ProgramSuite
from .suites.sampler import SamplerSuite as SamplerSuite
from .suites.sampler_statistics import SamplerStatistics as SamplerStatistics
from .suites.suite import Suite as Suite
