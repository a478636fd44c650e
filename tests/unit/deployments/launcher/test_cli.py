"""The console command says what it finds, in sentences, and returns whether all is well."""

from pathlib import Path

import pytest

from deployments.launcher.cli import run_command


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SIDECAR_ENGINE_MODE", "off")
    monkeypatch.setenv("SIDECAR_METRICS_PORT", "0")


def test_the_delivered_configuration_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    status = run_command(["check"])
    output = capsys.readouterr()
    # Port 8000 may be in use where the tests run.
    assert status == 0 or "8000 is in use" in output.err


def test_doctor_describes_the_machine_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIDECAR_DATABASE_URL", "postgresql://u:secret@h/d")
    run_command(["doctor"])
    output = capsys.readouterr().out
    assert "grocery-sidecar " in output
    assert "PostgreSQL" in output
    assert "secret" not in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check", "none.yaml"], "none.yaml can't be read"),
        (["backup", "somewhere"], "has no service.db"),
        (["restore", "nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 1
    assert sentence in capsys.readouterr().err


def test_a_damaged_database_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "service.db").write_bytes(b"no database" * 1000)
    assert run_command(["backup", str(tmp_path / "copy")]) == 1
    assert "can't be copied" in capsys.readouterr().err
