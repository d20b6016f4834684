"""What the labs say about their programs (labs/N-name/lab.toml): which are meant to be killed, and which fork."""

from functools import cache
from pathlib import Path

from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root


@cache
def meant_to_die() -> dict[str, int]:
    """Returns the programs that milestones start so that they are killed, with the signal."""
    return {program: signal for lab in load_labs(find_root(Path(__file__))) for program, signal in lab.dies}


@cache
def that_fork() -> frozenset[str]:
    """Returns the programs of milestones about fork. They do little before they fork, and none of them calls spawn."""
    return frozenset(program for lab in load_labs(find_root(Path(__file__))) for program in lab.forks)
