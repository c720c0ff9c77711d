"""A small paint model from scratch, so that the diffusion path can be seen without a download.

    python -m maquette.train.paint --assets ASSETS --output RUN

First a picture autoencoder, then the two UNets. The training is short, so the model is asked for one thing: from pure
noise, in one step, the mean of what the picture and the guides allow. Its latents are relative to the reference's mean
colour and its last layer starts at zero, so before it has learned anything it paints that colour. At the end it is held
against that baseline on objects it never saw; `quality.json` has the numbers.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.image_vae import ImageVAE, ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.rotary import Rotary
from maquette.models.unet import UNetConfig
from maquette.paint.draw import COMMON_METAL_ROUGH
from maquette.paint.guides import render_guides
from maquette.paint.samplers import NoiseSchedule
from maquette.paint.views import CANDIDATES, normalise, published_clip
from maquette.render.rasterize import interpolate, rasterize
from maquette.runtime.device import choose_runtime
from maquette.train.assets import load_assets, read_holdout
from maquette.train.meshes import PaintedMesh
from maquette.train.pictures import recentre_batch, render_training_pictures
from maquette.train.run import Stage, StageSettings, compiled, half_precision
from maquette.zoo.paint_model import PaintModel, PaintModelConfig, save_paint_model

logger = logging.getLogger(__name__)

CAMERAS = [viewpoint.camera for viewpoint in CANDIDATES[:6]]
LAST_TIME = 999
KL_WEIGHT = 1e-6


UNET = UNetConfig(
    widths=(48, 96, 128),
    num_heads=(1, 2, 2),
    attention=(True, True, True),
    blocks_per_level=1,
    context_width=64,
    norm_groups=16,
)
VAE = ImageVAEConfig(widths=(32, 64, 96, 96), blocks_per_level=1, norm_groups=16)
VAE_STAGE = StageSettings(steps=4000, batch_size=32, learning_rate=4e-4)
UNET_STAGE = StageSettings(steps=8000, batch_size=16, learning_rate=3e-4)


@dataclass(frozen=True)
class PaintRecipe:
    """Sizes and lengths."""

    size: int = 128
    """Side of the views in pixels."""
    unet: UNetConfig = UNET
    vae: ImageVAEConfig = VAE
    vae_stage: StageSettings = VAE_STAGE
    unet_stage: StageSettings = UNET_STAGE
    objects: int | None = None
    """How many of the assets are used; None for all."""
    held_out: int = 64
    """Objects for the comparison at the end."""


@dataclass(frozen=True)
class Views:
    """N objects as uint8 pictures (N, views, 3, S, S); what a paint model reads and what it is to draw."""

    reference: Tensor
    """(N, 3, S, S): lit, from somewhere in front, on white."""
    normals: Tensor
    positions: Tensor
    albedo: Tensor
    metal_rough: Tensor

    def __len__(self) -> int:
        return len(self.reference)


def render_views(
    meshes: Sequence[PaintedMesh], size: int, generator: torch.Generator, device: torch.device
) -> Views:
    """Pictures of painted meshes from the six published cameras, and one lit picture of each."""
    lit = render_training_pictures(meshes, 1, 2 * size, generator, device)
    reference = recentre_batch(lit.rgba.flatten(0, 1), size)
    drawn = [_render(mesh, size, device) for mesh in meshes]
    normals, positions, albedo, metal_rough = (torch.stack(kind) for kind in zip(*drawn, strict=True))
    return Views(_to_bytes((reference + 1) / 2), normals, positions, albedo, metal_rough)


def _render(mesh: PaintedMesh, size: int, device: torch.device) -> tuple[Tensor, ...]:
    """Normals, positions, albedo and metal-roughness, each (views, 3, S, S) uint8 on white."""
    vertices, _, _ = normalise(torch.from_numpy(mesh.vertices).to(device))
    faces = torch.from_numpy(mesh.faces).to(device)
    guides = render_guides(vertices, faces, CAMERAS, size)
    corners = torch.arange(faces.numel(), device=device).view(-1, 3)
    metal_rough = F.pad(torch.from_numpy(mesh.face_mr), (0, 1))[:, None].expand(-1, 3, -1)
    table = torch.cat([torch.from_numpy(mesh.corner_rgb), metal_rough], -1).flatten(0, 1).float().to(device)
    seen = []
    for camera in CAMERAS:
        fragments = rasterize(published_clip(vertices, camera), faces, (size, size))
        seen.append(torch.where(fragments.mask[..., None], interpolate(table, corners, fragments), 1.0))
    materials = torch.cat(seen)
    maps = (guides.normal, guides.position, materials[..., :3], materials[..., 3:])
    return tuple(_to_bytes(picture.permute(0, 3, 1, 2)) for picture in maps)


def _to_bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().clamp(0, 255).to("cpu", torch.uint8)


def _to_signed(pictures: Tensor, device: torch.device) -> Tensor:
    return pictures.to(device).float() / 127.5 - 1


class Autoencoding(nn.Module):
    """The autoencoder with the loss of one batch."""

    def __init__(self, vae: ImageVAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """Mean absolute error of pictures (B, 3, S, S), and a little to keep latents near a unit Gaussian."""
        mean, deviation = self.vae.posterior(pictures)
        decoded = self.vae.decoder(self.vae.latents_in(mean + deviation * noise))
        kl = 0.5 * (mean.square() + deviation.square() - 1 - 2 * deviation.log()).sum((1, 2, 3)).mean()
        return F.l1_loss(decoded.float(), pictures) + KL_WEIGHT * kl


class Painting(nn.Module):
    """The paint model with the loss of one batch; compiles into one graph."""

    def __init__(self, unet: PaintUNet) -> None:
        super().__init__()
        self.unet = unet

    def draw(self, reference: Tensor, guides: Tensor, rotary: list[Rotary], noise: Tensor) -> Tensor:
        """Latents (B, 2, views, 4, h, w) drawn from noise in one step; the arguments as `PaintUNet` has them."""
        contexts = self.unet.prepare(
            guides.shape[1],
            features=self.unet.reference_features(reference),
            rotary=rotary,
            batch_size=len(guides),
        )
        time = torch.full((len(guides),), LAST_TIME, device=noise.device)
        return -self.unet.denoise(noise, time, guides, contexts)  # velocity where there is only noise

    def forward(
        self, reference: Tensor, guides: Tensor, rotary: list[Rotary], noise: Tensor, target: Tensor
    ) -> Tensor:
        """Mean squared error of the latents."""
        return F.mse_loss(self.draw(reference, guides, rotary, noise).float(), target)


@dataclass(frozen=True)
class Encoded:
    """The same objects as scaled latents, float32 on the CPU."""

    reference: Tensor
    """(N, 1, 4, h, w)."""
    guides: Tensor
    """(N, views, 8, h, w)."""
    target: Tensor
    """(N, 2, views, 4, h, w), relative to `flat`."""
    flat: Tensor
    """(N, 2, 1, 4, h, w): latents of flat pictures in the reference's mean colour."""


