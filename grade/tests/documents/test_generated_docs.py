"""Documents that are made from the tree: none is stale, and what is stale is renewed."""

from pathlib import Path

import pytest

from grade.course import generated_docs
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))


@pytest.mark.parametrize("document", generated_docs.DOCUMENTS)
def test_no_document_is_stale(document: str) -> None:
    is_as_made = (ROOT / document).read_text(encoding="utf-8") == generated_docs.DOCUMENTS[document](ROOT)
    assert is_as_made, f"{document} is stale: run ./pagewalk test --renew-docs"


def test_what_is_stale_is_renewed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated_docs, "DOCUMENTS", {name: lambda root: "new\n" for name in ("a.md", "b.md", "c.md")})
    monkeypatch.setattr(generated_docs, "MEASURED", {"d.md": lambda root: "measured\n"})
    (tmp_path / "a.md").write_text("old\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("new\n", encoding="utf-8")
    assert generated_docs.stale(tmp_path) == ["a.md", "c.md"]
    assert generated_docs.renew(tmp_path) == ["a.md", "c.md", "d.md"]
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == (tmp_path / "c.md").read_text(encoding="utf-8") == "new\n"
    assert (tmp_path / "d.md").read_text(encoding="utf-8") == "measured\n"
    assert generated_docs.renew(tmp_path) == []
