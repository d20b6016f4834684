"""What the grader looks up in a kernel is the given file's own, whatever a student's file calls its variables."""

import re
import subprocess
from pathlib import Path

import pytest

from grade.boot.frame_records import _ALLOCATOR
from grade.boot.kernel_image import KernelImage, NameTaken
from grade.boot.process_slots import _SLOTS
from grade.cutting.cutter import cut
from grade.guest.guest import Guest
from grade.isa import ISAS
from grade.ladder.build import BuildError, build_kernel
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
STUDENTS = "kernel/space/address_space.cc"
NAMES = "_ZN12_GLOBAL__N_18g_framesE", "_ZN12_GLOBAL__N_17g_slotsE"
GLOBAL = "".join(f".globl {name}\\n{name}: .skip 64\\n" for name in NAMES)
LOCAL = "".join(f"{name}: .skip 64\\n" for name in NAMES)
ASSEMBLY = 'asm(".pushsection .bss\\n{}.popsection");\n'
SAME = "namespace { [[gnu::used]] constinit unsigned long g_frames[8], g_slots[8]; }\n"


def image_with(folder: Path, isa: str, file: str, code: str) -> KernelImage:
    cut(ROOT, 3, 3, folder)
    with (folder / file).open("a", encoding="utf-8") as opened:
        opened.write(code)
    return KernelImage(isa, build_kernel(folder, isa).elf)


def places(image: KernelImage, name: str) -> dict[int, str]:
    """Returns where variables of that name are, and in which file by the debug information; '' for one that it does not know."""
    nm = [f"{image.isa}-linux-gnu-nm", "--line-numbers", image.elf]
    lines = subprocess.run(nm, capture_output=True, text=True, check=True).stdout.splitlines()
    found = (re.fullmatch(r"(\w+) \w (\w+)(?:\t/pagewalk/(.*):\d+)?", line) for line in lines)
    return {int(one[1], 16): one[3] or "" for one in found if one is not None and one[2] == name}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("code", [SAME, ASSEMBLY.format(GLOBAL), ASSEMBLY.format(LOCAL)], ids=["same", "global", "local"])
def test_a_variable_of_the_same_name(tmp_path: Path, isa: str, code: str) -> None:
    image = image_with(tmp_path / "tree", isa, STUDENTS, code)
    for name, (source, variable) in zip(NAMES, (_ALLOCATOR, _SLOTS), strict=True):
        known = places(image, name)
        assert len(known) == 2, "there is a twin"
        assert known[image.hidden_place(source, variable)[0]] == source


@pytest.mark.parametrize("isa", ISAS)
def test_a_file_that_takes_anothers_name(tmp_path: Path, isa: str) -> None:
    """Then it is not known which is which, and neither is believed."""
    pretends = '.file \\"frame_allocator.cc\\"\\n'
    image = image_with(tmp_path / "tree", isa, STUDENTS, ASSEMBLY.format(pretends + LOCAL))
    assert len(places(image, NAMES[0])) == 2
    with pytest.raises(NameTaken, match="two variables g_frames of a file frame_allocator.cc: rename any that is not given"):
        image.hidden(*_ALLOCATOR)


@pytest.mark.parametrize(
    "code",
    [
        "void check_root(int) {}\n",
        'asm(".pushsection .text\\n_Z10check_rootv: nop\\n.popsection");\n',
        'asm(".pushsection .text\\n.globl _Z10check_rootv\\n_Z10check_rootv: nop\\n.popsection");\n',
    ],
    ids=["overload", "local", "global"],
)
def test_a_function_of_the_same_name(tmp_path: Path, code: str) -> None:
    """No breakpoint is set where a student's function of that name begins."""
    image = image_with(tmp_path / "tree", "x86_64", STUDENTS, code)
    with pytest.raises(LookupError, match="has 2 functions check_root, and must have one: rename any that is not given"):
        image.function("check_root")
    assert image.place(image.function("end_current")).startswith("end_current")


