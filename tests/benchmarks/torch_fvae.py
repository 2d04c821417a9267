"""The paper's network, losses, clipping and Adam once more, in PyTorch, with the weights of ours.

PyTorch pads a strided convolution alike on both sides, XLA's 'SAME' pads the far side more. To let PyTorch do what it
does best and yet compute the same numbers, this network works on images turned by 180°, with filters turned alike:
there the far side is the near one. A flow turned so changes its sign.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.traverse_util
import numpy as np
import torch
import torch.nn.functional as F
from benchmarks import operations
from torch import nn

_LEAVES = {'kernel': 'weight', 'scale': 'weight', 'bias': 'bias', 'mean': 'running_mean', 'var': 'running_var'}


class _Conv(nn.Module):
    def __init__(self, inputs: int, features: int, kernel: int = 3, stride: int = 1, bias: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, features, kernel, stride, padding=kernel // 2, bias=bias)

    def forward(self, x):
        return self.conv(x)


class _ConvNormRelu(nn.Module):
    def __init__(self, inputs: int, features: int, momentum: float, kernel: int = 3, stride: int = 1):
        super().__init__()
        self.conv = _Conv(inputs, features, kernel, stride, bias=False)
        self.norm = nn.BatchNorm2d(features, momentum=1 - momentum)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class _Stack(nn.Module):
    def __init__(self, widths: Sequence[int], momentum: float):
        super().__init__()
        inputs = (3, *widths[:-1])
        self.names = [f'down{i + 1}' for i in range(len(widths))]
        for i, name in enumerate(self.names):
            self.add_module(name, _ConvNormRelu(inputs[i], widths[i], momentum, kernel=5 if i == 0 else 3, stride=2))

    def forward(self, x):
        outputs = []
        for name in self.names:
            x = getattr(self, name)(x)
            outputs.append(x)
        return outputs


class _Encoder(nn.Module):
    def __init__(self, widths: Sequence[int], latent_channels: int, momentum: float):
        super().__init__()
        self.stack = _Stack(widths, momentum)
        self.mean, self.log_variance = (_Conv(widths[-1], latent_channels) for _ in range(2))

    def forward(self, image):
        x = self.stack(image)[-1]
        return self.mean(x), self.log_variance(x)


class _Decoder(nn.Module):
    def __init__(self, widths: Sequence[int], latent_channels: int, channels: int, momentum: float):
        super().__init__()
        inputs = latent_channels + widths[-1]
        self.levels = list(reversed(range(len(widths) - 1)))
        for i in self.levels:
            self.add_module(f'up{i + 1}', _ConvNormRelu(inputs, widths[i], momentum))
            inputs = 2 * widths[i]
        self.up0 = _Conv(inputs, widths[0] // 2)
        self.out = _Conv(widths[0] // 2, channels, kernel=5)

    def forward(self, latent, features):
        x = torch.cat([latent, features[-1]], 1)
        for i in self.levels:
            x = torch.cat([getattr(self, f'up{i + 1}')(_twice(x)), features[i]], 1)
        return self.out(torch.relu(self.up0(_twice(x))))


def _twice(x):
    return F.interpolate(x, scale_factor=2, mode='nearest')


class FVAE(nn.Module):
    """`models.fvae.FVAE` of a config with residual flow and source pyramid, on images turned by 180°.

    Args:
      config: The experiment.
    """

    def __init__(self, config):
        super().__init__()
        assert config.flow.parameterization == 'residual' and config.model.source_concat == 'pyramid'
        size, model = config.data.image_size, config.model
        widths = [model.width * 2**i for i in range((size // 4).bit_length() - 1)]
        latent_channels = model.latent_channels or widths[-1]
        self.scale = config.flow.scale
        self.encoder = _Encoder(widths, latent_channels, model.norm_momentum)
        self.source_pyramid = _Stack(widths, model.norm_momentum)
        channels = 2 + 4 * model.content + model.shading
        self.decoder = _Decoder(widths, latent_channels, channels, model.norm_momentum)
        self._content, self._shading = model.content, model.shading
        row = torch.linspace(-1, 1, size)
        self.register_buffer('grid', torch.stack(torch.meshgrid(row, row, indexing='xy')), persistent=False)

    def decode(self, latent, features):
        """Z and the pyramid of S → flow (B, 2, H, W); then, if predicted, alpha's logits, colors, and r."""
        head = self.decoder(latent, features)
        parts = [self.grid + self.scale * torch.tanh(head[:, :2])]
        if self._content:
            parts += [head[:, 2] - 3.0, torch.tanh(head[:, 3:6])]
        if self._shading:
            parts.append(0.7 * torch.tanh(head[:, -1] / 0.7))
        return parts

    def forward(self, source, target, noise):
        """S, T (B, 3, H, W) and ε → μ, log σ², flow, g(S, Z(T))."""
        mean, log_variance = self.encoder(target)
        (flow,) = self.decode(mean + torch.exp(0.5 * log_variance) * noise, self.source_pyramid(source))
        image = F.grid_sample(source, flow.permute(0, 2, 3, 1), padding_mode='border', align_corners=True)
        return mean, log_variance, flow, image

    def take(self, variables: Mapping[str, Any]) -> 'FVAE':
        """Copies the variables of ours, in place; returns itself."""
        state = {name: torch.from_numpy(array.copy()) for name, array in translated(variables).items()}
        missing, unexpected = self.load_state_dict(state, strict=False)
        assert not unexpected and all(name.endswith('num_batches_tracked') for name in missing)
        return self


