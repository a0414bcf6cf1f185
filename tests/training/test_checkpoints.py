"""Checkpoints come back as they were, from every form; what is damaged is said."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.errors import InputError
from rstmrf.training.checkpoints import LAST, read_checkpoint, squeezed
from rstmrf.training.trainer import CheckpointFiles

CONTENT = {"state_dict": {"w": torch.arange(1000.0)}, "optimizer_states": [torch.ones(2000)], "epoch": 3}
FORMS = ["none", "gzip", "zstd"]


@pytest.mark.parametrize("compress", FORMS)
def test_what_is_written_is_read(tmp_path, compress):
    path = tmp_path / "deep" / "a.ckpt"
    CheckpointFiles(compress).save_checkpoint(CONTENT, path)
    read = read_checkpoint(path)
    assert read["epoch"] == 3 and torch.equal(read["state_dict"]["w"], CONTENT["state_dict"]["w"])
    assert [f.name for f in path.parent.iterdir()] == ["a.ckpt"]


def test_only_the_last_holds_the_optimizer_where_it_is_not_saved(tmp_path):
    files = CheckpointFiles(save_optimizer=False)
    for name in ("best-epoch=001.ckpt", LAST):
        files.save_checkpoint(CONTENT, tmp_path / name)
    assert "optimizer_states" not in read_checkpoint(tmp_path / "best-epoch=001.ckpt")
    assert "optimizer_states" in read_checkpoint(tmp_path / LAST)


@given(st.binary(min_size=1, max_size=500))
def test_compression_loses_nothing(content):
    import gzip

    from numcodecs.zstd import Zstd

    assert gzip.decompress(squeezed(content, "gzip")) == content == bytes(Zstd().decode(squeezed(content, "zstd")))


@pytest.mark.parametrize("compress", FORMS)
@pytest.mark.parametrize("damage", ["cut", "empty", "absent"])
def test_damaged_checkpoints_are_said(tmp_path, compress, damage):
    path = tmp_path / "a.ckpt"
    CheckpointFiles(compress).save_checkpoint(CONTENT, path)
    content = path.read_bytes()
    path.unlink() if damage == "absent" else path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(InputError, match=r"a.ckpt: no whole checkpoint is there"):
        read_checkpoint(path)
