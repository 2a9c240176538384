"""Everything that the documentation tells a reader to type does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.checking import check_command, check_python
from tests.docs.execution import Page
from tests.docs.snippets import ROOT, Snippet, commands, inline_commands, pages, snippets


@pytest.fixture
def folder(site: Path, plain_reports: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the configurations that ship, as the current one; what is registered is undone."""
    for name in ("configs", "studies"):
        (site / name).symlink_to(ROOT / name)
    monkeypatch.chdir(site)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return site


FIRST_READ = {ROOT, ROOT / "data", ROOT / "docs"}


# sktime 1.2 says so of every forecaster, its own too
@pytest.mark.filterwarnings("ignore:The default of config ``remember_data``:FutureWarning")
@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=[pytest.mark.long] if p.parent not in FIRST_READ else []) for p in pages()],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_page(page: Path, folder: Path) -> None:
    reader = Page(folder)
    for block in snippets(page):
        reader.follow(block)
    for command in inline_commands(page):
        try:
            check_command(command)
        except Exception as error:
            if "Missing" not in str(error):  # more than a command that is only named
                raise AssertionError(f"{page.name}: {command}: {error}") from error


def test_blocks_are_found_with_their_notes(tmp_path: Path) -> None:
    page = ROOT / "docs" / "imagined.md"
    shell = "<!-- needs: x -->\n\n```bash\ntsrep show \\\n  RUN  # later\n```\n"
    output = "<!-- output: numbers vary -->\n```text\n0.1\n```\n"
    text = f'a\n\n{shell}\n```yaml title="a.yaml"\nseed: 1\n```\n{output}'
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    found = list(snippets(tmp_path / "page.md"))
    assert [(s.language, s.line, s.title, s.note) for s in found] == [
        ("bash", 6, "", "needs"),
        ("yaml", 11, "a.yaml", ""),
        ("text", 15, "", "numbers vary"),
    ]
    assert [command.split() for command in commands(found[0].code)] == [["tsrep", "show", "RUN"]]
    assert Snippet(page, 3, "bash", "", "", "").where == "docs/imagined.md:3"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("tsrep evaluate RUN --protocoll probe", "No such option"),
        ("tsrep evaluate RUN --protocol guess", "unknown protocol 'guess'"),
        ("tsrep list encoder", "did you mean 'encoders'"),
        ("tsrep fitt --dataset ptb-xl", "no command tsrep fitt"),
        ("tsrep fit --dataset ptb-xl --set window.second=1", "unknown setting window.second"),
        ("tsrep data check ptb-yl --root DIR", "unknown dataset 'ptb-yl'"),
        ("tsrep fit --dataset ptb-xl --root DIR --set dataset.label=group", "unknown setting dataset.label"),
        ("tsrep fit --config configs/none.yaml --root DIR", "none.yaml"),
        ("tsrep study run studies/smoke.yaml --set training.epoch=1", "training.epoch"),
        ("tsrep embed RUN --out FILE --dataset series-csv --set dataset.gap=refuse", "dataset.gap"),
        ("torchrun --nproc-per-node 2 -m tsrep fit --devise cpu", "No such option"),
        ("make sandwiches", "no target"),
        ("pip install 'tsrep[bread]'", "no extra"),
    ],
)
def test_commands_that_are_not_run_are_checked(command: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        check_command(command)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import tsrep\ntsrep.fitt({})", AttributeError),
        ("import tsrep\ntsrep.fit({}, outt='x')", TypeError),
        ("from tsrep.testing import check_everything", AttributeError),
    ],
)
def test_programs_that_are_not_run_are_checked(code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_python(code)


def test_a_page_that_says_too_much_fails(folder: Path) -> None:
    reader = Page(folder)
    page = ROOT / "docs" / "imagined.md"
    reader.follow(Snippet(page, 1, "python", "", "print('three windows')", ""))
    reader.follow(Snippet(page, 2, "text", "", "three … windows\n", "output"))
    with pytest.raises(AssertionError, match="'four' was not printed"):
        reader.follow(Snippet(page, 3, "text", "", "four … windows\n", "output"))
    reader.follow(Snippet(page, 1, "python", "", "print('comet  0.583 (0.468–0.755)  −0.002  3')", ""))
    reader.follow(Snippet(page, 2, "text", "", "comet 0.6 (0.5–0.7)  +0.013  3\n", "numbers vary"))
    for told in ("simclr 0.583", "comet 0.583 (0.468–0.755) −0.002 4", "comet 0.583 (0.468-0.755)"):
        with pytest.raises(AssertionError, match="was not printed"):
            reader.follow(Snippet(page, 3, "text", "", told, "numbers vary"))
    with pytest.raises(AssertionError, match=r"docs/imagined.md:4: ZeroDivisionError"):
        reader.follow(Snippet(page, 4, "python", "", "1 / 0", ""))
    with pytest.raises(AssertionError, match="ended with 2, not 0"):
        reader.follow(Snippet(page, 5, "bash", "", "tsrep show nothing", ""))
    reader.follow(Snippet(page, 6, "bash", "", "tsrep show nothing", "refused"))
