import pytest
import torch

from lstm_fcn.errors import SettingsError
from lstm_fcn.model.device import choose_device, choose_precision

CPU = torch.device("cpu")


def test_the_processor_is_taken_where_it_is_asked_for():
    assert choose_device("cpu") == CPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there_is_refused():
    assert choose_device("auto") == CPU
    with pytest.raises(SettingsError, match="--device cuda: torch finds no CUDA device here"):
        choose_device("cuda")


def test_a_precision_that_is_asked_for_is_taken():
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16


@pytest.mark.parametrize(("has", "chosen"), [({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)])
def test_bfloat16_is_taken_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, has: dict[str, bool], chosen: torch.dtype
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert choose_precision("auto", CPU) == chosen
