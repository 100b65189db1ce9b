import pytest
import torch

from lstm_fcn.errors import SettingsError
from lstm_fcn.model import device
from lstm_fcn.model.config import Precision
from lstm_fcn.model.device import choose_device, choose_precision
from tests.models import needs_bfloat16

CPU = torch.device("cpu")


def test_the_processor_is_taken_where_it_is_asked_for():
    assert choose_device("cpu") == CPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there_is_refused():
    assert choose_device("auto") == CPU
    with pytest.raises(SettingsError, match="--device cuda: torch finds no CUDA device here"):
        choose_device("cuda")


@pytest.mark.parametrize("asked", ["float32", pytest.param("bfloat16", marks=needs_bfloat16)])
def test_a_precision_that_is_asked_for_is_taken(asked: Precision):
    assert choose_precision(asked, CPU) == getattr(torch, asked)


@pytest.mark.parametrize(("has", "chosen"), [({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)])
def test_bfloat16_is_taken_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, has: dict[str, bool], chosen: torch.dtype
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    monkeypatch.setattr(device, "_computes_bfloat16", lambda _: True)
    assert choose_precision("auto", CPU) == chosen