def translated(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Variables of ours, or gradients by them, under PyTorch's names and turned by 180°."""
    result = {}
    for path, value in flax.traverse_util.flatten_dict(dict(variables)).items():
        value = np.asarray(value)
        if value.ndim == 4:
            value = value[::-1, ::-1].transpose(3, 2, 0, 1)
        if path[2:4] == ('out', 'conv'):
            value = np.concatenate([-value[:2], value[2:]])
        result['.'.join((*path[1:-1], _LEAVES[path[-1]]))] = np.ascontiguousarray(value)
    return result


def turned(x: np.ndarray) -> torch.Tensor:
    """(B, H, W, C) → (B, C, H, W) turned by 180°, channels last in memory."""
    x = np.ascontiguousarray(x[:, ::-1, ::-1])
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class Step:
    """A training step as `training.steps` takes it, in the precision of `model.dtype`.

    Args:
      config: The experiment.
      variables: Those of ours to begin with.
      compiled: Whether network and losses go through torch.compile.
      device: Where.
    """

    def __init__(self, config, variables: Mapping[str, Any], compiled: bool, device: str = 'cpu'):
        network = FVAE(config).to(getattr(torch, config.model.dtype)).take(variables)
        self.network = network.to(device, memory_format=torch.channels_last)
        self.network.train()
        self._clip, self._loss = config.train.clip, config.loss
        self._latent = (self.network.encoder.mean.conv.out_channels, 4, 4)
        self._optimizer = torch.optim.Adam(self.network.parameters(), config.train.learning_rate, fused=True)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, config.train.steps)
        self._objective = torch.compile(self._forward) if compiled else self._forward

    def __call__(self, source: torch.Tensor, target: torch.Tensor, noise: torch.Tensor | None = None) -> float:
        """Takes one step with S, T (B, 3, H, W) and ε, drawn unless given; returns the loss.

        The gradients, clipped, stay in the network's parameters.
        """
        if noise is None:
            noise = torch.randn(len(source), *self._latent, device=source.device)
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._objective(source, target, noise)
        loss.backward()
        torch.nn.utils.clip_grad_value_(self.network.parameters(), self._clip)
        self._optimizer.step()
        self._schedule.step()
        return float(loss.detach())

    def _forward(self, source, target, noise):
        mean, log_variance, flow, image = self.network(source, target, noise)
        settings = self._loss
        reconstruction = (target - image).square().sum((1, 2, 3))
        prior = (mean.square() + log_variance.exp() - 1 - log_variance).sum((1, 2, 3))
        displacement = (flow - self.network.grid) * (0.5 * (flow.shape[-1] - 1))
        coherence = operations.torch_coherence(displacement, target, settings.flow_alpha, settings.flow_sigma)
        return (reconstruction + settings.prior_weight * prior + settings.flow_weight * coherence).mean()
