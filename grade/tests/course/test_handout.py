"""The labs as branches: what they hold, how a student merges them, and what publishing refuses to touch."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from grade import cli, cli_common
from grade.course.handout import Difference, Published, Wishes, differences, publish
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, read_course

LAB = 'number = {0}\ntitle = "Lab {0}"\nowned = ["kernel/lab{0}.h"]\nretires = []\n'
OWNED = "// Lab {0}.\n\nint f{0}() {{\n  // @lab {0} begin: f{0}\n  //: Write it.\n  return {0};\n  // @lab {0} end\n}}\n"
MAIN_CC = "void kernel_main() {\n  start();\n  // @from 2\n  two();\n  // @end\n  // @from 3\n  three();\n  // @end\n}\n"
NOW = Wishes()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A Student", "-c", "user.email=student@example.org", "-c", "merge.conflictStyle=merge"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.rstrip("\n")


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


@pytest.fixture
def main(tmp_path: Path) -> Tree:
    files = {"pagewalk": "#!/bin/sh\n", "kernel/main.cc": MAIN_CC, "kernel/given.h": "// given\n"}
    files |= {"arch/x86_64/boot.S": "nop\n", "arch/aarch64/boot.S": "nop\n"}
    files |= {f"arch/{isa}/map.cc": "// @lab 1 begin: g\n//: g\nx();\n// @lab 1 end\n" for isa in ("x86_64", "aarch64")}
    for number in (1, 2, 3):
        files |= {f"labs/{number}-x/lab.toml": LAB.format(number), f"kernel/lab{number}.h": OWNED.format(number)}
    write(tmp_path / "main", files)
    toml = tmp_path / "main/labs/1-x/lab.toml"
    toml.write_text(LAB.format(1).replace('lab1.h"', 'lab1.h", "arch/{isa}/map.cc"'), encoding="utf-8")
    return Tree(tmp_path / "main")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return tmp_path / "course"


def make(main: Tree, repo: Path, wishes: Wishes = NOW) -> dict[str, Published]:
    report = publish(Tree(main.root), repo, wishes, lambda branch: None)
    return {entry.branch: entry for entry in report}


def compare(main: Tree, repo: Path, wishes: Wishes = NOW) -> list[Difference]:
    return differences(Tree(main.root), repo, wishes, lambda branch: None)


def tips(repo: Path) -> dict[str, str]:
    return dict(line.split() for line in git(repo, "for-each-ref", "--format=%(refname:short) %(objectname)").splitlines())


# --- what is published -----------------------------------------------------------------------------------------------


def test_each_lab_is_one_commit_on_top_of_the_last(main: Tree, repo: Path) -> None:
    report = make(main, repo)
    assert [(entry.branch, entry.change) for entry in report.values()] == [(f"lab{n}", "new") for n in (1, 2, 3)]
    assert git(repo, "log", "--format=%s", "lab3").splitlines() == ["Lab 3: Lab 3", "Lab 2: Lab 2", "Lab 1: Lab 1"]
    assert git(repo, "rev-parse", "lab3~1", "lab3~2").splitlines() == [tips(repo)["lab2"], tips(repo)["lab1"]]
    assert git(repo, "show", "lab2:kernel/main.cc") == "void kernel_main() {\n  start();\n  two();\n}"
    assert "lab_todo(1" in git(repo, "show", "lab3:kernel/lab1.h")
    assert git(repo, "ls-tree", "lab1", "pagewalk").startswith("100644")


def test_solutions_and_catch_ups_stand_beside(main: Tree, repo: Path) -> None:
    make(main, repo, Wishes(solutions=True, catch_up=(3,)))
    names = ["lab1", "lab1-solution", "lab2", "lab2-solution", "lab3", "lab3-catch-up", "lab3-solution"]
    assert sorted(tips(repo)) == names
    for name in names[1::2] + ["lab3-solution"]:
        assert git(repo, "rev-parse", f"{name}~1") == tips(repo)[name.partition("-")[0]]
    for branch, solved in (("lab2-solution", (1, 2)), ("lab3-catch-up", (1, 2)), ("lab3-solution", (1, 2, 3))):
        for number in range(1, int(branch[3]) + 1):
            text = git(repo, "show", f"{branch}:kernel/lab{number}.h")
            assert ("lab_todo" in text) == (number not in solved), (branch, number)


def test_same_main_same_commits(main: Tree, repo: Path, tmp_path: Path) -> None:
    make(main, repo, Wishes(solutions=True))
    make(main, tmp_path / "other", Wishes(solutions=True))
    assert tips(repo) == tips(tmp_path / "other")
    assert {entry.change for entry in make(main, repo).values()} == {"as it was"}
    assert tips(repo) == tips(tmp_path / "other")


def test_a_course_has_its_own_name_and_isa_and_they_stay(main: Tree, repo: Path) -> None:
    make(main, repo, Wishes(isas=("aarch64",), name="Systems 2", email="sys2@example.org"))
    assert git(repo, "log", "-1", "--format=%an %ae %cn %ce", "lab2") == "Systems 2 sys2@example.org Systems 2 sys2@example.org"
    files = git(repo, "ls-tree", "-r", "--name-only", "lab1").splitlines()
    assert "arch/aarch64/map.cc" in files and "arch/x86_64/map.cc" not in files
    write(main.root, {"kernel/given.h": "// given, and better\n"})
    make(main, repo)
    assert git(repo, "log", "-1", "--format=%an", "lab2") == "Systems 2"
    assert read_course(git(repo, "show", "lab3:labs/course.toml")).isas == ("aarch64",)
    assert compare(main, repo) == []


def test_a_bare_repository_will_do(main: Tree, repo: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(repo)], check=True)
    make(main, repo)
    assert sorted(tips(repo)) == ["lab1", "lab2", "lab3"]


def test_other_branches_and_files_stay(main: Tree, repo: Path) -> None:
    repo.mkdir()
    git(repo, "init", "-q", "-b", "notes")
    write(repo, {"notes.txt": "mine\n"})
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Notes")
    write(repo, {"untracked.txt": "mine as well\n"})
    before = tips(repo)
    make(main, repo)
    assert tips(repo).items() >= before.items() and len(tips(repo)) == 4
    assert git(repo, "branch", "--show-current") == "notes"
    assert git(repo, "status", "--porcelain") == "?? untracked.txt"


def test_a_new_repository_has_lab_1_checked_out(main: Tree, repo: Path) -> None:
    make(main, repo)
    assert git(repo, "branch", "--show-current") == "lab1"
    assert git(repo, "status", "--porcelain") == "" and (repo / "kernel/lab1.h").exists()


# --- when main has changed -------------------------------------------------------------------------------------------


def test_a_student_merges_what_is_new_without_a_conflict(main: Tree, repo: Path, tmp_path: Path) -> None:
    """Lab 1 solved, then main mended, then lab 2: the student's code and the mended file are both there."""
    make(main, repo)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "-b", "lab1", str(repo), str(clone))
    git(clone, "switch", "-qc", "work")
    write(clone, {"kernel/lab1.h": "int f1() { return my_own(); }\n"})
    git(clone, "commit", "-qam", "Lab 1")
    write(main.root, {"kernel/given.h": "// given, and mended\n"})
    report = make(main, repo)
    assert {entry.change for entry in report.values()} == {"1 file changed"}
    git(clone, "fetch", "-q")
    git(clone, "merge", "-q", "origin/lab2")
    assert (clone / "kernel/lab1.h").read_text() == "int f1() { return my_own(); }\n"
    assert (clone / "kernel/given.h").read_text() == "// given, and mended\n"
    assert "two();" in (clone / "kernel/main.cc").read_text()
    git(clone, "merge", "-q", "origin/lab3")
    for branch in ("lab1", "lab2", "lab3"):
        assert git(repo, "diff", "--name-only", f"{branch}~1", branch) == "kernel/given.h"
        message = git(repo, "log", "-1", "--format=%B", branch)
        assert f"Lab {branch[3]}: Lab {branch[3]}, renewed\n\nChanged: kernel/given.h\n" in message


