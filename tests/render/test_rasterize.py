import math

import numpy as np
import pytest
import torch

from maquette.errors import SettingError
from maquette.render.camera import Camera, clip_positions
from maquette.render.rasterize import interpolate, rasterize


def flat(points, z=0.0):
    """Clip positions of points given in clip x, y on a plane of constant depth."""
    xy = torch.as_tensor(points, dtype=torch.float32)
    return torch.cat([xy, torch.full_like(xy[:, :1], z), torch.ones_like(xy[:, :1])], -1)


def soup(count, seed, size=0.5):
    """A random triangle soup with true perspective, and faces of every size."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.rand(count, 1, 3, generator=generator) * 2 - 1
    spread = torch.rand(count, 1, 1, generator=generator) ** 3 * size
    corners = centre + spread * torch.randn(count, 3, 3, generator=generator)
    w = 1 + 0.5 * torch.rand(count, 3, 1, generator=generator)
    return torch.cat([corners * w, w], -1).reshape(-1, 4), torch.arange(3 * count).view(count, 3)


def sphere(rings=24, segments=48, radius=0.5):
    theta = torch.linspace(0, math.pi, rings + 1)[:, None]
    phi = torch.linspace(0, 2 * math.pi, segments + 1)[None, :-1]
    points = torch.stack(
        [theta.sin() * phi.cos(), theta.cos() * torch.ones_like(phi), theta.sin() * phi.sin()], -1
    )
    grid = torch.arange((rings + 1) * segments).view(rings + 1, segments)
    a, b, c, d = grid[:-1], grid[1:], grid.roll(-1, 1)[:-1], grid.roll(-1, 1)[1:]
    faces = torch.cat([torch.stack([a, c, b], -1).view(-1, 3), torch.stack([c, d, b], -1).view(-1, 3)])
    return radius * points.reshape(-1, 3), faces


def every_pixel(clip, faces, height, width):
    """The recorded conventions, spelled out pixel by pixel and face by face in numpy."""
    clip = clip.numpy()
    w = clip[:, 3]
    x = (clip[:, 0] / w * np.float32(0.5) + np.float32(0.5)) * np.float32(width - 1) + np.float32(0.5)
    y = (clip[:, 1] / w * np.float32(0.5) + np.float32(0.5)) * np.float32(height - 1) + np.float32(0.5)
    z = clip[:, 2] / w * np.float32(0.49999) + np.float32(0.5)
    px, py = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    best, index = np.full((height, width), 1 << 62), np.full((height, width), -1)
    for number, (a, b, c) in enumerate(faces.tolist()):
        bx, by, cx, cy, dx, dy = x[b] - x[a], y[b] - y[a], x[c] - x[a], y[c] - y[a], px - x[a], py - y[a]
        area = bx * cy - by * cx
        if area == 0:
            continue
        beta, gamma = (dx * cy - cx * dy) / area, (bx * dy - dx * by) / area
        depth = z[a] + beta * (z[b] - z[a]) + gamma * (z[c] - z[a])
        drawn = (beta >= 0) & (gamma >= 0) & (1 - beta - gamma >= 0) & (depth >= 0)
        quantised = (np.where(drawn, depth, 0) * (1 << 18)).astype(np.int64)
        nearer = drawn & (quantised < best)
        best[nearer], index[nearer] = quantised[nearer], number
    return index


@pytest.mark.parametrize("size", [0.02, 0.5, 20.0])
def test_equals_testing_every_pixel_against_every_face(size):
    clip, faces = soup(150, seed=3, size=size)
    expected = every_pixel(clip, faces, 33, 61)
    assert (expected >= 0).any()
    np.testing.assert_array_equal(rasterize(clip, faces, (33, 61)).face_id[0].numpy(), expected)


def test_thin_slivers_lose_no_pixel():
    generator = torch.Generator().manual_seed(0)
    along = torch.rand(200, 1, 2, generator=generator) * 2 - 1
    ends = torch.stack(
        [torch.zeros(200, 2), torch.randn(200, 2, generator=generator), torch.zeros(200, 2)], 1
    )
    ends[:, 2] = 0.5 * ends[:, 1] + 0.01 * torch.randn(200, 2, generator=generator)
    clip = flat((along + ends).reshape(-1, 2))
    clip[:, 2] = torch.rand(600, generator=generator)
    faces = torch.arange(600).view(200, 3)
    expected = every_pixel(clip, faces, 64, 64)
    np.testing.assert_array_equal(rasterize(clip, faces, (64, 64)).face_id[0].numpy(), expected)


def test_a_sphere_covers_the_area_of_a_disc():
    vertices, faces = sphere()
    clip = clip_positions(vertices, [Camera(azimuth=30, elevation=20, ortho_scale=1.2)])[0]
    covered = rasterize(clip, faces, (256, 256)).mask.float().mean() * (256 / 255 * 1.2) ** 2
    assert covered == pytest.approx(math.pi / 4, rel=0.01)


def test_a_sphere_in_perspective_has_its_tangent_cone_radius():
    vertices, faces = sphere(48, 96)
    camera = Camera(distance=1.5, fov_degrees=60)
    mask = rasterize(clip_positions(vertices, [camera])[0], faces, (255, 255)).mask[0]
    radius = 0.5 / math.sqrt(1.5**2 - 0.5**2) / math.tan(math.radians(30)) * 127
    assert mask[127].sum().item() == pytest.approx(2 * radius, abs=2)


def test_interpolation_is_correct_in_perspective():
    # A floor seen at a slant: the attribute is the world position, so projecting it again must give the
    # pixel.
    corners = torch.tensor([[-1.0, -0.5, 1], [1, -0.5, 1], [1, -0.5, -3], [-1, -0.5, -3]])
    camera = Camera(distance=2.0, fov_degrees=70)
    clip, faces = clip_positions(corners, [camera])[0], torch.tensor([[0, 1, 2], [0, 2, 3]])
    fragments = rasterize(clip, faces, (64, 64))
    world = interpolate(corners, faces, fragments)[fragments.mask]
    again = clip_positions(world, [camera])[0]
    rows, columns = fragments.mask[0].nonzero().unbind(-1)
    assert len(rows) > 200
    torch.testing.assert_close(again[:, 0] / again[:, 3], columns / 63 * 2 - 1, atol=1e-4, rtol=0)
    torch.testing.assert_close(again[:, 1] / again[:, 3], rows / 63 * 2 - 1, atol=1e-4, rtol=0)
    assert (interpolate(corners, faces, fragments)[~fragments.mask] == 0).all()


def test_the_nearer_face_wins_whatever_the_order():
    square = [[-1, -1], [1, -1], [0, 1]]
    clip = torch.cat([flat(square, 0.5), flat(square, -0.5)])
    for faces, winner in (([[0, 1, 2], [3, 4, 5]], 1), ([[3, 4, 5], [0, 1, 2]], 0)):
        fragments = rasterize(clip, torch.tensor(faces), (16, 16))
        assert (fragments.face_id[fragments.mask] == winner).all()
        assert fragments.depth[fragments.mask].max() == pytest.approx(0.5 - 0.5 * 0.49999, abs=1e-6)


def test_a_tie_goes_to_the_smaller_face_index():
    clip = flat([[-1, -1], [1, -1], [0, 1]])
    fragments = rasterize(clip, torch.tensor([[0, 1, 2]] * 3), (16, 16))
    assert fragments.mask.any()
    assert (fragments.face_id[fragments.mask] == 0).all()


def test_both_windings_are_drawn_and_edges_are_inclusive():
    clip = flat([[-1, -1], [1, -1], [-1, 1]])
    one, other = (rasterize(clip, torch.tensor([f]), (5, 5)).mask for f in ([0, 1, 2], [0, 2, 1]))
    assert torch.equal(one, other)
    assert one.sum() == 15


def test_pictures_packed_together_equal_pictures_drawn_alone():
    parts = [soup(40 + 10 * i, seed=i) for i in range(3)]
    offsets = torch.tensor([0, *[len(clip) for clip, _ in parts]]).cumsum(0)
    image = torch.cat([torch.full((len(f),), i) for i, (_, f) in enumerate(parts)])
    faces = torch.cat([f + offsets[i] for i, (_, f) in enumerate(parts)])
    shuffle = torch.randperm(len(faces), generator=torch.Generator().manual_seed(1))
    packed = rasterize(
        torch.cat([clip for clip, _ in parts]),
        faces[shuffle],
        (32, 48),
        face_image=image[shuffle],
        image_count=4,
    )
    for i, (clip, own) in enumerate(parts):
        alone = rasterize(clip, own, (32, 48))
        torch.testing.assert_close(packed.depth[i], alone.depth[0], atol=2**-17, rtol=0)
        first = image.tolist().index(i)
        number = torch.where(packed.mask[i], shuffle[packed.face_id[i]] - first, -1)
        assert (
            number == alone.face_id[0]
        ).float().mean() > 0.995  # a tie may fall to another face after shuffling
    assert not packed.mask[3].any()


def test_small_chunks_change_nothing():
    clip, faces = soup(200, seed=5, size=3.0)
    whole, pieces = rasterize(clip, faces, (40, 40)), rasterize(clip, faces, (40, 40), max_pairs=50)
    assert torch.equal(whole.face_id, pieces.face_id)
    assert torch.equal(whole.bary, pieces.bary)


def test_the_same_call_gives_the_same_bits():
    clip, faces = soup(200, seed=6)
    one, two = rasterize(clip, faces, (64, 64)), rasterize(clip, faces, (64, 64))
    assert torch.equal(one.face_id, two.face_id)
    assert torch.equal(one.bary, two.bary)
    assert torch.equal(one.depth, two.depth)


def test_an_empty_mesh_gives_an_empty_picture():
    fragments = rasterize(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.int64), (8, 8), image_count=2)
    assert fragments.face_id.shape == (2, 8, 8)
    assert not fragments.mask.any()
    assert interpolate(torch.zeros(0, 2), torch.zeros(0, 3, dtype=torch.int64), fragments).shape == (
        2,
        8,
        8,
        2,
    )


@pytest.mark.parametrize(
    "bad", [[0, 0, 0, float("nan")], [0, 0, 0, -1.0], [0, 0, 0, 0.0], [float("inf"), 0, 0, 1]]
)
def test_faces_with_unusable_corners_are_skipped(bad):
    clip = torch.cat([flat([[-1, -1], [1, -1], [0, 1]], 0.5), torch.tensor([bad])])
    fragments = rasterize(clip, torch.tensor([[0, 1, 3], [0, 0, 1], [0, 1, 2]]), (16, 16))
    assert fragments.mask.any()
    assert (fragments.face_id[fragments.mask] == 2).all()


def test_geometry_before_the_near_plane_is_skipped():
    assert not rasterize(
        flat([[-1, -1], [1, -1], [0, 1]], -1.5), torch.tensor([[0, 1, 2]]), (8, 8)
    ).mask.any()


def test_a_size_of_zero_is_refused():
    with pytest.raises(SettingError, match="size"):
        rasterize(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.int64), (0, 8))
