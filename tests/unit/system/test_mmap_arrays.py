from __future__ import annotations

import gc

import numpy as np

from lstmopt.system.mmap_arrays import Scratch, load, store
from support.parts import make_part


def test_what_is_stored_comes_back_with_its_arrays_in_the_file(tmp_path):
    part = make_part(0, 160)
    stored = store(part, tmp_path / "part")
    assert isinstance(stored.inputs, np.memmap)
    assert stored.rows == part.rows
    np.testing.assert_array_equal(stored.inputs, part.inputs)


def test_writing_to_an_array_leaves_the_file_as_it_is(tmp_path):
    stored = store(np.zeros(5), tmp_path / "zeros")
    stored[:] = 1
    assert not load(tmp_path / "zeros").any()


def test_a_scratch_folder_goes_with_its_last_reference():
    scratch = Scratch()
    path = scratch.path
    (path / "file").touch()
    del scratch
    gc.collect()
    assert not path.exists()