def test_a_symbol_of_the_same_name(tmp_path: Path) -> None:
    """A global one does not link. A local one is not taken for it."""
    twin = 'asm(".pushsection .text\\n{}checkpoint_reached: nop\\n.popsection");\n'
    image = image_with(tmp_path / "tree", "x86_64", STUDENTS, twin.format(""))
    known = places(image, "checkpoint_reached")
    assert len(known) == 2
    assert known[image.va("checkpoint_reached")] not in ("", STUDENTS)
    with pytest.raises(BuildError, match="multiple definition of `checkpoint_reached'"):
        image_with(tmp_path / "tree", "x86_64", STUDENTS, twin.format(".globl checkpoint_reached\\n"))


COMMANDS = """
#include "kernel/base/print.h"
#include "kernel/monitor/monitor.h"

namespace {
void run(const Arguments& arguments) { Fact("mine").field("command", arguments.word(0)); }
[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kMine[] = {
    {"frames", "", "", 0, run}, {"mine", "", "", 0, run}, {"checkpoint", "NAME", "", 1, run}};
}
"""


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("file", ["arch/{}/boot_map.cc", "kernel/space/vma.cc"])  # linked before the given ones, and after
def test_a_command_of_the_same_name(tmp_path: Path, isa: str, file: str) -> None:
    """A student's own command works, but none takes the place of a given one."""
    tree = tmp_path / "tree"
    cut(ROOT, 5, 5, tree, [isa])
    with (tree / file.format(isa)).open("a", encoding="utf-8") as opened:
        opened.write(COMMANDS)
    with Guest(build_kernel(tree, isa), "mine\nframes\ncheckpoint ready") as guest:
        guest.run_to("ready")
        assert [fact.values["command"] for fact in guest.facts("mine")] == ["mine"]
        assert guest.fact("frames")


UNIT = r"""
asm(".pushsection .debug_abbrev,\"\",@progbits\n"
".Lmy_forms: .uleb128 1\n.uleb128 0x11\n.byte 1\n.uleb128 3\n.uleb128 8\n.byte 0,0\n"
".uleb128 2\n.uleb128 0x39\n.byte 1\n.uleb128 3\n.uleb128 8\n.byte 0,0\n"
".uleb128 3\n.uleb128 0x34\n.byte 0\n.uleb128 3\n.uleb128 8\n.uleb128 0x1c\n.uleb128 7\n.byte 0,0\n.byte 0\n.popsection\n"
".pushsection .debug_info,\"\",@progbits\n"
".4byte .Lmy_end-.Lmy_start\n.Lmy_start: .2byte 5\n.byte 1,8\n.4byte .Lmy_forms\n"
".uleb128 1\n.asciz \"kernel/definitions.cc\"\n.uleb128 2\n.asciz \"layout\"\n"
".uleb128 3\n.asciz \"kWindowSize\"\n.8byte 0x800000\n.byte 0,0\n.Lmy_end:\n.popsection");
"""
HIDES_THE_REST = (
    r"""asm(".pushsection .debug_info,\"\",@progbits\n.4byte 0xffffffff\n.8byte 0x7fffffffffffffff\n.popsection");"""
)
RUBBISH = r"""asm(".pushsection .debug_info,\"\",@progbits\n.byte 1,2,3\n.popsection");"""


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("code", [UNIT, UNIT + HIDES_THE_REST, RUBBISH], ids=["unit", "no-other", "rubbish"])
def test_debug_information_of_a_students(tmp_path: Path, isa: str, code: str) -> None:
    """What a constant is, and where a record has its members, is read from what nothing of a student's is compiled into."""
    image = image_with(tmp_path / "tree", isa, f"arch/{isa}/boot_map.cc", code)
    assert image.defined.constant("layout::kWindowSize") == 32 << 20
    assert image.defined.record("Process")["space.root_"].size == 8
    alone = tmp_path / "kernel.elf"
    alone.write_bytes(image.elf.read_bytes())
    with pytest.raises(KeyError, match="definitions.cc is in the debug information of .* 2 times|cannot be read to its end"):
        KernelImage(isa, alone).defined.constant("layout::kWindowSize")
