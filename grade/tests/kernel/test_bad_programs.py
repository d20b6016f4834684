"""Files that are no programs, and programs that are too large, given to the whole tree's kernel: it says what is wrong."""

from dataclasses import replace
from errno import ENOEXEC

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE
from grade.ladder.build import Kernel
from grade.tests.kernel.hostile_runs import Attack, attack, killed, laid_out, said
from grade.tests.kernel.program_files import EXIT, TEXT, Part, give_programs, program

_ = attack  # the fixture


def bad_programs(image: KernelImage) -> dict[str, tuple[bytes, str]]:
    """Files that are no programs, and why not."""
    isa, user_end, stack_top = image.isa, laid_out(image, "kUserEnd"), laid_out(image, "kUserStackTop")
    text, other = Part(TEXT, EXIT[isa]), {"x86_64": "aarch64", "aarch64": "x86_64"}[isa]
    good = program(isa, [text])
    data = Part(TEXT + PAGE, b"data", "rw")
    template = Part(TEXT, b"", "r", type=7, memory_size=8)  # PT_TLS

    def at(address: int, size: int, **changed: int) -> bytes:
        return program(isa, [text, Part(address, b"", "rw", memory_size=size, **changed)])

    def changed(**fields: int) -> bytes:
        return program(isa, [text], **fields)

    outside, truncated = "segment-out-of-place", "truncated"
    files = {
        "empty": (b"", truncated),
        "script": (b"#!/bin/sh\n".ljust(100, b"#"), "not-elf"),
        "half-a-header": (good[:63], truncated),
        "half-a-part": (good[:100], truncated),
        "without-content": (good[:-1], truncated),
        "content-far-away": (program(isa, [Part(TEXT, EXIT[isa], offset=2**64 - PAGE)]), truncated),
        "parts-far-away": (changed(headers=2**64 - 1), truncated),
        "parts-around-the-end": (changed(headers=2**64 - 55), truncated),
        "many-parts": (changed(count=0xFFFF), truncated),
        "no-parts": (changed(count=0), "no-segments"),
        "nine-parts": (program(isa, [Part(TEXT + i * PAGE, EXIT[isa]) for i in range(9)]), "too-many-segments"),
        "32-bits": (changed(bits=1), "wrong-class"),
        "big-endian": (changed(order=2), "wrong-byte-order"),
        "future": (changed(version=2), "wrong-version"),
        "library": (changed(type=3), "wrong-type"),
        "core-dump": (changed(type=4), "wrong-type"),
        "other-isa": (program(other, [text]), "wrong-machine"),
        "other-parts": (changed(part_size=57), "wrong-header-size"),
        "linked-at-run-time": (program(isa, [text, Part(0, b"/lib/ld.so", "r", type=3)]), "not-static"),
        "write-and-execute": (program(isa, [Part(TEXT, EXIT[isa], "rwx")]), "write-and-execute"),
        "unreadable": (program(isa, [Part(TEXT, EXIT[isa], "x")]), "unreadable"),
        "two-templates": (program(isa, [text, template, template]), "bad-thread-variables"),
        "large-template": (program(isa, [text, replace(template, memory_size=2**64 - 1)]), "bad-thread-variables"),
        "shared-page": (program(isa, [text, Part(TEXT + 64, b"data", "rw")]), "segments-share-a-page"),
        "page-zero": (at(0, PAGE), outside),
        "last-of-page-zero": (at(PAGE - 1, 2), outside),
        "around-the-end": (at(2**64 - PAGE, 2 * PAGE), outside),
        "all-there-is": (at(PAGE, 2**64 - 1), outside),
        "kernel": (at(0xFFFF_8000_0000_0000, PAGE), outside),
        "past-the-end": (at(user_end - PAGE, PAGE + 1), outside),
        "over-the-stack": (at(stack_top - PAGE, 2 * PAGE), outside),
        "on-the-guard": (at(laid_out(image, "kUserStackGuard"), PAGE), outside),
        "shrunk": (program(isa, [Part(TEXT, EXIT[isa], memory_size=1)]), "more-in-file-than-in-memory"),
        "misaligned": (program(isa, [Part(TEXT, EXIT[isa], offset=177)]), "misaligned"),
        "entry-nowhere": (program(isa, [text], entry=0), "bad-entry"),
        "entry-past-the-end": (program(isa, [text], entry=TEXT + len(EXIT[isa])), "bad-entry"),
        "entry-in-data": (program(isa, [text, data], entry=data.address), "bad-entry"),
        "entry-in-kernel": (program(isa, [text], entry=0xFFFF_8000_0020_0000), "bad-entry"),
    }
    if isa == "aarch64":
        files["entry-beside"] = (program(isa, [text], entry=TEXT + 2), "bad-entry")
    return files


def large_programs(image: KernelImage) -> dict[str, bytes]:
    """Programs that are promised more than there is."""
    isa = image.isa

    def with_memory(address: int, size: int) -> bytes:
        return program(isa, [Part(TEXT, EXIT[isa]), Part(address, b"", "rw", memory_size=size)])

    return {
        "hundred-mebibytes": with_memory(TEXT + PAGE, 100 << 20),
        "tebibyte": with_memory(1 << 40, 1 << 40),
        "most-of-it": with_memory(1 << 32, laid_out(image, "kUserEnd") - (1 << 32)),
    }


def test_files_that_are_no_programs(attack: Attack, kernel: Kernel) -> None:
    """Each is refused with the reason, in the monitor and to a program that would start it or become it."""
    files = bad_programs(KernelImage(kernel.isa, kernel.elf))
    lines = [line for name in files for line in (f"run {name}", f"run launch {name}", f"run become {name}")]
    own = {name: (kernel.elf.parent / "archive" / name).read_bytes() for name in ("launch", "become")}
    contents = {name: content for name, (content, _) in files.items()} | own
    guest = attack("run missing", *lines, prepare=lambda g: give_programs(g, contents))
    seen = {f.values["program"]: (f.values["result"], f.values.get("why")) for f in guest.facts("run")}
    wanted = {name: ("not-executable", why) for name, (_, why) in files.items()}
    assert seen == wanted | {"missing": ("no-such-program", None)}
    assert said(guest, r"launch: spawn returned (.*)") == [(str(-ENOEXEC),)] * len(files)
    assert said(guest, r"become: execve returned (.*)") == [(str(-ENOEXEC),)] * len(files)
    assert not killed(guest)


def test_programs_that_are_too_large(attack: Attack, kernel: Kernel) -> None:
    """What they do not touch, they need not have."""
    files = large_programs(KernelImage(kernel.isa, kernel.elf))
    guest = attack(*(f"run {name}" for name in files), prepare=lambda g: give_programs(g, files))
    assert not guest.facts("run")
    started = {f.values["pid"]: f.values["program"][:15] for f in guest.facts("process")}
    ended = {started[f.values["pid"]]: f.values["signal"] for f in guest.facts("exit")}
    assert ended == {name[:15]: "0" for name in (*files, "hello")}
