"""Which submissions are more alike than is usual in their class: a hint to a person, and never points.

What was handed out does not count, nor what the reference code has, nor what many of the class have. Of the rest, a pair is
listed if one of the two has far more in common with the other than students of this class have otherwise.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from grade.classroom.own_code import OwnCode, own_code, too_much
from grade.classroom.sim_runs import Run, runs_among
from grade.visible import visible

HINT = (
    "A hint to a person, and no proof: read both sides, and ask. Students may have worked together where that was allowed, "
    "had the same help, or followed the same hints. No points depend on it."
)
_FEWEST_TOKENS = 60
"""Less than this in common can be chance."""
_LEAST_SHARE = 0.4
_FAR = 5.0
"""How many median deviations above the median a share must be."""
_MANY = 0.2
"""A statement that more than this part of the class has is usual, and does not count..."""
_FEWEST_MANY = 5
"""...if it is more than this many students."""
_LARGE_CLASS, _SMALL_CLASS = 12, 5
_SHARE_OF_FEW = 0.6
"""What must be common to two students of a class that is too small to say what is usual."""


@dataclass(frozen=True)
class Side:
    """Lines of one student's file."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Excerpt:
    """Lines that two students have in common apart from names, comments and layout. `tokens` says how long that is."""

    first: Side
    second: Side
    tokens: int


@dataclass(frozen=True)
class Pair:
    """Two students. `share`: how much of what counts of one of them the other has, 0 to 1; the larger of both ways."""

    first: str
    second: str
    share: float
    excerpts: tuple[Excerpt, ...]


@dataclass
class Similarity:
    """The pairs, the most alike first, and what a person should know about them."""

    pairs: list[Pair] = field(default_factory=list)
    compared: int = 0
    usual: float = 0.0
    """Shares up to this one are usual in this class: no such pair is listed."""
    not_compared: list[tuple[str, str]] = field(default_factory=list)
    """Students who are left out, and why."""


def similar_pairs(
    files: Mapping[str, Mapping[str, str]], starter: Mapping[str, str], reference: Mapping[str, str] | None = None
) -> Similarity:
    """Returns the pairs of students whose code is far more alike than is usual in their class.

    `files`: the text of owned files by path, for each student by name. `starter`: these files as they were handed out.
    `reference`: the same files with the reference code. Raises LadderError if they cannot be compared.
    """
    similarity, names, codes = Similarity(), list[str](), list[OwnCode]()
    for name in sorted(files):
        if too_much(files[name]):
            similarity.not_compared.append((name, "has far more text in these files than the lab asks for"))
        else:
            names.append(name)
            codes.append(own_code(files[name], starter))
    similarity.compared = len(names)
    if len(names) < 2:
        return similarity
    codes = _what_counts(codes, [own_code(starter, {}), own_code(reference or {}, starter)])
    runs = [_whole(codes, run) for run in runs_among(["\n".join(code.statements) for code in codes])]
    by_pair: dict[tuple[int, int], list[Run]] = {}
    for run in runs:
        by_pair.setdefault((run.first, run.second), []).append(run)
    shares = {pair: _share(codes, runs) for pair, runs in by_pair.items()}
    similarity.usual = _usual(len(codes), shares)
    for (first, second), share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        if share > similarity.usual:
            excerpts = _excerpts(files, names, codes, by_pair[first, second])
            similarity.pairs.append(Pair(names[first], names[second], round(share, 3), excerpts))
    return similarity


def side_by_side(similarity: Similarity) -> list[dict[str, object]]:
    """Returns the pairs as plain data for a page: numbers and text alone, nothing of it HTML.

    Each excerpt has rows of two lines, either of which may be None: {"first": (number, text), "second": (number, text)}.
    """
    return [
        {
            "first": pair.first,
            "second": pair.second,
            "percent": round(100 * pair.share),
            "excerpts": [_rows(excerpt) for excerpt in pair.excerpts],
        }
        for pair in similarity.pairs
    ]


