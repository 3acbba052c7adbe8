import pytest

from pipeline.progress import meter


def test_totals_are_printed_even_when_the_work_breaks_off(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(RuntimeError), meter("execute", "tasks", total=4) as gauge:
        gauge.advance(2, reused=True)
        gauge.advance(1)
        raise RuntimeError
    assert "execute: 3/4 tasks" in (printed := capsys.readouterr().err)
    assert "2 reused from the journal" in printed
