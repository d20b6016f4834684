"""The commands that documents show: finds each, and says what would go wrong if a reader typed it."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import click

from grade.cli import ONLY_HANDED_OUT, ONLY_IN_MAIN, pagewalk
from grade.site.documents import outside_fences

_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_BARE = re.compile(r"(?:grade|handout|bench|cut|submit) [-\d].*")
"""`grade 1 2 3`: in a sentence the launcher goes without saying."""
_PLACEHOLDERS = {
    "LAB": "1", "LAB|MILESTONE": "1", "CODE": "1", "N.M": "1.1", "N": "1", "M": "1", "ISA": "aarch64",
    "F": "f.json", "ADDRESS": "0x1000", "MILESTONE": "1.1", "FILE": "f", "DIR": ".", "FOLDER": "folder",
    "EXPR": "x", "REV": "HEAD", "SECONDS": "5", "COMMANDS": "help",
    "TESTS": "grade", "LANGUAGE": "python", "CMD;CMD": "help", "ARCHIVE|DIR|GIT-REV": ".", "URL": "url", "CMD": "help",
    "FORMAT": "gradescope", "MINUTES": "5", "SERVICE": "gradescope",
}  # fmt: skip
_HOST_TESTS = re.compile(r"build/host/\w+_tests")
_OTHER_PROGRAMS = {
    "git", "mkdir", "cat", "cd", "for", "done", "diff", "jq", "python3", "tail", "cp", "rsync", "gdb", "PYTHONPATH=.", "cmake",
}  # fmt: skip
"""What is no command of ours; each has a rule in _problem_of_other, or is too plain to be wrong."""


@dataclass(frozen=True)
class Shown:
    """A command in a document; `guest` if it is typed to the kernel's shell."""

    line: int
    text: str
    guest: bool = False


def shown_commands(text: str) -> Iterator[Shown]:
    """Yields all of them, in order: in fences that begin with one or with a prompt, and in backticks."""
    block: list[tuple[int, str]] = []
    language = ""
    for number, (line, is_text) in enumerate([*outside_fences(text), ("", True)], 1):
        if is_text or line.startswith("    ") and not block:
            yield from _in_sentence(number, line)
        elif line.startswith("```") and not block:
            block, language = [(number, line)], line[3:].strip()
        elif line.startswith("```"):
            yield from _in_block(block[1:], language)
            block = []
        else:
            block.append((number, line))


def _in_sentence(number: int, line: str) -> Iterator[Shown]:
    for span in _SPAN.findall(line.replace("\\|", "|")):
        if _BARE.fullmatch(span):
            yield Shown(number, f"./pagewalk {span}")
        elif span.startswith("./pagewalk ") or span.split()[0] in _OTHER_PROGRAMS and " " in span:
            yield Shown(number, span)


def _in_block(lines: list[tuple[int, str]], language: str) -> Iterator[Shown]:
    texts = [text for _, text in lines if text.strip()]
    is_guest = not any(text.startswith("$ ./pagewalk") for text in texts)
    prompts = any(text.startswith("$ ") for text in texts)
    first = texts[0].split()[0] if texts else ""
    if not prompts and language != "sh" and first not in {"./pagewalk", *_OTHER_PROGRAMS}:
        return
    if language in ("python", "cpp"):
        return
    here = False  # the lines up to END are what a command reads
    for number, text in lines:
        here = here and text != "END"
        if text == "END":
            continue
        if prompts and text.startswith("$ "):
            command = text[2:]
            host = command.split()[0] in {"./pagewalk", *_OTHER_PROGRAMS} and not (is_guest and command.startswith("for"))
            yield Shown(number, command, guest=not host)
        elif not prompts and text.strip() and not here:
            here = "<<END" in text
            yield Shown(number, re.sub(r"(?<=\S)(?: {2,}|\s+# ).*", "", text.strip()))


@dataclass(frozen=True)
class Surroundings:
    """What commands may name: the files of the tree by path, its labs, milestones, ISAs, and what its monitor knows."""

    files: Mapping[str, str]
    labs: range
    milestones: frozenset[str]
    isas: tuple[str, ...]
    is_main: bool
    bugs: frozenset[str]
    """The codes by which planted bugs are practised on."""

    @property
    def programs(self) -> set[str]:
        """Returns the user programs."""
        paths = (Path(path) for path in self.files if re.fullmatch(r"user/((bench|hostile|tests)/)?[^/]+\.cc", path))
        return {path.stem for path in paths}

    @property
    def host_tests(self) -> set[str]:
        """Returns suite and name of each."""
        sources = (text for path, text in self.files.items() if path.startswith("kernel/tests/"))
        found = (re.findall(r"^\w*TEST(?:_[FP])?\((\w+),\s*(\w+)\)", text, re.MULTILINE) for text in sources)
        return {f"{suite}.{name}" for tests in found for suite, name in tests}

    @property
    def monitor(self) -> set[str]:
        """Returns the commands of the monitor, out of its sources."""
        sources = (text for path, text in self.files.items() if path.startswith("kernel/monitor/"))
        return {name for text in sources for name in re.findall(r'^    \{"(\w+)", "', text, re.MULTILINE)}

    @property
    def shell(self) -> set[str]:
        """Returns what the shell knows by itself."""
        return {"exit", "wait", "help", "nonsense"} | self.programs