def test_a_changed_file_of_the_students_is_reported(main: Tree, repo: Path) -> None:
    make(main, repo, Wishes(solutions=True))
    write(main.root, {"kernel/lab2.h": OWNED.format(2).replace("Write it.", "Write it well.")})
    report = make(main, repo)
    assert report["lab1"].change == "as it was"
    assert report["lab2"].conflicts == report["lab3"].conflicts == ("kernel/lab2.h",)
    assert report["lab2-solution"].conflicts == () and report["lab2-solution"].change == "on top of the changed one"


def test_afresh_is_as_in_a_new_repository(main: Tree, repo: Path, tmp_path: Path) -> None:
    make(main, repo)
    write(main.root, {"kernel/given.h": "// given, and better\n"})
    make(main, repo)
    make(main, repo, Wishes(afresh=True))
    make(main, tmp_path / "other")
    assert tips(repo) == tips(tmp_path / "other")
    assert git(repo, "status", "--porcelain") == ""


def test_what_is_checked_out_moves_along(main: Tree, repo: Path) -> None:
    make(main, repo)
    write(main.root, {"kernel/given.h": "// given, and better\n"})
    make(main, repo)
    assert (repo / "kernel/given.h").read_text() == "// given, and better\n"
    assert git(repo, "status", "--porcelain") == ""


