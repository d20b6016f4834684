"""Layouts and constants are read out of the debug information, as the compiler has them."""

import errno
import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from grade.boot import definitions, memory_options
from grade.boot.definitions import KERNEL_DEFINITIONS, Definitions, definitions_in
from grade.boot.kernel_image import KernelImage
from grade.guest.guest import MONITOR_PROMPT
from grade.isa import ISAS
from grade.ladder.build import Kernel
from grade.ladder.labs import load_labs, owner_of
from grade.ladder.trees import find_root
from grade.machine.boot_parameters import AREA_BYTES, BootParameters

ROOT = find_root(Path(__file__))

SOURCE = """
#include <array>
#include <cstdint>
#include <optional>
#include <span>
enum class State : std::uint8_t { kReady, kGone = 7 };
namespace sizes { inline constexpr unsigned kSlots = 12; inline constexpr std::int64_t kLow = -5; }
class Address { public: explicit Address(std::uint64_t raw) : raw_(raw) {} private: std::uint64_t raw_; };
struct Inner { std::uint8_t first; Address place; };
struct Base { std::uint32_t inherited; };
struct Outer : Base {
  static constexpr int kMost = 3;
  State state;
  std::optional<Inner> inner;
  std::array<Inner, 4> all;
  std::span<const std::uint16_t> some;
  char name[6];
  std::int32_t below;
};
namespace { enum Deed : std::uint64_t { kLoad = 10'001, kStore }; Outer* g_outer; }
unsigned seen(Deed deed) { return deed == kStore ? sizeof(*g_outer) : 0; }
int main() { return 0; }
"""
CHECKS = """
#include <cstddef>
#include <cstdio>
#include <optional>
#include "SOURCE"
#define SHOW(member) std::printf("%s %zu %zu\\n", #member, offsetof(Outer, member), sizeof(Outer::member))
int main2() { SHOW(state); SHOW(inner); SHOW(all); SHOW(some); SHOW(name); SHOW(below); return 0; }
"""


