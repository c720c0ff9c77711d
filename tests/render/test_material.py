import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from maquette.errors import MeshError
from maquette.render.material import CLAY, read_surface, sample_texture
from maquette.render.shade import srgb_to_linear


def quad(visual=None):
    vertices = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]
    return trimesh.Trimesh(vertices, [[0, 1, 2], [0, 2, 3]], process=False, visual=visual)


UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)


def test_a_mesh_without_colours_is_clay():
    surface = read_surface(quad())
    torch.testing.assert_close(surface.base[0, 0], srgb_to_linear(torch.tensor(CLAY)))
    assert surface.base_map is None


def test_vertex_and_face_colours_are_read_as_srgb():
    mesh = quad()
    mesh.visual.vertex_colors = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [188, 188, 188, 255]]
    base = read_surface(mesh).base
    torch.testing.assert_close(base[0], torch.eye(3))
    assert base[1, 2, 0] == pytest.approx(0.503, abs=0.01)
    mesh = quad()
    mesh.visual.face_colors = [[255, 0, 0, 255], [0, 0, 255, 255]]
    assert read_surface(mesh).base[1, :, 2].tolist() == [1, 1, 1]


def test_texture_and_factors_of_a_pbr_material():
    base = Image.new("RGB", (8, 8), (255, 0, 0))
    gloss = Image.new("RGB", (4, 4), (0, 128, 255))  # roughness in green, metallic in blue
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=base,
        baseColorFactor=[0.5, 0.5, 0.5, 1.0],
        metallicRoughnessTexture=gloss,
        metallicFactor=0.5,
        roughnessFactor=1.0,
    )
    surface = read_surface(quad(trimesh.visual.TextureVisuals(uv=UV, material=material)))
    assert surface.base[0, 0].tolist() == pytest.approx([0.5] * 3, abs=0.01)
    assert sample_texture(surface.base_map, torch.tensor([[0.5, 0.5]]))[0].tolist() == [1, 0, 0]
    metal_rough = surface.metal_rough * sample_texture(surface.metal_rough_map, torch.tensor([[0.2, 0.7]]))
    assert metal_rough[0].tolist() == pytest.approx([0.5, 128 / 255], abs=0.01)


def test_v_grows_upwards_and_textures_repeat():
    picture = Image.new("RGB", (2, 2))
    picture.putpixel((0, 0), (255, 255, 255))  # top left
    material = trimesh.visual.material.SimpleMaterial(image=picture)
    texture = read_surface(quad(trimesh.visual.TextureVisuals(uv=UV, material=material))).base_map
    values = sample_texture(texture, torch.tensor([[0.25, 0.75], [0.25, 0.25], [1.25, -0.25], [0.75, 0.75]]))
    assert values[:, 0].tolist() == [1, 0, 1, 0]


def test_a_large_texture_is_averaged_down():
    stripes = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (64, 32))).convert("RGB")
    material = trimesh.visual.material.SimpleMaterial(image=stripes)
    surface = read_surface(quad(trimesh.visual.TextureVisuals(uv=UV, material=material)), max_texture=16)
    assert surface.base_map.shape[-1] == 16
    assert surface.base_map.std() == 0


def test_normals_are_smooth_across_texture_seams():
    sphere = trimesh.creation.icosphere(3)
    split = trimesh.Trimesh(
        sphere.vertices[sphere.faces].reshape(-1, 3),
        np.arange(len(sphere.faces) * 3).reshape(-1, 3),
        process=False,
    )
    surface = read_surface(split)
    assert (surface.normals * surface.vertices[surface.faces]).sum(-1).min() > 0.999


def test_faces_with_broken_corners_are_left_out():
    mesh = quad()
    mesh.vertices[3] = np.nan
    surface = read_surface(mesh)
    assert surface.faces.tolist() == [[0, 1, 2]]
    assert surface.vertices.isfinite().all()
    assert len(surface.base) == len(surface.uv) == len(surface.normals) == 1


@pytest.mark.parametrize(
    "mesh", [trimesh.Trimesh(), trimesh.Trimesh([[np.nan] * 3] * 3, [[0, 1, 2]], process=False)]
)
def test_a_mesh_with_nothing_to_draw_is_refused(mesh):
    with pytest.raises(MeshError, match="no faces to draw"):
        read_surface(mesh)
