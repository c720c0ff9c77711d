"""A small paint model from scratch, so that the diffusion path can be seen without a download.

    python -m maquette.train.paint --assets ASSETS --output RUN [--minutes 16]

First a picture autoencoder, then the two UNets. The training is short, so the model is asked for little: it is shown
what the weight-free painter makes of each view and draws, from pure noise and in one step, the mean of what is missing
from that (light taken out, unseen sides). Its last layer starts at zero, so before it has learned
anything it paints as that painter does. At the end it is held against it on objects it never saw: see `quality.json`.
A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.errors import SettingError
from maquette.models.image_vae import ImageVAE, ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.rotary import Rotary
from maquette.models.unet import UNetConfig
from maquette.paint.draw import corrected_colours, decode_correction
from maquette.paint.samplers import NoiseSchedule
from maquette.runtime.device import choose_runtime
from maquette.train.assets import load_assets, read_holdout
from maquette.train.bank import NUM_FRONTS, turn_mesh
from maquette.train.likeness import structural_distance
from maquette.train.meshes import PaintedMesh
from maquette.train.paint_views import CAMERAS, Views, render_views
from maquette.train.run import Stage, StageSettings, compiled, half_precision, hash_seed
from maquette.train.step import Losses
from maquette.zoo.paint_model import PaintModel, PaintModelConfig, save_paint_model

logger = logging.getLogger(__name__)

LAST_TIME = 999
KL_WEIGHT = 1e-6
GUIDE_MAPS = 4  # normals, positions, hint, how well that is known
_KNEE = 0.3  # latent errors below it count squared, above it as they are
_OUTSIDE = 0.02  # weight of latents beside the object
_SHOWN = 2  # views of each object in a batch that are also compared as pictures
_AT_ONCE = {"cuda": 48}  # meshes drawn together; fewer elsewhere
_VAE_SHARE, _WHOLE_SHARE = 0.16, 0.96  # of --minutes: for the autoencoder, and until the UNets must be done
_DRAWING_SHARE = 0.4  # of the time until then: no further look of the objects is begun after it

UNET = UNetConfig(
    widths=(64, 96, 160),
    num_heads=(1, 2, 2),
    attention=(False, True, True),  # the finest level has most of the tokens, and corrections are smooth
    blocks_per_level=1,
    context_width=64,
    norm_groups=16,
)
VAE = ImageVAEConfig(widths=(32, 64, 96, 96), blocks_per_level=1, norm_groups=16)
VAE_STAGE = StageSettings(steps=4000, batch_size=32, learning_rate=5e-4, save_every=250)
UNET_STAGE = StageSettings(steps=12000, batch_size=16, learning_rate=1e-3, muon=True, save_every=2000)


@dataclass(frozen=True)
class PaintRecipe:
    """Sizes and lengths."""

    size: int = 256
    """Side of the views in pixels."""
    unet: UNetConfig = UNET
    vae: ImageVAEConfig = VAE
    vae_stage: StageSettings = VAE_STAGE
    unet_stage: StageSettings = UNET_STAGE
    objects: int | None = None
    """How many of the assets are used; None for all."""
    vae_objects: int = 768
    """How many of them the autoencoder learns from."""
    looks: int = 4
    """How often each object is drawn: turned, mirrored or not, from another side, in another light; the second of every
    three times in other colours, too."""
    held_out: int = 64
    """Objects for the comparison at the end."""

    def within(self, minutes: float) -> PaintRecipe:
        """The same with no fixed number of steps but a time after which the whole run is over.

        Raises:
            SettingError: the time is not positive.
        """
        if not minutes > 0:
            raise SettingError(f"minutes is {minutes}", "it must be a positive number")
        vae, unet = (
            replace(stage, steps=1_000_000, time_limit=60 * minutes * share)
            for stage, share in ((self.vae_stage, _VAE_SHARE), (self.unet_stage, _WHOLE_SHARE))
        )
        return replace(self, vae_stage=vae, unet_stage=unet)


class Autoencoding(nn.Module):
    """The autoencoder with the loss of one batch."""

    def __init__(self, vae: ImageVAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Losses]:
        """Mean absolute error of pictures (B, 3, S, S), and a little to keep latents near a unit Gaussian."""
        mean, deviation = self.vae.posterior(pictures)
        decoded = self.vae.decoder(self.vae.latents_in(mean + deviation * noise))
        kl = 0.5 * (mean.square() + deviation.square() - 1 - 2 * deviation.log()).sum((1, 2, 3)).mean()
        loss = F.l1_loss(decoded.float(), pictures) + KL_WEIGHT * kl
        return loss, {"loss": loss.detach()}


class Painting(nn.Module):
    """The paint model with the loss of one batch; compiles into one graph."""

    def __init__(self, unet: PaintUNet) -> None:
        super().__init__()
        self.unet = unet

    def draw(self, reference: Tensor, guides: Tensor, rotary: list[Rotary], noise: Tensor) -> Tensor:
        """Latents (B, 1, views, 4, h, w) drawn from noise in one step; the arguments as `PaintUNet` has them."""
        contexts = self.unet.prepare(
            guides.shape[1],
            features=self.unet.reference_features(reference),
            rotary=rotary,
            batch_size=len(guides),
        )
        time = torch.full((len(guides),), LAST_TIME, device=noise.device)
        return -self.unet.denoise(noise, time, guides, contexts)  # velocity where there is only noise

    def forward(
        self,
        reference: Tensor,
        guides: Tensor,
        rotary: list[Rotary],
        noise: Tensor,
        target: Tensor,
        weight: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Error of the latents, weighed by `weight` (B, 1, views, 1, h, w), and the latents of colours."""
        drawn = self.draw(reference, guides, rotary, noise).float()
        error = F.smooth_l1_loss(drawn, target, reduction="none", beta=_KNEE)
        return (error * weight).sum() / (weight.sum() * target.shape[3]), drawn[:, 0]