def compiled(folder: Path, source: str, name: str = "program.cc", *options: str) -> Path:
    """Returns a program whose debug information calls `folder` as ours calls the tree."""
    (folder / name).write_text(source, encoding="utf-8")
    everything = ["-fno-eliminate-unused-debug-symbols", "-fno-eliminate-unused-debug-types"]
    command = [
        "g++",
        "-std=gnu++2b",
        "-g",
        *everything,
        f"-fdebug-prefix-map={folder}=/pagewalk",
        name,
        "-o",
        "program",
        *options,
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "program"


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    return definitions_in(compiled(tmp_path_factory.mktemp("defined"), SOURCE), "program.cc")


def test_members_are_where_the_compiler_has_put_them(tmp_path: Path, defined: Definitions) -> None:
    checks = CHECKS.replace('"SOURCE"', f'"{tmp_path}/source.cc"')
    (tmp_path / "source.cc").write_text(
        SOURCE.replace("int main()", "int main2();\nint main()").replace("return 0", "return main2()")
    )
    said = subprocess.run(
        [compiled(tmp_path, checks, "checks.cc", "-Wno-invalid-offsetof")], capture_output=True, text=True, check=True
    )
    outer = defined.record("Outer")
    for name, offset, size in (line.split() for line in said.stdout.splitlines()):
        assert (outer[name].offset, outer[name].size) == (int(offset), int(size)), name
    assert len(said.stdout.splitlines()) == 6


def test_the_members_of_members_are_known(defined: Definitions) -> None:
    outer, inner = defined.record("Outer"), defined.record("Inner")
    assert outer["inherited"].offset == 0
    assert outer["inner.place"].offset == outer["inner"].offset + inner["place"].offset
    assert outer["inner.place.raw_"] == outer["inner.place"]
    assert outer["inner.has_value"].offset == outer["inner"].offset + inner.size
    assert outer["some.data"].offset == outer["some"].offset and outer["some.size"].offset == outer["some"].offset + 8


def test_arrays_have_places(defined: Definitions) -> None:
    outer, inner = defined.record("Outer"), defined.record("Inner")
    start = outer["all"].offset
    assert list(outer["all"].places()) == [start, start + inner.size, start + 2 * inner.size, start + 3 * inner.size]
    assert len(outer["name"].places()) == 6


def test_fields_are_read(defined: Definitions) -> None:
    outer = defined.record("Outer")
    data = bytearray(2 * outer.size)
    at = outer.size + outer["below"].offset
    data[at : at + 4] = (-2).to_bytes(4, "little", signed=True)
    assert outer["below"].read(bytes(data), outer.size) == 0xFFFF_FFFE
    assert outer["below"].read_signed(bytes(data), outer.size) == -2
    assert outer["below"].read(bytes(data)) == 0
    assert outer["name"].bytes_in(b"x" * outer.size) == b"xxxxxx"


def test_constants_and_enumerators(defined: Definitions) -> None:
    assert (defined.constant("sizes::kSlots"), defined.constant("sizes::kLow"), defined.constant("Outer::kMost")) == (12, -5, 3)
    assert defined.enumerators("State") == {0: "ready", 7: "gone"}
    assert defined.enumerations["Deed"] == {"kLoad": 10_001, "kStore": 10_002}, "a namespace without a name"


def test_the_library_is_left_out(defined: Definitions) -> None:
    assert not [name for name in (*defined.records, *defined.constants) if name.startswith(("std::", "_"))]


def test_json_brings_them_back(defined: Definitions) -> None:
    assert Definitions.from_dict(json.loads(json.dumps(asdict(defined)))) == defined


def test_another_file_is_not_mistaken_for_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    other = SOURCE.replace("kSlots = 12", "kSlots = 13").replace("int main", "int other").replace("seen", "other_seen")
    (tmp_path / "sub" / "other.cc").write_text(other, encoding="utf-8")
    program = compiled(tmp_path, SOURCE, "program.cc", "sub/other.cc")
    assert definitions_in(program, "program.cc").constant("sizes::kSlots") == 12
    assert definitions_in(program, "sub/other.cc").constant("sizes::kSlots") == 13
    with pytest.raises(KeyError, match="0 times"):
        definitions_in(program, "other.cc")


@pytest.mark.parametrize("isa", ISAS)
def test_no_student_writes_what_is_looked_up(isa: str) -> None:
    """What the grader takes from there it believes: none of these headers may be a student's."""
    command = [
        f"{isa}-linux-gnu-g++",
        "-I.",
        f"-DPAGEWALK_ISA_{isa}",
        "-std=gnu++2b",
        "-ffreestanding",
        "-MM",
        KERNEL_DEFINITIONS,
    ]
    rule = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    included = {str(Path(name)) for name in rule.replace("\\\n", " ").split()[1:]}
    assert f"arch/{isa}/trap_frame.h" in included and "kernel/process/process.h" in included
    assert not [file for file in included if owner_of(load_labs(ROOT), file) is not None]
    assert owner_of(load_labs(ROOT), "kernel/paging/page_table_map.h") is not None, "one that a student owns would be found"


def test_what_the_kernel_defines(kernel: Kernel) -> None:
    image = KernelImage(kernel.isa, kernel.elf)
    for name in ("Process", "MemoryMap", "Vma", "FilePart", "FrameAllocator", "FrameRecord", "TrapFrame", "AreaDescription"):
        assert image.defined.record(name).size > 0
    _, size = image.hidden("kernel/process/process.cc", "g_slots")
    assert size == image.defined.constant("layout::kMaxProcesses") * image.defined.record("Process").size
    assert image.defined.record("TrapFrame").size % 16 == 0
    assert image.defined == definitions_in(kernel.elf, KERNEL_DEFINITIONS)


def test_what_is_said_to_mmap_is_what_the_kernel_understands(kernel: Kernel) -> None:
    constants = KernelImage(kernel.isa, kernel.elf).defined.constants
    names = {"kProtRead": "READ", "kProtWrite": "WRITE", "kProtExec": "EXECUTE"}
    names |= {f"kMap{name}": name.upper() for name in ("Shared", "Private", "Fixed", "Anonymous")}
    names |= {"kMapFixedNoReplace": "FIXED_NOREPLACE", "kMapTypeMask": "TYPE_MASK"}
    wanted = {name: getattr(memory_options, here) for name, here in names.items()}
    assert {name: constants[f"memory_options::{name}"] for name in names} == wanted


def test_errors_have_linux_numbers(kernel: Kernel) -> None:
    """So that the grader can call them by Python's names."""
    prefix = "error_numbers::k"
    constants = KernelImage(kernel.isa, kernel.elf).defined.constants
    errors = {name.removeprefix(prefix): value for name, value in constants.items() if name.startswith(prefix)}
    assert len(errors) > 10 and errors == {name: getattr(errno, name) for name in errors}


def test_parameters_are_where_the_kernel_looks_for_them(kernel: Kernel) -> None:
    """The machine writes them for any kernel, so it has the layout by itself."""
    defined = KernelImage(kernel.isa, kernel.elf).defined
    layout, encoded = defined.record("BootParameters"), BootParameters(2, 3, "ps\n", 4).encode()
    assert AREA_BYTES == defined.constant("kBootParametersSize") and encoded[layout.size :] == b"ps\n"
    read = {name: field.read(encoded) for name, field in layout.fields.items()}
    magic = defined.constant("kBootParametersMagic")
    assert read == {"magic": magic, "nonce": 2, "ram_bytes": 3, "fail_allocation": 4, "script_bytes": 3}


def test_what_the_monitor_prints_is_what_is_awaited() -> None:
    assert f'"{MONITOR_PROMPT}"' in (ROOT / "kernel/monitor/monitor.cc").read_text(encoding="utf-8")


def test_what_belongs_to_one_file_is_not_found_in_another(kernel: Kernel) -> None:
    image = KernelImage(kernel.isa, kernel.elf)
    assert image.hidden("kernel/process/process.cc", "g_slots") is not None
    assert image.hidden("kernel/process/scheduler.cc", "g_slots") is None


def test_the_same_bytes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever process: it takes longer than many milestones."""
    program = compiled(tmp_path, SOURCE)
    known = definitions_in(program, "program.cc")
    monkeypatch.setattr(definitions, "_defined", None)
    assert definitions_in(program.rename(tmp_path / "moved"), "program.cc") == known
    with (tmp_path / "moved").open("ab") as file:
        file.write(b"more")
    with pytest.raises(TypeError):
        definitions_in(tmp_path / "moved", "program.cc")
