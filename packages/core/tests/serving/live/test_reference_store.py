"""The reference of live graphs against graphs made anew, by core's suite."""

from heddle.serving.live.reference import ReferenceStore
from heddle.testing.suites.live import LiveSuite


class TestReferenceStore(LiveSuite):
    make = ReferenceStore
