"""Configuration: one frozen RunConfig, made once from what Hydra composes of core's groups and every plugin's.

run.py         RunConfig, and how it is made of a composed configuration
saved.py       the RunConfig of a trained run; upgrade.py: as earlier versions saved it
groups.py      which groups and options there are, without Hydra
compose.py     Hydra, shown the nodes that options dataclasses make and where plugins keep their files
overrides.py   the overrides of a command line
values.py      what is stated of a configuration's keys, and checks of all of its values
check.py       checks of overrides, before anything heavy is imported
asked.py       the RunConfig that is to be trained; torchrun.py: its rank among torchrun's processes
prefer.py      the distributions that are preferred, read before there is a configuration
command.py     all that is checked of the overrides of a command, or of the function of that name
isolated.py    Hydra for a function, without a trace in the Hydra of its caller
nodes.py       the configuration of a command that Hydra doesn't run
"""
