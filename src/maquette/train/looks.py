"""Random looks for training pictures: light, material, colour and procedural texture, one draw per picture.

Everything random is a table with one row per picture, drawn on the CPU; the shading is a plain function of
surface points and those rows, so all points of all pictures are shaded together on the device.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.render.shade import filmic, linear_to_srgb, reflect_light, reflect_sky, srgb_to_linear

_LIGHTS = 3
_NOISE_CELLS = 64
_KINDS = 5  # blotches, spots, stripes, rings, checker


@dataclass(frozen=True)
class Looks:
    """One row per picture, N pictures. Directions are in camera axes: x right, y up, z towards the eye."""

    light_direction: Tensor  # (N, 3, 3) unit
    light_colour: Tensor  # (N, 3, 3) linear radiance; zero for a light that is off
    sky: Tensor  # (N, 3)
    ground: Tensor  # (N, 3)
    exposure: Tensor  # (N, 1)
    film: Tensor  # (N, 1) 0 clips bright light, 1 rolls it off
    faceted: Tensor  # (N, 1) 1 is flat shading
    gloss: Tensor  # (N, 3) metallic, roughness, and how much they replace the mesh's own
    occlusion: Tensor  # (N, 2) strength of darkening in hollows, and towards the bottom
    tint: Tensor  # (N, 3, 3) linear colour matrix
    palette: Tensor  # (N, 2, 3) linear colours
    repaint: Tensor  # (N, 1) 1 paints a grey mesh with the palette
    texture: Tensor  # (N, 7): kind (-1 none), scale, warp, sharpness, threshold, replacement, contrast
    texture_frame: Tensor  # (N, 3, 4) rotation and shift of texture space
    backdrop: Tensor  # (N, 2, 3) sRGB at the top and the bottom
    fringe: Tensor  # (N, 2) share of backdrop left in soft edges; growth of the matte in pixels

    def rows(self, begin: int, end: int, device: torch.device) -> Looks:
        """The rows of some pictures, on a device."""
        return Looks(*(getattr(self, f.name)[begin:end].to(device) for f in fields(self)))


def draw_looks(count: int, generator: torch.Generator) -> Looks:
    """Draws the looks of `count` pictures with a CPU generator."""

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    def chance(share: float) -> Tensor:
        return (uniform(1) < share).float()

    directions = normal(_LIGHTS, 3) * torch.tensor([1.0, 0.6, 0.6]) + torch.tensor([0.0, 0.7, 0.6])
    on = torch.stack([torch.ones(count), uniform() < 0.6, uniform() < 0.3], -1)
    strength = uniform(_LIGHTS, low=0.3, high=1.1) * torch.tensor([1.3, 0.7, 0.6]) * on
    warmth = 0.18 * normal(_LIGHTS)
    warm = torch.stack([1 + warmth, torch.ones_like(warmth), 1 - warmth], -1).clamp(0.4, 1.6)
    ambient, fall = uniform(1, low=0.2, high=0.75), uniform(1, low=0.2, high=0.95)
    metal = chance(0.12)
    roughness = torch.where(metal > 0, uniform(1, low=0.2, high=0.6), uniform(1, low=0.25, high=1.0))
    sharpness = torch.exp(uniform(1, low=0.5, high=4.0))
    kind = torch.where(uniform(1) < 1 / 3, uniform(1, high=_KINDS).floor(), -1.0)
    fringed = chance(0.6)
    return Looks(
        light_direction=F.normalize(directions, dim=-1),
        light_colour=strength[..., None] * warm,
        sky=ambient * (1 + 0.1 * normal(3)).clamp(0.6, 1.4),
        ground=ambient * fall * (1 + 0.12 * normal(3)).clamp(0.5, 1.5),
        exposure=torch.exp(0.22 * normal(1)),
        film=chance(0.5),
        faceted=chance(0.45),
        gloss=torch.cat([metal * uniform(1, low=0.6, high=1.0), roughness, 0.9 * chance(0.6)], -1),
        occlusion=torch.cat([uniform(1, high=0.9), uniform(1, low=-0.2, high=0.6).clamp(min=0)], -1),
        tint=_tints(uniform(4)),
        palette=_palette(uniform(2, 3)),
        repaint=chance(0.75),
        texture=torch.cat(
            [
                kind,
                torch.exp(uniform(1, low=-0.3, high=1.6)),
                uniform(1) ** 2,
                sharpness,
                0.35 * normal(1).clamp(-1.5, 1.5),
                chance(0.35),
                uniform(1, low=0.35, high=1.0),
            ],
            -1,
        ),
        texture_frame=torch.cat([torch.linalg.qr(normal(3, 3))[0], uniform(3, 1, high=8.0)], -1),
        backdrop=_backdrops(uniform(2, 3), uniform(3)),
        fringe=torch.cat([fringed * uniform(1, low=0.4, high=1.0), uniform(1, low=-1.0, high=1.0)], -1),
    )


def noise_volume(generator: torch.Generator, device: torch.device) -> Tensor:
    """(1, 2, 65, 65, 65) two channels of smooth periodic noise of about unit variance."""
    n = _NOISE_CELLS
    noise = torch.randn(1, 2, n, n, n, generator=generator)
    noise = F.avg_pool3d(F.pad(noise, [1] * 6, mode="circular"), 3, stride=1)
    noise = noise / noise.std()
    return F.pad(noise, [0, 1, 0, 1, 0, 1], mode="circular").to(device)


@dataclass(frozen=True)
class SurfacePoints:
    """P visible points of many pictures, in object axes.

    Attributes:
        picture: (P,) int64 row of the looks.
        position: (P, 3) in units of the object's radius.
        normal: (P, 3) unit, towards the eye, smooth; `facet` likewise of the flat face.
        to_eye: (P, 3) unit.
        colour: (P, 3) linear base colour.
        grey: (P, 1) 1 where the whole mesh has no colour.
        metal_rough: (P, 2).
        hollow: (P, 1) in [0, 1]: how far the point lies behind its surroundings.
        height: (P, 1) in [0, 1]: from the bottom to the top of the object.
    """

    picture: Tensor
    position: Tensor
    normal: Tensor
    facet: Tensor
    to_eye: Tensor
    colour: Tensor
    grey: Tensor
    metal_rough: Tensor
    hollow: Tensor
    height: Tensor


def shade_points(points: SurfacePoints, looks: Looks, view: Tensor, noise: Tensor) -> Tensor:
    """Colours of visible points.

    Args:
        points: P points.
        looks: N rows.
        view: (N, 3, 3) rotation from object axes to camera axes.
        noise: from `noise_volume`.

    Returns:
        (P, 3) sRGB in [0, 1].
    """
    pic = points.picture
    base = base_colours(pic, points.position, points.colour, points.grey, looks, noise).clamp(0.005, 0.98)
    gloss = looks.gloss[pic]
    metallic, roughness = torch.lerp(points.metal_rough, gloss[:, :2], gloss[:, 2:]).split(1, -1)
    facet = looks.faceted[pic] > 0
    normal = torch.where(facet, points.facet, points.normal)
    light = reflect_sky(normal, points.to_eye, base, metallic, roughness, looks.sky[pic], looks.ground[pic])
    strength = looks.occlusion[pic]
    light = light * (1 - strength[:, :1] * points.hollow) * (1 - strength[:, 1:] * (1 - points.height) ** 2)
    directions = looks.light_direction @ view  # camera axes to object axes
    for i in range(_LIGHTS):
        lit = reflect_light(normal, points.to_eye, directions[pic, i], base, metallic, roughness)
        light = light + lit * looks.light_colour[pic, i] * (1 - 0.5 * strength[:, :1] * points.hollow)
    light = light * looks.exposure[pic]
    return linear_to_srgb(torch.lerp(light, filmic(light * 0.8), looks.film[pic]))


def base_colours(
    pic: Tensor, position: Tensor, colour: Tensor, grey: Tensor, looks: Looks, noise: Tensor
) -> Tensor:
    """(P, 3) linear base colour without light, not clamped: the mesh's own, tinted, repainted or textured.

    The first four arguments are the `SurfacePoints`' picture, position, colour and grey.
    """
    palette = looks.palette[pic]
    base = torch.lerp(colour, palette[:, 0], grey * looks.repaint[pic])
    textured = (looks.texture[:, 0] >= 0)[pic].nonzero()[:, 0]
    if len(textured):
        pick = pic[textured]
        pattern = _pattern(position[textured], looks.texture[pick], looks.texture_frame[pick], noise)
        old, (first, second) = base[textured], palette[textured].unbind(1)
        contrast = looks.texture[pick, 6:7]
        modulated = old * (1 - contrast * pattern * (1 - second))
        new = torch.lerp(modulated, torch.lerp(first, second, pattern), looks.texture[pick, 5:6])
        base = base.index_copy(0, textured, new)
    return torch.einsum("pij,pj->pi", looks.tint[pic], base)


def _pattern(position: Tensor, texture: Tensor, frame: Tensor, noise: Tensor) -> Tensor:
    """(P, 1) in [0, 1]: the value of each picture's procedural texture at (P, 3) positions."""
    kind, scale, warp, sharpness, threshold = texture[:, :5].split(1, -1)
    place = torch.einsum("pij,pj->pi", frame[:, :, :3], position) + frame[:, :, 3]
    coarse = _sample_noise(noise, place * scale * 3)
    fine = _sample_noise(noise, place * scale * 9)
    bent = place * scale * 4 + 0.5 * warp * coarse
    values = [
        (coarse[:, :1] + 0.5 * fine[:, :1]) * 0.8,
        coarse[:, 1:2] * 1.2 - 0.7,
        (bent[:, :1] * 3.14159).sin(),
        (
            (bent[:, :2] - frame[:, :2, 3] * scale * 4).norm(dim=-1, keepdim=True) * 6.0 + fine[:, :1] * warp
        ).sin(),
        (bent * 3.14159 * 0.5).sin().prod(-1, keepdim=True) * 4,
    ]
    value = torch.cat(values, -1).gather(1, kind.long().clamp(min=0))
    return ((value - threshold) * sharpness).sigmoid()