@dataclass(frozen=True)
class Encoded:
    """N objects as scaled latents in half precision, all on the device."""

    reference: Tensor
    """(N, 1, 4, h, w)."""
    guides: Tensor
    """(N, views, 16, h, w)."""
    target: Tensor
    """(N, 1, views, 4, h, w): what the hints lack."""
    weight: Tensor
    """(N, 1, views, 1, h, w): how much of each place the object covers."""
    voxels: list[Tensor]
    """(N, views · L, 3) int16 of each level, for the rotary tables."""
    albedo: Tensor
    """(N, views, 3, S/2, S/2) uint8."""
    lost: Tensor
    """(N, views, 3, S/2, S/2): what the autoencoder loses of the hints, in [-1, 1]."""
    mask: Tensor
    """(N, views, 1, S/2, S/2) uint8, 0 to 255."""

    def __len__(self) -> int:
        return len(self.reference)

    def batch(self, unet: PaintUNet, chosen: Tensor) -> tuple[Tensor, Tensor, list[Rotary], Tensor, Tensor]:
        """Reference, guides, rotary tables, target and weight of the chosen objects, in float32."""
        reference, guides, target, weight = (
            part[chosen].float() for part in (self.reference, self.guides, self.target, self.weight)
        )
        rotary = unet.rotary_at([level[chosen].long() for level in self.voxels])
        return reference, guides, rotary, target, weight

    def unlikeness(self, vae: ImageVAE, chosen: Tensor, drawn: Tensor, view: Tensor) -> Tensor:
        """How far pictures of the latents (B, views, 4, h, w) drawn for B objects are from the truth, in brightness and
        colour and by `structural_distance`; `view` (B, K) are the ones that are looked at."""
        row, chosen = torch.arange(len(chosen), device=view.device)[:, None], chosen[:, None]
        hint = self.guides[chosen, view, 8:12].float()
        with half_precision(drawn.device):
            decoded = vae.decode((hint + drawn[row, view]).flatten(0, 1)).float()
        albedo, lost, mask = (
            part[chosen, view].flatten(0, 1) for part in (self.albedo, self.lost, self.mask)
        )
        guess = F.avg_pool2d(decoded, 2) / 2 + 0.5 + lost.float() / 2
        truth, mask = albedo.float() / 255, mask.float() / 255
        error = ((guess - truth).abs() * mask).sum() / (3 * mask.sum()).clamp(min=1)
        return 2 * error + structural_distance(guess, truth, mask).mean()

    @staticmethod
    def join(parts: Sequence[Encoded]) -> Encoded:
        """All objects of several, in order."""
        joined = {
            f.name: torch.cat([getattr(part, f.name) for part in parts])
            for f in fields(Encoded)
            if f.name != "voxels"
        }
        levels = zip(*(part.voxels for part in parts), strict=True)
        return Encoded(**joined, voxels=[torch.cat(level) for level in levels])


