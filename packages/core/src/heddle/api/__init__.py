"""The front door's rooms: what `import heddle` offers as functions, and Run.

work.py        what the commands do, for `heddle.cli` and for the functions alike
arguments.py   Python values as overrides
composed.py    overrides and values as a configuration, as the command of that name composes it
commands.py    train, evaluate, predict ...: the functions
run.py         Run: a run folder, read when it is asked for
display.py     a run as text and as HTML
comparison.py  runs beside one another
"""