def train_paint(assets: Path, output: Path, recipe: PaintRecipe, seed: int, device: torch.device) -> Path:
    """Train from the assets; run it again after a stop to go on. Returns the model's folder."""
    held = read_holdout()
    everything = load_assets(assets)
    painted = [(record.id in held, mesh) for record, mesh in everything if not record.uncoloured]
    training = [mesh for is_held, mesh in painted if not is_held][: recipe.objects]
    testing = [mesh for is_held, mesh in painted if is_held][: recipe.held_out]
    views = render_views(training, recipe.size, torch.Generator().manual_seed(seed), device)
    vae = train_vae(views, recipe, output, seed, device)
    model = train_unet(encode(vae, views, device), views, vae, recipe, output, seed, device)
    save_paint_model(model, output / "painter")
    if testing:
        unseen = render_views(testing, recipe.size, torch.Generator().manual_seed(seed + 1), device)
        quality = compare(model, unseen, device)
        (output / "quality.json").write_text(json.dumps(quality))
        logger.info("decibels on views that the picture does not show: %s", quality)
    return output / "painter"


def train_vae(views: Views, recipe: PaintRecipe, folder: Path, seed: int, device: torch.device) -> ImageVAE:
    """The autoencoder, its scale set so that latents have about unit deviation."""
    torch.manual_seed(seed)
    module = Autoencoding(ImageVAE(replace(recipe.vae, scale_factor=1.0))).to(device)
    stage = Stage("paint_vae", module, recipe.vae_stage, folder, seed)
    loss_of, side = compiled(module, device), recipe.size // 8
    kinds = (views.normals, views.positions, views.albedo, views.metal_rough)
    for generator in stage.generators(torch.device("cpu")):
        batch = recipe.vae_stage.batch_size
        objects, view = (torch.randint(n, (batch,), generator=generator) for n in (len(views), len(CAMERAS)))
        kind = torch.randint(len(kinds) + 1, (batch,), generator=generator)
        pictures = torch.stack(
            [
                views.reference[o] if k == len(kinds) else kinds[k][o, v]
                for o, v, k in zip(objects.tolist(), view.tolist(), kind.tolist(), strict=True)
            ]
        )
        noise = torch.randn(batch, recipe.vae.latent_channels, side, side, generator=generator)
        with half_precision(device):
            loss = loss_of(_to_signed(pictures, device), noise.to(device))
        stage.update(loss)
        stage.log({"loss": loss.detach()})
    module.load_state_dict(stage.average)
    vae = module.vae.eval().requires_grad_(False)
    sample = _encode(vae, views.albedo[:64].flatten(0, 1), device)
    vae.config = replace(recipe.vae, scale_factor=round(1 / max(float(sample.std()), 1e-3), 5))
    return vae