def _rows(excerpt: Excerpt) -> dict[str, object]:
    first, second = (list(enumerate(side.text.split("\n"), side.line)) for side in (excerpt.first, excerpt.second))
    length = max(len(first), len(second))
    rows = [
        {"first": first[at] if at < len(first) else None, "second": second[at] if at < len(second) else None}
        for at in range(length)
    ]
    return {"first_path": excerpt.first.path, "second_path": excerpt.second.path, "tokens": excerpt.tokens, "rows": rows}


# --- what counts --------------------------------------------------------------------------------------------


def _what_counts(codes: Sequence[OwnCode], known: Sequence[OwnCode]) -> list[OwnCode]:
    """Returns the codes without statements that, whatever their names, are known or that many of the class have."""
    having = Counter(shape for code in codes for shape in set(code.shapes))
    many = max(_FEWEST_MANY, _MANY * len(codes))
    usual = {shape for shape, count in having.items() if count > many}
    usual.update(shape for code in known for shape in code.shapes)
    return [code.without({at for at, shape in enumerate(code.shapes) if shape in usual}) for code in codes]


def _whole(codes: Sequence[OwnCode], run: Run) -> Run:
    """Returns the run without a statement at its ends that the other side does not have: it began or ended inside one."""
    first, second = (codes[run.first].shapes, run.first_lines), (codes[run.second].shapes, run.second_lines)
    return replace(run, first_lines=_inside(first, second), second_lines=_inside(second, first))


def _inside(one: tuple[Sequence[str], range], other: tuple[Sequence[str], range]) -> range:
    (shapes, lines), (others, other_lines) = one, other
    there = {others[line] for line in other_lines}
    start, stop = lines.start, lines.stop
    while start < stop and shapes[start] not in there:
        start += 1
    while stop > start and shapes[stop - 1] not in there:
        stop -= 1
    return range(start, stop)


def _share(codes: Sequence[OwnCode], runs: Sequence[Run]) -> float:
    """Returns how much of what counts two students have in common; 0 if that is too little to say anything."""
    shares = []
    sides = (
        (runs[0].first, {line for run in runs for line in run.first_lines}),
        (runs[0].second, {line for run in runs for line in run.second_lines}),
    )
    for student, lines in sides:
        weights = codes[student].weights
        common = sum(weights[line] for line in lines)
        if common < _FEWEST_TOKENS:
            return 0.0
        shares.append(common / sum(weights))
    return max(shares)


def _usual(count: int, shares: Mapping[tuple[int, int], float]) -> float:
    """Returns the share above which a pair stands out of the class.

    In a class of some size: by the highest share of each student. In a small one: by the shares of all pairs.
    """
    if count < _SMALL_CLASS:
        return _SHARE_OF_FEW
    if count >= _LARGE_CLASS:
        highest = [0.0] * count
        for (first, second), share in shares.items():
            highest[first], highest[second] = max(highest[first], share), max(highest[second], share)
        sample = highest
    else:
        sample = [*shares.values(), *[0.0] * (count * (count - 1) // 2 - len(shares))]
    middle = median(sample)
    deviation = median(abs(share - middle) for share in sample)
    return max(_LEAST_SHARE, middle + _FAR * deviation)


def _excerpts(
    files: Mapping[str, Mapping[str, str]],
    names: Sequence[str],
    codes: Sequence[OwnCode],
    runs: Sequence[Run],
) -> tuple[Excerpt, ...]:
    """Returns what a pair has in common and counts, the longest first."""
    excerpts = []
    for run in sorted(runs, key=lambda run: (-run.tokens, run.first_lines.start)):
        if run.first_lines and run.second_lines:
            first = _side(files[names[run.first]], codes[run.first], run.first_lines)
            excerpts.append(Excerpt(first, _side(files[names[run.second]], codes[run.second], run.second_lines), run.tokens))
    return tuple(excerpts)


def _side(files: Mapping[str, str], code: OwnCode, lines: range) -> Side:
    """Returns these lines as the student wrote them. A run that goes on in the next file is cut off."""
    start = code.places[lines.start]
    last = max(place.last for place in code.places[lines.start : lines.stop] if place.path == start.path)
    text = files[start.path].split("\n")[start.first - 1 : last]
    return Side(start.path, start.first, "\n".join(visible(line.rstrip("\r")) for line in text))
