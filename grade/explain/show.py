"""./pagewalk explain: prints an explanation, and what it means for the exit status."""

from rich.console import Console
from rich.text import Text

from grade.explain.case import Case
from grade.explain.explanation import explain
from grade.visible import visible


def show_explanation(case: Case, console: Console) -> bool:
    """Explains a run; returns whether all was well with it."""
    explanation = explain(case)
    for number, section in enumerate(explanation.sections):
        if number:
            console.print()
        console.print(Text(visible(section.heading), style="bold"), soft_wrap=True)
        for line in section.lines:
            console.print(Text(f"  {visible(line)}"), soft_wrap=True)
    return explanation.is_well