def train_paint(assets: Path, output: Path, recipe: PaintRecipe, seed: int, device: torch.device) -> Path:
    """Train from the assets; run it again after a stop to go on. Returns the model's folder."""
    started = time.monotonic()
    held = read_holdout()
    painted = [(r.id in held, mesh) for r, mesh in load_assets(assets) if not r.uncoloured]
    training = [mesh for is_held, mesh in painted if not is_held]
    testing = [mesh for is_held, mesh in painted if is_held]
    chosen = np.random.default_rng(seed).permutation(len(training))[: recipe.objects]
    training = [training[index] for index in chosen]
    testing = testing[:: max(1, len(testing) // recipe.held_out)][: recipe.held_out]
    output.mkdir(parents=True, exist_ok=True)
    vae, latents, spent = prepare(training, output, recipe, seed, device, started)
    unet_stage = recipe.unet_stage
    if unet_stage.time_limit is not None:
        unet_stage = replace(unet_stage, time_limit=max(1.0, unet_stage.time_limit - spent))
    model = train_unet(latents, vae, replace(recipe, unet_stage=unet_stage), output, seed, device)
    save_paint_model(model, output / "painter")
    if testing:
        quality = compare(model, list(_draw_all(testing, recipe.size, seed + 1, device, plain=True)), device)
        (output / "quality.json").write_text(json.dumps(quality))
        logger.info("on views that the picture does not show: %s", quality)
    logger.info("done in %.0f s", time.monotonic() - started)
    return output / "painter"


def prepare(
    training: Sequence[PaintedMesh],
    folder: Path,
    recipe: PaintRecipe,
    seed: int,
    device: torch.device,
    started: float,
) -> tuple[ImageVAE, Encoded, float]:
    """The autoencoder, everything encoded with it, and the seconds all that took; kept in a file for the next time."""
    file = folder / "prepared.pt"
    if file.exists():
        kept = torch.load(file, map_location=device, weights_only=True)
        vae = ImageVAE(replace(recipe.vae, scale_factor=kept["scale"])).to(device)
        vae.load_state_dict(kept["vae"])
        return vae.eval().requires_grad_(False), Encoded(**kept["latents"]), kept["spent"]
    shown = Views.join(list(_draw_all(training[: recipe.vae_objects], recipe.size, seed, device)))
    logger.info("%d objects drawn after %.0f s", len(shown), time.monotonic() - started)
    vae = train_vae(shown, recipe, folder, seed, device)
    del shown
    parts: list[Encoded] = []
    limit = recipe.unet_stage.time_limit
    for look in range(recipe.looks):
        if parts and limit is not None and time.monotonic() - started > _DRAWING_SHARE * limit:
            break  # a slow machine: fewer looks leave more of the time to train
        meshes, plain = _varied(training, seed + look), look % 3 != 1
        passes = _draw_all(meshes, recipe.size, seed + look, device, plain=plain)
        parts += [encode(vae, views, recipe.unet) for views in passes]
        logger.info("drawn and encoded %d times, %.0f s", look + 1, time.monotonic() - started)
    latents, spent = Encoded.join(parts), time.monotonic() - started
    kept = {"vae": vae.state_dict(), "scale": vae.config.scale_factor, "spent": spent}
    torch.save(kept | {"latents": vars(latents)}, file.with_suffix(".partial"))
    os.replace(file.with_suffix(".partial"), file)
    return vae, latents, time.monotonic() - started


def _varied(meshes: Sequence[PaintedMesh], seed: int) -> list[PaintedMesh]:
    """Each mesh with another side to the front, every other one mirrored."""
    random = np.random.default_rng(seed)
    result = []
    for mesh in meshes:
        turned = turn_mesh(mesh, int(random.integers(NUM_FRONTS)))
        if random.random() < 0.5:
            turned = PaintedMesh(
                turned.vertices * np.array([-1, 1, 1], np.float32),
                turned.faces[:, ::-1].copy(),
                turned.corner_rgb[:, ::-1].copy(),
                turned.face_mr,
            )
        result.append(turned)
    return result


def _draw_all(
    meshes: Sequence[PaintedMesh], size: int, seed: int, device: torch.device, *, plain: bool = False
) -> Iterator[Views]:
    """Views of all meshes, some dozens at a time."""
    count = _AT_ONCE.get(device.type, 8)
    for first in range(0, len(meshes), count):
        generator = torch.Generator().manual_seed(hash_seed(seed, "paint_views", first))
        yield render_views(meshes[first : first + count], size, generator, device, plain=plain)


def train_vae(views: Views, recipe: PaintRecipe, folder: Path, seed: int, device: torch.device) -> ImageVAE:
    """The autoencoder, its scale set so that latents have about unit deviation."""
    torch.manual_seed(seed)
    module = Autoencoding(ImageVAE(replace(recipe.vae, scale_factor=1.0))).to(device)
    stage = Stage("paint_vae", module, compiled(module, device), recipe.vae_stage, folder, seed)
    side = recipe.size // 8
    kinds = (views.albedo, views.hint, views.normals, views.positions, views.known)
    share = recipe.vae_stage.batch_size // (len(kinds) + 1)  # of each; the rest of a batch are references
    for generator in stage.generators(device):
        count = recipe.vae_stage.batch_size
        objects, view = (
            torch.randint(n, (count,), generator=generator, device=device) for n in (len(views), len(CAMERAS))
        )
        pictures = [
            kind[o, v].expand(-1, 3, -1, -1)
            for kind, o, v in zip(kinds, objects.split(share), view.split(share), strict=False)
        ]
        pictures.append(views.reference[objects[share * len(kinds) :]])
        noise = torch.randn(count, recipe.vae.latent_channels, side, side, generator=generator, device=device)
        stage.train((_signed(torch.cat(pictures)), noise))
    module.load_state_dict(stage.average)
    vae = module.vae.eval().requires_grad_(False)
    sample = _encode(vae, views.albedo[:32].flatten(0, 1))
    vae.config = replace(recipe.vae, scale_factor=round(1 / max(float(sample.std()), 1e-3), 5))
    return vae


@torch.no_grad()
def encode(vae: ImageVAE, views: Views, unet: UNetConfig) -> Encoded:
    """All pictures as latents."""

    def many(pictures: Tensor) -> Tensor:
        pictures = pictures.expand(-1, -1, 3, -1, -1)
        return _encode(vae, pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])

    hint = many(views.hint)
    side = hint.shape[-1]
    with torch.device("meta"):
        places = PaintUNet(PaintUNetConfig(unet, num_materials=1, text_length=1, dino_width=None))
    weight = F.avg_pool2d(views.mask.flatten(0, 1).float(), 8).unflatten(0, hint.shape[:2])

    def halved(pictures: Tensor) -> Tensor:
        parts = [F.avg_pool2d(part.float(), 2).round().byte() for part in pictures.flatten(0, 1).split(64)]
        return torch.cat(parts).unflatten(0, hint.shape[:2])

    return Encoded(
        many(views.reference[:, None]).half(),
        torch.cat([many(views.normals), many(views.positions), hint, many(views.known)], dim=2).half(),
        (many(views.albedo) - hint)[:, None].half(),
        (weight[:, None] + _OUTSIDE).half(),
        [level.short() for level in places.voxels(views.positions.float() / 255, side)],
        halved(views.albedo),
        _lost(vae, views.hint, hint),
        halved(views.mask * 255),
    )


def _lost(vae: ImageVAE, pictures: Tensor, latents: Tensor) -> Tensor:
    """(N, views, 3, S/2, S/2): uint8 pictures (N, views, 3, S, S) less what their latents show, half precision."""
    parts = []
    pairs = zip(pictures.flatten(0, 1).split(64), latents.flatten(0, 1).split(64), strict=True)
    for picture, latent in pairs:
        with half_precision(latent.device):
            decoded = vae.decode(latent).float()
        parts.append(F.avg_pool2d(_signed(picture) - decoded, 2).half())
    return torch.cat(parts).unflatten(0, pictures.shape[:2])


def _encode(vae: ImageVAE, pictures: Tensor) -> Tensor:
    """Scaled latents of uint8 pictures (N, 3, S, S), float32."""
    with torch.no_grad(), half_precision(pictures.device):
        return torch.cat([vae.encode(_signed(part)).float() for part in pictures.split(64)])


def _signed(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1


def train_unet(
    latents: Encoded, vae: ImageVAE, recipe: PaintRecipe, folder: Path, seed: int, device: torch.device
) -> PaintModel:
    """The paint model, its averaged weights."""
    torch.manual_seed(seed)
    config = PaintModelConfig(
        name="painter",
        license="Apache-2.0",
        unet=PaintUNetConfig(
            recipe.unet, num_materials=1, text_length=1, dino_width=None, guide_maps=GUIDE_MAPS
        ),
        vae=vae.config,
        schedule=NoiseSchedule(),
        sampler="unipc",
        view_size=recipe.size,
        steps=1,
        guidance=1.0,
        corrects=True,
    )
    module = Painting(PaintUNet(config.unet)).to(device)
    nn.init.zeros_(module.unet.painting.conv_out.weight)
    nn.init.zeros_(module.unet.painting.conv_out.bias)  # type: ignore[arg-type]

    def keep(averaged: Painting, _step: int) -> None:
        save_paint_model(PaintModel(config, averaged.unet, vae), folder / "painter")

    draw = compiled(module, device)

    def compute(chosen: Tensor, noise: Tensor, view: Tensor) -> tuple[Tensor, Losses]:
        reference, guides, rotary, target, weight = latents.batch(module.unet, chosen)
        loss, drawn = draw(reference, guides, rotary, noise, target, weight)
        # In full precision: half would lose differences of colour.
        unlike = latents.unlikeness(vae, chosen, drawn, view)
        return loss + unlike, {"loss": loss.detach(), "unlike": unlike.detach()}

    stage = Stage("paint_unet", module, compute, recipe.unet_stage, folder, seed, on_save=keep)
    count, shape = recipe.unet_stage.batch_size, latents.target.shape[1:]
    for generator in stage.generators(device):
        chosen = torch.randint(len(latents), (count,), generator=generator, device=device)
        noise = torch.randn(count, *shape, generator=generator, device=device)
        view = torch.randint(shape[1], (count, _SHOWN), generator=generator, device=device)
        stage.train((chosen, noise, view))
    module.load_state_dict(stage.average)
    return PaintModel(config, module.unet.eval().requires_grad_(False), vae)


@torch.no_grad()
def compare(model: PaintModel, parts: Sequence[Views], device: torch.device) -> dict[str, float]:
    """What the model changes, on the views that the pictures do not show (the front one is left out).

    Returns:
        Means over objects: decibels of albedo by the model, by what is baked of it, by projecting alone and by the
        hint's mean colour.
    """
    unet, vae = model.unet.to(device), model.vae.to(device)
    painting, decibels = Painting(unet), []
    for views in parts:
        latents = encode(vae, views, model.config.unet.unet)
        for index in range(len(views)):
            one = torch.tensor([index], device=device)
            reference, guides, rotary, target, _ = latents.batch(unet, one)
            noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0)).to(device)
            with half_precision(device):
                drawn = painting.draw(reference, guides, rotary, noise).float()[0]
            decibels.append(_decibels(vae, views, index, drawn))
    return {name: round(float(np.mean([row[name] for row in decibels])), 2) for name in decibels[0]}