def test_check_names_the_branches_that_differ(main: Tree, repo: Path) -> None:
    make(main, repo)
    assert compare(main, repo) == []
    write(main.root, {"kernel/lab2.h": OWNED.format(2).replace("Write it.", "Write it well.")})
    problem = "is not what main has now"
    assert compare(main, repo) == [Difference(name, problem, ("kernel/lab2.h",)) for name in ("lab2", "lab3")]
    git(repo, "branch", "-D", "lab3")
    assert compare(main, repo)[1] == Difference("lab3", "is not published")
    before = tips(repo)
    assert compare(main, repo, Wishes(solutions=True))[-1] == Difference("lab3-solution", "is not published")
    assert tips(repo) == before


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(main: Tree, repo: Path, message: str, wishes: Wishes = NOW) -> None:
    """Checks that publishing is refused, and changes nothing."""
    before = tips(repo) if (repo / ".git").exists() else None
    files = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file() and ".git" not in path.parts}
    with pytest.raises(LadderError) as caught:
        make(main, repo, wishes)
    assert message in str(caught.value)
    assert before is None or tips(repo) == before
    assert files == {path: path.read_bytes() for path in repo.rglob("*") if path.is_file() and ".git" not in path.parts}


def test_a_branch_with_a_commit_of_somebody_else_is_refused(main: Tree, repo: Path) -> None:
    make(main, repo)
    write(repo, {"kernel/given.h": "// given, and mine\n"})
    git(repo, "commit", "-qam", "My own lab 1")
    refused(main, repo, "the branch lab1 in")
    refused(main, repo, "My own lab 1", Wishes(afresh=True))
    git(repo, "commit", "-q", "--amend", "-m", git(repo, "log", "-1", "--format=%B", "lab2"))  # ours by its words alone
    refused(main, repo, "has a commit that this command did not make")
    assert compare(main, repo)[0].problem.startswith("has a commit that handout did not make")
    git(repo, "branch", "-m", "lab1", "mine")
    assert make(main, repo)["lab1"].change == "new"


def test_a_branch_of_that_name_in_a_foreign_repository_is_refused(main: Tree, repo: Path) -> None:
    repo.mkdir()
    git(repo, "init", "-q", "-b", "lab2")
    git(repo, "commit", "-q", "--allow-empty", "-m", "Something else")
    refused(main, repo, "the branch lab2 in")


def test_a_dirty_repository_is_refused(main: Tree, repo: Path) -> None:
    make(main, repo)
    write(repo, {"kernel/given.h": "// being edited\n"})
    refused(main, repo, "has changes that are not committed, such as kernel/given.h")


def test_a_merge_in_progress_is_refused(main: Tree, repo: Path) -> None:
    make(main, repo)
    git(repo, "switch", "-qc", "work")
    write(repo, {"kernel/given.h": "// one\n"})
    git(repo, "commit", "-qam", "One")
    git(repo, "switch", "-qc", "other", "lab1")
    write(repo, {"kernel/given.h": "// two\n"})
    git(repo, "commit", "-qam", "Two")
    with pytest.raises(AssertionError, match="CONFLICT"):
        git(repo, "merge", "work")
    refused(main, repo, "is in the middle of a merge: finish or abort it")


def test_a_dirty_second_work_tree_is_refused(main: Tree, repo: Path, tmp_path: Path) -> None:
    make(main, repo)
    git(repo, "worktree", "add", "-q", str(tmp_path / "second"), "lab2")
    write(tmp_path / "second", {"kernel/given.h": "// being edited\n"})
    refused(main, repo, "second has changes that are not committed")


def test_files_in_the_way_are_not_overwritten(main: Tree, repo: Path) -> None:
    make(main, repo)
    write(main.root, {"kernel/news.h": "// from main\n"})
    write(repo, {"kernel/news.h": "// the instructor's own, not in git\n"})
    refused(main, repo, "has files of its own in the way, so nothing was changed")


