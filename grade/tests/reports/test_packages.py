"""./pagewalk package: what a course installs, and that its scripts leave a report whatever `grade` does."""

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from grade.formats.autolab import NO_PROBLEM
from grade.ladder.git import Repository
from grade.ladder.labs import LadderError, load_labs
from grade.ladder.trees import Tree, find_root
from grade.milestones import milestones_of
from grade.packages import SERVICES
from grade.packages.package import Wishes, package
from grade.submission.nobody import as_nobody
from grade.tests.reports.test_reports import ended, start

ROOT = find_root(Path(__file__))
LAB_1 = milestones_of(load_labs(ROOT)[:1])
TREE = Tree(ROOT)
WISHES = Wishes("gradescope", 1, ("x86_64",), 5, "os-course/labs")
IS_ROOT = os.geteuid() == 0
HOSTILE = "::error::x\n</pre><script>alert(1)</script>"


def made(service: str, tmp_path: Path) -> Path:
    package(TREE, tmp_path / service, replace(WISHES, service=service))
    return tmp_path / service


def tracked() -> set[str]:
    return set(Repository(ROOT).run("ls-files").splitlines())


# --- what is in it -------------------------------------------------------------------------------------------------


def test_gradescopes_archive_is_its_folder(tmp_path: Path) -> None:
    folder = made("gradescope", tmp_path)
    inside = {path.relative_to(folder / "autograder").as_posix(): path for path in (folder / "autograder").rglob("*")}
    files = {name: path for name, path in inside.items() if path.is_file()}
    with zipfile.ZipFile(folder / "autograder.zip") as archive:
        assert set(archive.namelist()) == set(files)
        for entry in archive.infolist():
            assert archive.read(entry) == files[entry.filename].read_bytes()
            assert entry.external_attr >> 16 == files[entry.filename].stat().st_mode, entry.filename
    assert {name.removeprefix("main/") for name in files if name.startswith("main/")} == tracked() | {"build/secret"}
    assert {name for name in files if "/" not in name} == {"setup.sh", "run_autograder", "options", "trial", "not-graded"}
    assert (ROOT / "build/secret").read_bytes() == files["main/build/secret"].read_bytes()
    assert stat.S_IMODE(files["main/build/secret"].stat().st_mode) == 0o600
    assert os.access(files["run_autograder"], os.X_OK) and os.access(files["main/pagewalk"], os.X_OK)
    assert files["options"].read_text() == "1 --isa=x86_64 --within=5\n" and files["trial"].read_text() == "1 --isa=x86_64\n"
    document = json.loads(files["not-graded"].read_bytes())
    assert document["extra_data"]["is_grade"] is False and sum(test["max_score"] for test in document["tests"]) == 100


def test_the_same_main_gives_the_same_archives(tmp_path: Path) -> None:
    for service, archive in (("gradescope", "autograder.zip"), ("autolab", "autograde.tar")):
        first = (made(service, tmp_path) / archive).read_bytes()
        (tmp_path / "again").mkdir(exist_ok=True)
        assert (made(service, tmp_path / "again") / archive).read_bytes() == first


def test_autolabs_two_files(tmp_path: Path) -> None:
    folder = made("autolab", tmp_path)
    assert {path.name for path in folder.iterdir()} == {"autograde-Makefile", "autograde.tar"}
    with tarfile.open(folder / "autograde.tar") as archive:
        names = set(archive.getnames())
        assert {name.split("/")[0] for name in names} == {"pagewalk"}
        assert archive.getmember("pagewalk/main/pagewalk").mode == 0o755
        assert archive.getmember("pagewalk/main/build/secret").mode == 0o600
        assert archive.extractfile("pagewalk/trial").read() == b"1 --isa=x86_64\n"
    lines = package(TREE, tmp_path / "all", Wishes("autolab"))
    with tarfile.open(tmp_path / "all/autograde.tar") as archive:
        assert archive.extractfile("pagewalk/trial").read() == b"6\n", "one lab, not all"
    assert any("lab1-x86_64, lab1-aarch64, lab2-x86_64" in line for line in lines), "names of problems as in the report"