def _decibels(vae: ImageVAE, views: Views, index: int, drawn: Tensor) -> dict[str, float]:
    hint, albedo = (kind[index].float() / 255 for kind in (views.hint, views.albedo))
    corrected = decode_correction(vae, drawn[0], hint * 2 - 1) / 2 + 0.5
    inside = views.mask[index, :, 0] > 0
    mean = hint.permute(0, 2, 3, 1)[inside].mean(0)[:, None, None].expand_as(hint)
    inside[0] = False
    baked = corrected_colours(hint.movedim(1, -1), corrected.clamp(0, 1).movedim(1, -1)).movedim(-1, 1)

    def decibels(guess: Tensor) -> float:
        error = (guess.clamp(0, 1) - albedo).square().mean(1)[inside].mean()
        return float(-10 * torch.log10(error.clamp(min=1e-5)))

    return {
        "model": decibels(corrected),
        "as_baked": decibels(baked),
        "projected": decibels(hint),
        "mean_colour": decibels(mean),
    }


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder of training meshes")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, help="be done after so long, comparison included")
    parser.add_argument("--objects", type=int, help="use only so many of the assets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = PaintRecipe(objects=options.objects)
    if options.minutes is not None:
        recipe = recipe.within(options.minutes)
    device = choose_runtime(options.device).device
    logger.info("%s", train_paint(options.assets, options.output, recipe, options.seed, device))


if __name__ == "__main__":
    main()