def test_a_folder_that_is_no_repository_is_refused(main: Tree, repo: Path) -> None:
    write(repo, {"thesis.txt": "all of it\n"})
    refused(main, repo, "is neither empty nor a git repository")
    git(repo, "init", "-q")
    with pytest.raises(LadderError, match="is inside of the repository"):
        make(main, _below(repo))
    with pytest.raises(LadderError, match="is a file"):
        make(main, repo / "thesis.txt")


def _below(repo: Path) -> Path:
    write(repo, {"inner/file.txt": "x\n"})
    return repo / "inner"


def test_mains_own_repository_is_refused(main: Tree, repo: Path, tmp_path: Path) -> None:
    git(main.root, "init", "-q")
    git(main.root, "add", ".")
    git(main.root, "commit", "-qm", "All")
    git(main.root, "worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))
    for folder in (main.root, tmp_path / "second"):
        refused(main, folder, "is main's own repository: name another folder for the course's")


@pytest.mark.parametrize("address", ["https://example.org/course", "git@example.org:course", "ssh://example.org/x"])
def test_an_address_is_refused(main: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.chdir(tmp_path)
    refused(main, Path(address), "is an address: name a folder here, and push from there")
    assert [path.name for path in tmp_path.iterdir()] == ["main"]


def test_a_folder_in_a_folder_that_is_not_there_is_refused(main: Tree, repo: Path) -> None:
    refused(main, repo / "deep" / "course", f"there is no folder {repo}/deep to make course in")
    assert not repo.exists()


def test_a_copied_repository_is_not_taken_for_changed(main: Tree, repo: Path, tmp_path: Path) -> None:
    make(main, repo)
    shutil.copytree(repo, tmp_path / "copy")
    (tmp_path / "copy/kernel/given.h").touch()
    write(main.root, {"kernel/given.h": "// given, and better\n"})
    assert make(main, tmp_path / "copy")["lab1"].change == "1 file changed"
    assert (tmp_path / "copy/kernel/given.h").read_text() == "// given, and better\n"


def test_main_must_be_committed(main: Tree, repo: Path) -> None:
    git(main.root, "init", "-q")
    git(main.root, "add", ".")
    git(main.root, "commit", "-qm", "All")
    make(main, repo)
    write(main.root, {"kernel/new.h": "// not yet\n"})
    refused(main, repo, "main has changes that are not committed, such as kernel/new.h")


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (Wishes(catch_up=(1,)), "--catch-up 1: labs 2 to 3 have labs before them"),
        (Wishes(catch_up=(4,)), "--catch-up 4: labs 2 to 3 have labs before them"),
        (Wishes(name="A <b>"), "'A <b>' cannot stand in a commit"),
        (Wishes(email="  "), "'  ' cannot stand in a commit"),
    ],
)
def test_wrong_wishes_are_refused(main: Tree, repo: Path, wishes: Wishes, message: str) -> None:
    refused(main, repo, message, wishes)
    assert not repo.exists()


def test_the_command_line(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: Tree) -> None:
    monkeypatch.setattr(cli_common, "own_tree", lambda: main)
    runner = CliRunner()

    def call(*arguments: str) -> tuple[int, str]:
        done = runner.invoke(cli.pagewalk, ["handout", "--repo", str(repo), *arguments])
        return done.exit_code, done.output

    assert call("--check")[0] == 2 and "is no git repository" in call("--check")[1]
    status, output = call("--solutions", "--isa", "x86_64")
    assert status == 0 and "lab3-solution" in output and "push REMOTE lab1" in output
    status, output = call("--check")
    assert status == 0 and "are what main would publish" in output
    write(main.root, {"kernel/given.h": "// given, and better\n"})
    status, output = call("--check")
    assert status == 1 and "lab1 is not what main has now: 1 of its files, kernel/given.h" in output
    assert f"./pagewalk handout --repo {repo} renews them." in output and "branch -m" not in output
    output = call("--check", "--isa", "aarch64", "--solutions")[1]
    assert f"./pagewalk handout --repo {repo} --isa aarch64 --solutions renews them." in output
    assert f"Push again what you have pushed:  git -C {repo} push REMOTE lab1" in call()[1]
    assert "push --force REMOTE lab1" in call("--afresh")[1]
    write(repo, {"kernel/given.h": "// mine\n"})
    git(repo, "commit", "-qam", "Mine")
    assert "Rename what has commits of others" in call("--check")[1]
    (main.root / "labs/course.toml").write_text('lab = 1\nsolved = 0\nisas = ["x86_64"]\n', encoding="utf-8")
    monkeypatch.setattr(cli_common, "own_tree", lambda: Tree(main.root))
    status, output = call()
    assert status == 2 and "handout works in main" in output
