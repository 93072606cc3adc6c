"""The front door's rooms: what `import heddle` offers as functions, and Run.

work.py        what the commands do, for `heddle.cli` and for the functions alike
arguments.py   Python values as overrides
composed.py    overrides and values as a configuration, as the command of that name composes it
commands.py    train, evaluate, predict ...: the functions
again.py       a trained run evaluated, resumed, exported ...
run.py         Run: a run folder, read when it is asked for
sweep.py       a search for good settings: options.py, search.py, sweep_folder.py
bench.py       the speed of variants
plan.py        what each device would hold and send
data.py        a dataset read, tables prepared or generated
serve.py       a server of a trained run
display.py     a run as text and as HTML
comparison.py  runs beside one another
"""