def problem(shown: Shown, around: Surroundings) -> str | None:
    """Returns why the command would not work, or None."""
    try:
        words = shlex.split(shown.text, comments=True)
    except ValueError as error:
        return str(error)
    if shown.guest:
        return None if words[0] in around.shell else f"the shell knows no {words[0]}"
    while "&&" in words:
        at = words.index("&&")
        if found := problem(Shown(shown.line, shlex.join(words[:at])), around):
            return found
        words = words[at + 1 :]
    return _problem_of_ours(words[1:], around) if words[0] == "./pagewalk" else _problem_of_other(words, around)


def _problem_of_other(words: list[str], around: Surroundings) -> str | None:
    if _HOST_TESTS.fullmatch(words[0]):
        pattern = words[1].removeprefix("--gtest_filter=") if len(words) > 1 else "*"
        program = words[0].rpartition("/")[2]
        if not re.search(rf"add_(tests|judged)\({program}\s", around.files["kernel/tests/host.cmake"]):
            return f"no program of host tests is called {program}"
        return None if any(fnmatch(test, pattern) for test in around.host_tests) else f"no host test is called {pattern}"
    if words[0] not in _OTHER_PROGRAMS:
        return f"{words[0]} is unknown to this test: teach it to {Path(__file__).name}"
    if words[:3] == ["python3", "-m", "pytest"]:
        return None if any(path.startswith(f"{words[3]}/test_") for path in around.files) else f"no tests in {words[3]}"
    if words[0] == "diff":
        gone = [name for name in words[2:] if not any(path.startswith(f"{name}/") for path in around.files)]
        return f"no {gone}" if gone and len(around.isas) > 1 else None
    if branch := next((word for word in words if re.fullmatch(r"(origin/)?lab\d.*", word)), None):
        known = re.fullmatch(r"(?:origin/)?lab(\d)(-solution|-catch-up)?", branch)
        return None if known else f"no handout makes a branch {branch}"
    return None


def _problem_of_ours(words: list[str], around: Surroundings) -> str | None:
    words = [word for word in _placeholders_filled(words, around)]
    name, arguments = words[0], words[1:]
    if name == "setup":  # the launcher's own
        return None if arguments in ([], ["--check"]) else f"setup takes no {arguments}"
    command = pagewalk.commands.get(name)
    if command is None or name in (ONLY_HANDED_OUT if around.is_main else ONLY_IN_MAIN):
        return f"there is no command {name} here"
    if not arguments:  # its name, in a sentence
        return None
    given = [argument for argument in arguments if argument != "..."]
    if name == "grade" and given[-1:] == ["--submission"]:
        given.append(".")
    try:
        parameters = command.make_context(name, given).params
    except click.ClickException as error:
        return error.format_message()
    return _problem_of_values(name, parameters, around)


def _placeholders_filled(words: list[str], around: Surroundings) -> Iterator[str]:
    """Yields `[LAB]... [--isa ISA]` as `1 --isa aarch64`: every option of a synopsis, with a value."""
    for word in words:
        bare = word.replace("[", "").replace("]", "").replace("...", "")
        if bare == "ISA":
            yield around.isas[0]
        elif bare in ("PROGRAM", "ARGS"):
            yield from sorted(around.programs)[:1]
        elif bare.startswith("--") and "|" in bare:
            yield from bare.split("|")
        elif bare or not word:
            yield _PLACEHOLDERS.get(bare, bare)


def _problem_of_values(name: str, values: Mapping[str, object], around: Surroundings) -> str | None:
    what = str(values.get("what") or "")
    labs = [*(values.get("labs") or ()), values.get("lab"), *([int(what)] if what.isdecimal() else [])]
    for lab in labs:
        if lab is not None and lab not in around.labs:
            return f"there is no lab {lab}"
    for milestone in [*(values.get("milestones") or ()), *([what] if "." in what else [])]:
        if milestone not in around.milestones:
            return f"there is no milestone {milestone}"
    if name == "run" and values["program"] is not None and values["program"] not in around.programs:
        return f"there is no program {values['program']}"
    if name == "bug" and values["code"] not in ("", _PLACEHOLDERS["CODE"], *around.bugs):
        return f"there is no bug {values['code']}"
    for line in (values.get("script") or "").split(";"):
        match line.split():
            case [command, *_] if command not in around.monitor:
                return f"the monitor knows no {command}"
            case ["run" | "start", program, *_] if program not in around.programs:
                return f"there is no program {program}"
    return None
