"""The report of a run: one HTML file that needs no network and nothing installed.

page.py      the page: metrics, charts, facts
charts.py    the charts a task asks for
svg.py       lines, dots and bars as SVG
slots.py     colour, dash and shape of a series
matrix.py    a matrix of counts as SVG
scale.py     axes: from values to places, with round ticks
style.css    light and dark
"""

from heddle.workflow.report.page import ReportInputs, page

__all__ = ["ReportInputs", "page"]
