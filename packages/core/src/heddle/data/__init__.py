"""Data: what a workflow trains on, and the readers and generators that make it.

dataset.py         Dataset, what every reader returns; check.py: its rules, checked there
task.py            Task: what is predicted, by which loss; task_options.py: the `task` node
splits.py          splits from a seed; drawn_splits.py: a dataset's own or drawn ones
spec.py            DataSpec: how mini-batches are drawn
features.py, edges.py, relations.py: what readers share
reader_options.py  the `data` node of each reader; options.py: handed to the function that reads
readers/           published data sets and people's own files
formats/           files of numbers, tables, archives, with errors that name the row
generators/        synthetic graphs from a seed, and synthetic files
fetch/             files from their public address, whole or not at all
etl/               tables to a prepared folder
prepared/          the prepared folder, memory-mapped
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
