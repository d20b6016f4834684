"""The registers that a gdb stub offers: their names, numbers and sizes.

The stub describes them in XML, `target.xml` and the files it includes. (GDB's
manual, appendix G, "Target Descriptions".)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_INCLUDE = "{http://www.w3.org/2001/XInclude}include"


@dataclass(frozen=True)
class Register:
    """One register: the stub's number for it and its size."""

    name: str
    number: int
    bits: int


class RegisterMap:
    """Registers by name. The case of letters does not matter."""

    def __init__(self, registers: Sequence[Register]) -> None:
        self.by_number = sorted(registers, key=lambda register: register.number)
        self._by_name: dict[str, Register] = {}
        for register in self.by_number:
            self._by_name.setdefault(register.name.lower(), register)

    def find(self, *names: str) -> Register | None:
        """Returns the register of the first of `names` that exists, or None."""
        for name in names:
            if register := self._by_name.get(name.lower()):
                return register
        return None


def read_register_map(read_file: Callable[[str], str]) -> RegisterMap:
    """Builds the map from target.xml; `read_file` returns the text of one of the stub's XML files."""
    registers: list[Register] = []
    for element in _elements("target.xml", read_file):
        number = element.get("regnum")
        following = registers[-1].number + 1 if registers else 0
        registers.append(
            Register(
                name=element.attrib["name"],
                number=following if number is None else int(number),
                bits=int(element.attrib["bitsize"]),
            )
        )
    return RegisterMap(registers)


def _elements(file: str, read_file: Callable[[str], str]) -> Iterator[ElementTree.Element]:
    """Yields the <reg> elements of a file and of the files it includes, in their order."""
    text = read_file(file)
    # The stub uses the prefix xi without declaring it.
    text = text.replace("<target>", '<target xmlns:xi="http://www.w3.org/2001/XInclude">', 1)
    for element in ElementTree.fromstring(text).iter():
        if element.tag == _INCLUDE:
            yield from _elements(element.attrib["href"], read_file)
        elif element.tag == "reg":
            yield element