def test_prairielearns_question(tmp_path: Path) -> None:
    folder = made("prairielearn", tmp_path)
    options = json.loads((folder / "info.json").read_text())["externalGradingOptions"]
    assert options == {"enabled": True, "image": "pagewalk-grader", "entrypoint": "/pagewalk/entry.sh", "timeout": 360}
    copied = re.findall(r"^COPY (\S+) (\S+)$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    assert copied == [("pagewalk", "/pagewalk"), ("entry.sh", "/pagewalk/entry.sh")]
    assert all((folder / source).exists() for source, _ in copied)
    with pytest.raises(LadderError, match="--within 9 at most"):
        package(TREE, tmp_path / "p", replace(WISHES, service="prairielearn", minutes=9.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gradescope", "{0}/full"), "full holds something: name a new folder"),
        (("gradescope", "{0}/full/file"), "file"),
        (("gradescope", "{0}/none/new"), "there is no folder"),
        (("gradescope", "{0}/new", "--lab", "9"), "there is no lab 9 to grade"),
        (("moodle", "{0}/new"), "'moodle' is not one of"),
        (("gradescope", "{0}/new", "--within", "0"), "is not in the range"),
        (("github", "{0}/new"), "github needs --lab N and --course OWNER/REPOSITORY"),
        (("github", "{0}/new", "--lab", "1", "--course", "labs"), "must be OWNER/REPOSITORY"),
        (("github", "{0}/new", "--lab", "1", "--course", "a/b'\n      - run: x"), "must be OWNER/REPOSITORY"),
    ],
)
def test_bad_input_makes_nothing(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    run = subprocess.run(
        [sys.executable, "-P", "-m", "grade", "package", *(word.format(tmp_path) for word in arguments)],
        cwd="/", env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2 and message in run.stderr and "Traceback" not in run.stderr, run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_handed_out_tree_makes_none() -> None:
    from grade.cli import ONLY_IN_MAIN
    from grade.cutting.cutter import render

    assert "package" in ONLY_IN_MAIN
    assert not [path for path in render(ROOT, 1, 0, with_grader=True) if path.startswith("grade/packages")]


def test_what_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grade.packages.package.os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made("github", tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- the scripts -----------------------------------------------------------------------------------------------------


def stub(main: Path, script: str) -> None:
    """Puts a script in the place of ./pagewalk, which finds the report's file in $report and writes down its words."""
    find = 'printf "%s\\n" "$@" >"$(dirname "$0")/words"; for report; do :; done\n'
    (main / "pagewalk").write_text(f"#!/bin/sh\n{find}{script}\n", encoding="utf-8")
    (main / "pagewalk").chmod(0o755)


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """Returns a package, and a main of which only the script is there."""
    full = made("gradescope", tmp_path) / "autograder"
    small = tmp_path / "package"
    for name in ("options", "not-graded", "main/grade/packages/grade_one.sh", "main/pagewalk"):
        (small / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(full / name, small / name)
    (tmp_path / "handed-in").mkdir()
    return small


def grade_one(small: Path, submission: Path) -> tuple[int, str, str]:
    """Returns exit status, report, and the words that ./pagewalk got; grade_one.sh finds no sandbox, because it finds no grade/."""
    report = small.parent / "results.json"
    run = subprocess.run(
        ["sh", small / "main/grade/packages/grade_one.sh", "gradescope", small, submission, report],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "There is no sandbox in this container" in run.stdout
    return run.returncode, report.read_text(encoding="utf-8"), (small / "main/words").read_text(encoding="utf-8")


@pytest.mark.parametrize(("ends", "status"), [("exit 0", 0), ("exit 1", 0), ("exit 2", 2), ("kill -9 $$", 2)])
def test_grades_report_is_the_report(unpacked: Path, tmp_path: Path, ends: str, status: int) -> None:
    stub(unpacked / "main", f'echo mine >"$report"; {ends}')
    found, report, words = grade_one(unpacked, tmp_path / "handed-in")
    assert (found, report) == (status, "mine\n")
    assert words.split() == [
        "grade", "1", "--isa=x86_64", "--within=5", "--submission", str(tmp_path / "handed-in"), "--unsealed", "--format",
        "gradescope", str(tmp_path / "results.json")]  # fmt: skip


def test_without_one_the_first_report_stays(unpacked: Path, tmp_path: Path) -> None:
    """Even where another was, by whoever; a launcher that lacks a tool writes none."""
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "results.json").symlink_to(tmp_path / "elsewhere")
    stub(unpacked / "main", "exit 2")
    status, report, _ = grade_one(unpacked, tmp_path / "handed-in")
    assert status == 2 and json.loads(report)["extra_data"]["is_grade"] is False
    assert (tmp_path / "elsewhere").read_text() == "kept"


@pytest.mark.parametrize(
    ("names", "is_taken"),
    [
        (["lab1-submission.tar.gz"], True),
        (["a b.zip"], True),
        (["a.tar", "b.tar"], False),
        (["boot_map.cc"], False),
        ([], False),
    ],
)
def test_one_archive_in_the_folder_is_the_submission(unpacked: Path, tmp_path: Path, names: list[str], is_taken: bool) -> None:
    for name in names:
        (tmp_path / "handed-in" / name).touch()
    stub(unpacked / "main", "exit 0")
    _, _, words = grade_one(unpacked, tmp_path / "handed-in")
    place = tmp_path / "handed-in" / names[0] if is_taken else tmp_path / "handed-in"
    assert f"--submission\n{place}\n" in words


@pytest.mark.skipif(not IS_ROOT, reason="only root can run something as nobody")
def test_nobody_sees_nothing_of_main_but_the_way_to_the_engine(unpacked: Path, tmp_path: Path) -> None:
    main = unpacked / "main"
    for name in ("kernel", "build/cut", "build/submissions", ".git"):
        (main / name).mkdir(parents=True)
    stub(main, 'umask 022; mkdir -p "$(dirname "$0")/build/submissions/x"')
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder.name.startswith(("pytest", "popen", "test_")):
            folder.chmod(0o755)
    grade_one(unpacked, tmp_path / "handed-in")
    modes = {
        path: stat.S_IMODE((main / path).stat().st_mode)
        for path in ("kernel", "build/cut", ".git", "grade", "build/submissions/x")
    }
    assert modes == {"kernel": 0o700, "build/cut": 0o700, ".git": 0o700, "grade": 0o700, "build/submissions/x": 0o755}
    engine = main / "build/submissions/x/engine"
    shutil.copy("/bin/sh", engine)
    command = [*as_nobody(engine), engine, "-c", f"id -u; id -G; ls {main}; ls {main}/kernel; echo x >{tmp_path}/results.json"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.stdout.split() == ["65534", "65534"] and said.stderr.count("denied") == 3, said


def test_an_engine_that_nobody_can_reach_runs_as_we_do(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    assert as_nobody(tmp_path / "closed" / "engine") == []


needs_make = pytest.mark.skipif(
    shutil.which("make") is None, reason="needs make, which `test` installs and `test --quick` does not"
)


def autolab(tmp_path: Path, script: str) -> str:
    """Returns what make prints at Autolab, if ./pagewalk is this script."""
    folder = made("autolab", tmp_path)
    there = tmp_path / "instance"
    there.mkdir()
    shutil.copy(folder / "autograde-Makefile", there / "Makefile")
    with tarfile.open(folder / "autograde.tar") as archive:
        kept = ("pagewalk/options", "pagewalk/not-graded", "pagewalk/main/grade/packages/grade_one.sh")
        archive.extractall(there, [archive.getmember(name) for name in kept])
    stub(there / "pagewalk/main", script)
    with tarfile.open(there / "autograde.tar", "w") as archive:
        archive.add(there / "pagewalk", "pagewalk")
    shutil.rmtree(there / "pagewalk")
    (there / "handin.tar.gz").write_text("x")
    run = subprocess.run(["make"], cwd=there, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert "--submission\nhandin.tar.gz\n" in (there / "pagewalk/main/words").read_text()
    return run.stdout


@needs_make
def test_autolab_reads_scores_from_the_last_line(tmp_path: Path) -> None:
    said = autolab(tmp_path, f"printf '%s' '{HOSTILE}'; echo report >\"$report\"; echo '{{\"scores\": {{}}}}' >>\"$report\"")
    assert said == 'report\n{"scores": {}}\n', "nothing else is printed"


@needs_make
def test_autolab_is_told_why_nothing_was_graded(tmp_path: Path) -> None:
    said = autolab(tmp_path, f"printf '%s\\n' '{HOSTILE}'; echo 'Missing: cmake'; exit 2")
    assert json.loads(said.splitlines()[-1]) == {"scores": {"lab1-x86_64": None}}
    assert "Missing: cmake" in said and "<" not in said and "This is not a grade" in said
    assert NO_PROBLEM not in said, "the lab is known"


def workflow(tmp_path: Path, script: str) -> tuple[list[str], dict]:
    """Returns what the step prints that grades, if handout/pagewalk is this script; and the result that the reporter gets."""
    text = (made("github", tmp_path) / ".github/workflows/classroom.yml").read_text()
    assert "@" not in re.sub(r"actions/\S+@v4|\S+reporter@v1", "", text)
    assert "name: Autograding Tests\n" in text and "  run-autograding-tests:\n" in text, "Classroom looks for these"
    assert "repository: os-course/labs\n" in text and "ref: lab1\n" in text and "timeout-minutes: 20\n" in text
    _, _, rest = text.partition("        run: |\n")
    step = "".join(line[10:] for line in rest.partition("      - name: Report")[0].splitlines(keepends=True))
    (tmp_path / "handout").mkdir()
    stub(tmp_path / "handout", script)
    environment = {**os.environ, "GITHUB_OUTPUT": str(tmp_path / "output")}
    run = subprocess.run(
        ["sh", "-e", "-c", step], cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    (line,) = (tmp_path / "output").read_text().splitlines()
    name, _, value = line.partition("=")
    assert name == "result"
    return run.stdout.splitlines(), json.loads(base64.b64decode(value))


@pytest.mark.parametrize("status", [0, 1, 2])
def test_githubs_runner_heeds_nothing_that_a_student_prints(tmp_path: Path, status: int) -> None:
    content = base64.b64encode(b'{"version": 1}').decode()
    lines, result = workflow(tmp_path, f"printf '%s\\n' '{HOSTILE}'; echo {content} >\"$report\"; exit {status}")
    first, *between, last = lines
    assert first.startswith("::stop-commands::") and last == f"::{first.removeprefix('::stop-commands::')}::"
    assert re.fullmatch("[0-9a-f]{32}", last.strip(":")) and "::error::x" in between
    assert result == {"version": 1}
    words = (tmp_path / "handout/words").read_text().split()
    assert words == [
        "grade",
        "--tree",
        "student",
        "--isa=x86_64",
        "--within=5",
        "--format",
        "github",
        str(tmp_path / "result.txt"),
    ]


def test_github_is_told_that_nothing_was_graded(tmp_path: Path) -> None:
    _, result = workflow(tmp_path, "exit 2")
    assert (result["status"], result["max_score"], len(result["tests"]) - 1) == ("error", 0, len(LAB_1))


def test_there_is_a_package_for_each_service(tmp_path: Path) -> None:
    for service in SERVICES:
        assert any(made(service, tmp_path).iterdir())


def test_a_handed_out_grader_grades_another_tree(tmp_path: Path) -> None:
    """As the workflow does: with the handout's tests, the student's tree, and no boot."""
    from grade.cutting.cutter import cut

    cut(ROOT, 1, 0, tmp_path / "handout", with_grader=True)
    cut(ROOT, 1, 1, tmp_path / "student", with_grader=True)
    shutil.rmtree(tmp_path / "student/grade")
    run = start(
        "--tree", tmp_path / "student", "--isa", "x86_64", "--milestone", "1.0", "--format", "github", tmp_path / "r.txt",
        PYTHONPATH=str(tmp_path / "handout"),
    )  # fmt: skip
    status, said = ended(run)
    assert status == 0, said
    result = json.loads(base64.b64decode((tmp_path / "r.txt").read_bytes()))
    assert (result["status"], result["max_score"]) == ("pass", 5)
