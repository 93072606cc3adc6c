"""What is shown while training runs."""

import io
import sys

from heddle.workflow import callbacks
from heddle.workflow.callbacks import EarlyStop, ProgressBar, ProgressLines, display
from heddle.workflow.progress import Progress
from heddle.workflow.settings import Settings

ROW = {"epoch": 1, "lr": 0.1, "train.loss": 0.5, "valid.accuracy": 0.75, "test.accuracy": 0.1}


def test_lines_come_first_last_and_now_and_then(monkeypatch):
    clock = iter([100.0, 101.0, 111.5, 112.0, 113.0])
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    lines = ProgressLines(5, seconds=10, stream=stream)
    for epoch in range(1, 6):
        lines.after_epoch(Progress(None, epoch, [ROW]))
    lines.close()
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/5", "3/5", "5/5"]
    assert stream.getvalue().startswith("epoch 1/5 train.loss 0.5000 valid.accuracy 0.7500\n")


def test_the_bar_shows_epoch_and_figures(capsys):
    bar = ProgressBar(4)
    bar.after_epoch(Progress(None, 4, [ROW]))
    bar.close()
    shown = capsys.readouterr().out
    assert "4/4" in shown and "valid.accuracy 0.7500" in shown


def test_the_bar_is_for_terminals_that_want_it(monkeypatch):
    assert isinstance(display(Settings()), ProgressLines)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert isinstance(display(Settings(progress=False)), ProgressLines)
    bar = display(Settings())
    bar.close()
    assert isinstance(bar, ProgressBar)


def test_early_stop_waits_for_a_first_evaluation_and_its_patience():
    stop = EarlyStop(2)
    for best_epoch, waited, stopped in ((0, 9, False), (3, 1, False), (3, 2, True)):
        progress = Progress(None, 5, [ROW], best_epoch=best_epoch, waited=waited)
        stop.after_epoch(progress)
        assert bool(progress.stop) == stopped
    assert progress.stop == "no better evaluation in 2 since epoch 3"
