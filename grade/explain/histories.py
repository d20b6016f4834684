"""The debugging histories from which the labs come, and which causes belong to them. docs/postmortems.md tells them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class History:
    """A history: from which lab on it can be understood, its heading in docs/postmortems.md, and which causes resemble it."""

    lab: int
    heading: str
    likenesses: tuple[tuple[str, tuple[str, ...]], ...]
    """What is alike, in words, and the causes of which that is true."""

    @property
    def causes(self) -> tuple[str, ...]:
        """All causes that resemble it."""
        return tuple(cause for _, causes in self.likenesses for cause in causes)

    def alike(self, cause: str) -> str:
        """Returns what a failure with this cause and the history have in common."""
        return next(words for words, causes in self.likenesses if cause in causes)


HISTORIES = (
    History(
        1,
        "The root without vectors",
        (("there, too, the root that was loaded lacked what every exception begins with, so that the first one never ended",
          ("vectors-not-mapped", "vectors-not-in-root", "recursive-vector", "kernel-half-differs")),),
    ),
    History(
        2,
        "The kernel in the half of the processes",
        (
            ("there, too, the kernel went by low addresses, and one after the other had to be found and moved before "
             "the low half could be taken from it",
             ("pc-still-low", "vectors-still-low", "descriptor-tables-still-low", "stack-still-low", "device-still-low",
              "identity-dropped-too-early")),
            ("there, too, what is the kernel's and what is the processes' were not kept apart in the tables",
             ("halves-share-a-table",)),
            ("there, too, the root register that the kernel itself depended on was written while it ran",
             ("kernel-root-changed",)),
            ("there, too, the TLB remembered what the tables did not say any more",
             ("stale-identity", "stale-user-translation")),
            ("there, too, processes were switched, and what had to be found next was not in the root that was loaded then",
             ("wrong-root-loaded", "root-not-recorded", "status-not-delivered")),
        ),
    ),
    History(
        3,
        "The stack that was nowhere",
        (("there, too, the root of the new process did not have the stack on which the kernel was about to go on",
          ("kernel-stack-not-in-root", "kernel-stack-not-as-in-master", "trap-stack-not-set")),),
    ),
    History(
        4,
        "The window in the wrong root",
        (("there, too, a temporary mapping was made in tables to which the root in use does not lead",
          ("temp-window-not-in-root", "temp-window-per-root")),),
    ),
    History(
        5,
        "The list without the program",
        (("there, too, pages were mapped of which the list of areas knew nothing, and whoever went by the list was lost",
          ("page-without-vma", "vma-missing", "fork-areas-differ")),
         ("there, too, a child's first registers were read from beside the place where they had been put, and until that was "
          "mended nothing that happened to a child said anything about its memory",
          ("child-frame-misplaced",))),
    ),
)  # fmt: skip


def history_of(cause: str, lab: int) -> History | None:
    """Returns the history that a failure with this cause resembles, if a tree of this lab has it, else None."""
    return next((history for history in HISTORIES if cause in history.causes and history.lab <= lab), None)


def link_to(history: History) -> str:
    """Returns where the history is told."""
    return f"docs/postmortems.md#{history.heading.lower().replace(' ', '-')}"