def _sample_noise(noise: Tensor, place: Tensor) -> Tensor:
    """(P, 3) noise at (P, 3) positions given in cells; the third channel repeats the first elsewhere."""
    grid = (place / _NOISE_CELLS).frac().abs() * 2 - 1
    value = F.grid_sample(noise, grid[None, None, None], align_corners=True, mode="bilinear")[0, :, 0, 0].T
    return torch.cat([value, value[:, :1] - value[:, 1:2]], -1)


def _tints(values: Tensor) -> Tensor:
    """(N, 3, 3) colour matrices: a turn of hue, a change of saturation, a gain, from (N, 4) uniforms."""
    wild = (values[:, 3] < 0.25).float()
    turn = (values[:, 0] * 2 - 1) * (0.12 + wild * 3.0)
    saturation = 0.6 + 0.7 * values[:, 1]
    gain = torch.exp((values[:, 2] * 2 - 1) * 0.35)
    cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
    grey = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    hue = cos * torch.eye(3) + sin * cross + (1 - cos) * grey  # a rotation about the grey axis
    return gain[:, None, None] * torch.lerp(grey.expand(len(values), 3, 3), hue, saturation[:, None, None])


def _palette(values: Tensor) -> Tensor:
    """(..., 3) linear colours from uniform (..., 3): hue, saturation (often low) and value (rarely dark)."""
    hue, saturation, value = values.unbind(-1)
    saturation, value = 0.9 * saturation**1.4, 0.15 + 0.85 * value**0.7
    offsets = torch.tensor([0.0, 2 / 3, 1 / 3])
    ramp = (((hue[..., None] + offsets) % 1) * 6 - 3).abs().sub(1).clamp(0, 1)
    return srgb_to_linear(value[..., None] * (1 - saturation[..., None] * (1 - ramp)))


def _backdrops(colours: Tensor, choice: Tensor) -> Tensor:
    """(N, 2, 3) sRGB at the top and bottom: white, grey or coloured, plain or graded."""
    level = torch.where(choice[:, :1] < 0.35, 0.97, 0.2 + 0.8 * colours[:, 0, :1])
    base = torch.where(choice[:, :1] < 0.65, level.expand(-1, 3), colours[:, 0])
    graded = (choice[:, 1:2] < 0.5).float() * 0.5
    return torch.stack([base, torch.lerp(base, colours[:, 1], graded)], 1)
