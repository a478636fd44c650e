"""Linear layers with their weights laid out once for the CPU's matrix kernels.

torch re-packs a weight in every call of nn.Linear; for one short text that costs more than the
product. oneDNN, which torch carries, multiplies with a weight packed ahead of time. These are the
operators that torch's own inductor emits for frozen models; where they are missing the layers stay.
"""

import torch
from torch import Tensor, nn


class PackedLinear(nn.Module):
    """x @ weight.T + bias for inference, with the result of nn.Linear to float32 rounding."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._weight, self._bias, "none", [], ""
        )
        return product


def pack_linear_layers(model: nn.Module) -> None:
    """Replace every float32 nn.Linear inside `model`, in place; without oneDNN do nothing."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child.weight.dtype is torch.float32:
                setattr(module, name, PackedLinear(child))
