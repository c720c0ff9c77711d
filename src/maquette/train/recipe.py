"""The bundled model: its sizes and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maquette.models.dit_v21 import DiTV21Config
from maquette.models.fourier import FourierConfig
from maquette.models.image_encoder import DinoV2Config, ImageEncoderConfig
from maquette.models.shape_vae import ShapeVAEConfig
from maquette.train.bank import BankSettings
from maquette.train.run import StageSettings


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, apart from the machine."""

    vae: ShapeVAEConfig
    dit: DiTV21Config
    image_encoder: ImageEncoderConfig
    bank: BankSettings
    vae_stage: StageSettings
    dit_stage: StageSettings
    num_procedural: int
    field_stage: StageSettings | None = None
    """Training of picture and field end to end (`maquette.train.field`), for models that sample in one step from no
    noise; None for those that draw samples."""
    procedural_share: float = 0.4
    """Share of the training examples that are procedural shapes."""
    stretched_variants: int = 0
    """Copies of each asset that are stretched along its axes, each time differently."""
    colour_variation: float = 0.0
    """How far the colours of a picture are changed every time it is used, 0 to 1."""
    queries_per_step: int = 4096
    kl_weight: float = 1e-3
    noise_levels_per_picture: int = 2
    """Each picture is encoded once and used at so many noise levels."""
    condition_dropout: float = 0.1
    time_logit_mean: float = 0.0
    """Below zero, training spends more on the noisy end, where only the picture can tell what the shape is."""
    sampling_steps: int = 30
    sampling_guidance: float = 3.0
    sampling_noise_scale: float = 1.0
    """Of the noise that sampling starts from. With 0 the denoiser learns that one step alone, and no noise levels."""
    follow_outline: bool = False
    decoding_resolution: int = 192


# Small batches: in minutes, the number of steps counts for more than what each of them sees.
_GPU_STAGE = StageSettings(
    steps=20_000, batch_size=64, learning_rate=2e-3, muon=True, average_decay=0.999, save_every=2000
)

GPU_RECIPE = Recipe(
    vae=ShapeVAEConfig(
        num_latents=128,
        latent_channels=32,
        width=256,
        num_heads=4,
        num_encoder_layers=4,
        num_decoder_layers=4,
        point_features=3,
        points_per_latent=16,
        query_reduction=2,
        fourier=FourierConfig(num_frequencies=6),
        use_position_embedding=True,
    ),
    dit=DiTV21Config(
        num_latents=128,
        latent_channels=32,
        width=256,
        context_width=256,
        context_length=145,
        depth=9,
        num_heads=4,
        num_moe_layers=1,
        num_experts=2,
        moe_top_k=1,
        use_position_embedding=True,
    ),
    image_encoder=ImageEncoderConfig(
        dino=DinoV2Config(width=256, depth=5, num_heads=4, image_size=168), image_size=168
    ),
    bank=BankSettings(
        surface_points=16384, queries=32768, views_per_front=3, picture_size=168, truncation=0.2
    ),
    vae_stage=replace(_GPU_STAGE, batch_size=48),
    dit_stage=_GPU_STAGE,
    field_stage=replace(
        _GPU_STAGE, steps=80_000, learning_rate=1.5e-3, average_decay=0.9995, save_every=5000
    ),
    num_procedural=8000,
    procedural_share=0.3,
    stretched_variants=2,
    colour_variation=0.3,
    queries_per_step=2048,
    noise_levels_per_picture=1,
    condition_dropout=0.0,
    sampling_steps=2,
    sampling_noise_scale=0.0,
    sampling_guidance=1.0,
    decoding_resolution=128,
)
"""38 MB of weights; about half an hour on one data-centre GPU, banks included."""

_CPU_STAGE = StageSettings(
    steps=2100,
    batch_size=32,
    learning_rate=1e-3,
    muon=True,
    warmup_steps=100,
    save_every=250,
    average_decay=0.998,
)

CPU_RECIPE = Recipe(
    vae=ShapeVAEConfig(
        num_latents=64,
        latent_channels=16,
        width=128,
        num_heads=2,
        num_encoder_layers=1,
        num_decoder_layers=3,
        point_features=3,
        points_per_latent=12,
        fourier=FourierConfig(num_frequencies=6),  # a short training cannot tame higher ones
        use_position_embedding=True,
    ),
    dit=DiTV21Config(
        num_latents=64,
        latent_channels=16,
        width=160,
        context_width=160,
        context_length=65,
        depth=7,
        num_heads=4,
        num_moe_layers=1,
        num_experts=2,
        moe_top_k=1,
        use_position_embedding=True,
    ),
    image_encoder=ImageEncoderConfig(
        dino=DinoV2Config(width=160, depth=4, num_heads=4, image_size=112), image_size=112
    ),
    bank=BankSettings(surface_points=2048, queries=4096, views_per_front=2, picture_size=112, truncation=0.3),
    vae_stage=replace(_CPU_STAGE, steps=1600, batch_size=64, save_every=200),
    dit_stage=_CPU_STAGE,
    field_stage=replace(_CPU_STAGE, steps=1100, warmup_steps=150, save_every=200),
    num_procedural=3000,
    queries_per_step=512,
    noise_levels_per_picture=1,
    condition_dropout=0.0,
    sampling_steps=2,  # one network call from no noise: after so short a training the mean beats any single draw
    sampling_noise_scale=0.0,
    follow_outline=True,
    sampling_guidance=1.0,
    decoding_resolution=128,
)
"""12 MB of weights; an hour and a half on two CPU cores."""

RECIPES = {"cpu": CPU_RECIPE, "gpu": GPU_RECIPE}


SHARES = {"vae_stage": 0.1, "dit_stage": 0.15, "field_stage": 0.75}
"""How a limited time is shared out among the stages that a recipe has."""


def within(recipe: Recipe, seconds: float) -> Recipe:
    """The recipe with every stage's schedule shortened where it would take longer than its share of `seconds`."""
    shares = {name: share for name, share in SHARES.items() if getattr(recipe, name) is not None}
    whole = sum(shares.values())
    stages = {
        name: replace(getattr(recipe, name), time_limit=share / whole * seconds)
        for name, share in shares.items()
    }
    return replace(recipe, **stages)
