"""Other builds of the kernel, and kernels with one thing changed: what must be refused, reported or still work."""

import re
import subprocess
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.guest.guest import Guest
from grade.isa import ISAS
from grade.ladder.build import BuildError, Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.machine.stop import StopKind

ROOT = find_root(Path(__file__))

POINTERS = '[[gnu::used]] constinit const char* g_names[] = {"text", "data"};\n'
CONSTRUCTOR = 'int answer() { int n = 5; asm volatile("" : "+r"(n)); return n; }\nint g_answer = answer();\n'
VIRTUAL = "struct Base { virtual int f() const { return 1; } };\n[[gnu::used]] Base g_base;\n"
HUGE = "namespace { unsigned char huge[8ull << 30]; }\nunsigned char& of_huge(unsigned long i) { return huge[i]; }\n"
UNNAMED = 'asm(".pushsection .bss; .skip 0x4000000; .popsection");\n'
SECTION = '[[gnu::section(".mine")]] int g_mine = 3;\n'
CHOSEN = 'static void one() {}\nextern "C" auto choose() { return one; }\n[[gnu::ifunc("choose")]] void chosen();\n'
CHOSEN += "void call() { chosen(); }\n"


def changed_tree(folder: Path, file: str, old: str, new: str) -> Path:
    """Returns a cut of lab 1, solved, with one text in one file replaced."""
    cut(ROOT, 1, 1, folder)
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (POINTERS, "holds an absolute pointer"),
        (VIRTUAL, "holds an absolute pointer"),
        (CONSTRUCTOR, "needs a constructor"),
        (HUGE, "^kernel/base/clock.cc: error: The kernel does not fit: .* 32 MiB; huge in .bss takes 8 GiB"),
        (UNNAMED, "^kernel/base/clock.cc: error: The kernel does not fit: .* 32 MiB; .bss takes 64 MiB"),
        (SECTION, "^kernel/base/clock.cc: error: .mine has no place in memory: take the name of the section away"),
        (CHOSEN, "is chosen when a program is loaded"),
    ],
    ids=["pointers", "virtual-functions", "constructor", "huge", "unnamed", "section", "chosen"],
)
def test_the_linker_refuses_what_cannot_work(tmp_path: Path, isa: str, code: str, message: str) -> None:
    tree = changed_tree(tmp_path / "tree", "kernel/base/clock.cc", "std::uint64_t ticks()", f"{code}\nstd::uint64_t ticks()")
    with pytest.raises(BuildError, match=message):
        build_kernel(tree, isa)


@pytest.mark.parametrize("isa", ISAS)
def test_a_fault_inside_a_command_begins_a_line_of_its_own(tmp_path: Path, isa: str) -> None:
    """Else its facts would be lost in the line that the command had begun."""
    tree = changed_tree(
        tmp_path / "tree", "kernel/paging/page_table_map.h", "  const Slot top = walk(va, level);",
        "  if (va == VirtAddr{0x777000}) *reinterpret_cast<volatile int*>(0x600000000000) = 1;\n"
        "  const Slot top = walk(va, level);",
    )  # fmt: skip
    with Guest(build_kernel(tree, isa), "map 0x777000 0x4000000 r") as guest:
        assert guest.machine.run().kind is StopKind.POWERED_OFF
        (fault,) = guest.facts("fault")
        assert fault.values["address"] == "0x600000000000" and fault.values["fatal"] == "yes"


@pytest.mark.parametrize("isa", ISAS)
def test_every_function_is_compiled_in_one_file_only(isa: str) -> None:
    """The linker keeps one of two, but the frame descriptions of both, one of them for address 0: GDB then finds no callers."""
    readelf = [f"{isa}-linux-gnu-readelf", "--debug-dump=frames", build_kernel(ROOT, isa).elf]
    frames = subprocess.run(readelf, capture_output=True, text=True, check=True).stdout
    begins = re.findall(r" FDE .* pc=([0-9a-f]+)\.\.", frames)
    assert begins and not [begin for begin in begins if int(begin, 16) == 0]


@pytest.mark.parametrize("isa", ISAS)
def test_without_optimisation_the_kernel_builds_and_boots(tmp_path: Path, isa: str) -> None:
    """The first thing a student tries who wants to see every variable in GDB.

    Without precompiled headers as well: they would hide that a source file does not include what it uses.
    """
    folder = tmp_path / "build"
    for command in (
        ["cmake", "--preset", isa, "-B", str(folder), "-DOPTIMISE=-O0", "-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON"],
        ["cmake", "--build", str(folder), "--target", "kernel"],
    ):
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    kernel = Kernel(isa, folder / "kernel.elf", ROOT)
    with Guest(kernel, "breakpoint\npeek 0\nmap 0x5000000000 0x4800000 w\nticks 5\npoweroff") as guest:
        assert guest.machine.run().kind is StopKind.POWERED_OFF, guest.machine.serial()
        assert all(guest.facts(name) for name in ("breakpoint", "fault", "map", "ticks", "poweroff"))


@pytest.mark.parametrize("isa", ISAS)
def test_a_folder_may_have_a_space_in_its_name(tmp_path: Path, isa: str) -> None:
    cut(ROOT, 1, 1, tmp_path / "my labs")
    assert build_kernel(tmp_path / "my labs", isa).elf.is_file()


def test_a_pointer_becomes_a_number_of_its_own_size() -> None:
    """GCC extends the sign of a 32-bit pointer that becomes a 64-bit number, and says nothing."""
    files = [path for part in ("kernel", "user") for path in (ROOT / part).rglob("*") if path.suffix in (".h", ".cc")]
    of_all_isas = [path for path in files if not set(ISAS) & set(path.parts)]
    found = [path for path in of_all_isas if "reinterpret_cast<std::uint64_t>" in path.read_text(encoding="utf-8")]
    assert not found, "std::uintptr_t first"