@torch.no_grad()
def encode(vae: ImageVAE, views: Views, device: torch.device) -> Encoded:
    """All pictures as latents."""

    def many(pictures: Tensor) -> Tensor:
        return _encode(vae, pictures.flatten(0, 1), device).unflatten(0, pictures.shape[:2])

    colours = _mean_colours(views.reference)
    common = torch.tensor(COMMON_METAL_ROUGH).expand_as(colours)
    flat = torch.stack([colours, common], dim=1)[..., None, None].expand(-1, -1, *views.reference.shape[1:])
    flat_latents = many((flat * 255).round().to(torch.uint8))[:, :, None]
    return Encoded(
        many(views.reference[:, None]),
        torch.cat([many(views.normals), many(views.positions)], dim=2),
        torch.stack([many(views.albedo), many(views.metal_rough)], dim=1) - flat_latents,
        flat_latents,
    )


def _encode(vae: ImageVAE, pictures: Tensor, device: torch.device) -> Tensor:
    with torch.no_grad():
        return torch.cat([vae.encode(_to_signed(part, device)).cpu() for part in pictures.split(64)])


def _mean_colours(reference: Tensor) -> Tensor:
    """(N, 3) in [0, 1]: of what is not white, as `maquette.paint.draw.mean_colour`."""
    inside = (reference < 250).any(1, keepdim=True)
    return (reference * inside).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1) / 255


def train_unet(
    latents: Encoded,
    views: Views,
    vae: ImageVAE,
    recipe: PaintRecipe,
    folder: Path,
    seed: int,
    device: torch.device,
) -> PaintModel:
    """The paint model, its averaged weights."""
    torch.manual_seed(seed)
    config = PaintModelConfig(
        name="painter",
        license="Apache-2.0",
        unet=PaintUNetConfig(recipe.unet, text_length=1, dino_width=None),
        vae=vae.config,
        schedule=NoiseSchedule(),
        sampler="unipc",
        view_size=recipe.size,
        steps=1,
        guidance=1.0,
        from_mean=True,
    )
    module = Painting(PaintUNet(config.unet)).to(device)
    nn.init.zeros_(module.unet.painting.conv_out.weight)
    nn.init.zeros_(module.unet.painting.conv_out.bias)  # type: ignore[arg-type]
    stage = Stage("paint_unet", module, recipe.unet_stage, folder, seed)
    loss_of = compiled(module, device)
    for generator in stage.generators(torch.device("cpu")):
        chosen = torch.randint(len(views), (recipe.unet_stage.batch_size,), generator=generator)
        target = latents.target[chosen].to(device)
        noise = torch.randn(target.shape, generator=generator).to(device)
        inputs = _inputs(module.unet, latents, views, chosen, device)
        with half_precision(device):
            loss = loss_of(*inputs, noise, target)
        stage.update(loss)
        stage.log({"loss": loss.detach()})
    module.load_state_dict(stage.average)
    return PaintModel(config, module.unet.eval().requires_grad_(False), vae)


def _inputs(
    unet: PaintUNet, latents: Encoded, views: Views, chosen: Tensor, device: torch.device
) -> tuple[Tensor, Tensor, list[Rotary]]:
    """Reference latents, guide latents and rotary tables of the chosen objects."""
    maps = views.positions[chosen].to(device).float() / 255
    return (
        latents.reference[chosen].to(device),
        latents.guides[chosen].to(device),
        unet.rotary_tables(maps, latents.guides.shape[-1]),
    )


@torch.no_grad()
def compare(model: PaintModel, views: Views, device: torch.device) -> dict[str, float]:
    """Decibels (PSNR over the object, the front view left out) of albedo by the model and by the mean colour."""
    unet, vae = model.unet.to(device), model.vae.to(device)
    latents, painting = encode(vae, views, device), Painting(unet)
    errors: dict[str, list[Tensor]] = {"model": [], "mean_colour": []}
    generator = torch.Generator().manual_seed(0)
    for index in range(len(views)):
        chosen = torch.tensor([index])
        noise = torch.randn(latents.target[chosen].shape, generator=generator).to(device)
        drawn = painting.draw(*_inputs(unet, latents, views, chosen, device), noise)
        pictures = vae.decode((drawn + latents.flat[chosen].to(device))[0, 0]).clamp(-1, 1) / 2 + 0.5
        truth = views.albedo[index].to(device).float() / 255
        inside = (views.normals[index, 1:].to(device) < 255).any(1)
        flat = _mean_colours(views.reference[chosen]).to(device).view(1, 3, 1, 1).expand_as(truth)
        for name, guess in (("model", pictures), ("mean_colour", flat)):
            error = (guess - truth)[1:].square().mean(1)[inside].mean()
            errors[name].append(-10 * torch.log10(error.clamp(min=1e-6)))
    return {name: round(float(torch.stack(values).nanmean()), 2) for name, values in errors.items()}


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder of training meshes")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--objects", type=int, help="use only so many of the assets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = PaintRecipe(objects=options.objects)
    device = choose_runtime(options.device).device
    logger.info("%s", train_paint(options.assets, options.output, recipe, options.seed, device))


if __name__ == "__main__":
    main()
