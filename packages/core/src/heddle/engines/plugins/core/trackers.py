"""The trackers that core brings."""

from heddle.engines.hookspecs import TrackerInfo

TRACKERS = [
    TrackerInfo("csv", "metrics.csv in the run folder", "heddle.workflow.trackers:CsvTracker"),
    TrackerInfo(
        "tensorboard",
        "TensorBoard event files, by tensorboardX",
        "heddle.workflow.trackers:TensorBoardTracker",
    ),
    TrackerInfo("none", "no tracking", "heddle.workflow.trackers:NoTracker"),
]
