"""How the recorded cases of painting's geometry are run with our code, by the name of the case.

Where a case allows a share of pixels to differ, what is compared is whether the share is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.paint import compatible
from maquette.paint.guides import render_guides, to_bytes
from maquette.paint.views import (
    CANDIDATES,
    normalise,
    published_view_matrix,
    select_views,
    to_published,
    visible_faces,
)
from maquette.render.camera import Camera, projection_matrix
from maquette.render.rasterize import rasterize
from maquette.render.shade import face_areas
from parity.cases import Case
from parity.runners import Comparison, Runner

SIX = CANDIDATES[:6]


def mostly(what: str, ours: Tensor, recorded: Tensor, atol: float, share: float) -> Comparison:
    """Whether all but `share` of the pixels agree to `atol`."""
    off = (ours.float() - recorded.float()).abs() > atol
    off = off.any(-1) if off.ndim > 2 else off
    return f"{what}: share off by over {atol}", off.float().mean().clamp(min=share), torch.tensor(share)


def published_mesh(case: Case, name: str, smooth: bool = False) -> compatible.PublishedMesh:
    """The mesh of a case, normalised."""
    inputs = case.group(f"inputs/{name}/")
    return compatible.PublishedMesh(
        normalise(inputs["vertices"])[0], inputs["faces"].long(), inputs["uv"], smooth
    )


def run_rasterizer(case: Case) -> Iterator[Comparison]:
    """Four meshes, four cameras: the same faces and the same barycentrics."""
    for mesh in case.record["kwargs"]["resolution"]:
        for view in range(4):
            index = case.tensors[f"outputs/{mesh}/{view}/face_index"].long() - 1
            fragments = rasterize(
                case.tensors[f"inputs/{mesh}/{view}/clip_pos"],
                case.tensors[f"inputs/{mesh}/faces"].long(),
                tuple(index.shape),
            )
            yield mostly(f"{mesh}/{view} faces", fragments.face_id[0], index, 0, 0.001)
            same = fragments.face_id[0] == index
            recorded = case.tensors[f"outputs/{mesh}/{view}/barycentric"]
            yield f"{mesh}/{view} barycentrics", fragments.bary[0][same], recorded[same]


def run_camera(case: Case) -> Iterator[Comparison]:
    """Candidate cameras, projections, and meshes brought into the renderer's frame and back."""
    outputs, inputs = case.group("outputs/"), case.group("inputs/")
    angles = torch.stack([inputs["azims"], inputs["elevs"]], -1)
    cameras = [viewpoint.camera for viewpoint in CANDIDATES]
    yield "angles", torch.tensor([[c.azimuth, c.elevation] for c in cameras]), angles
    yield "weights", torch.tensor([v.weight for v in CANDIDATES]), inputs["view_weights"]
    yield "modelview", torch.stack([published_view_matrix(c) for c in cameras]), outputs["modelview"]
    extra = case.record["kwargs"]["extra"][
        0
    ]  # the second looks past the origin, which no published pipeline does
    matrix = published_view_matrix(Camera(extra["azim"], extra["elev"], extra["distance"]))
    yield "modelview_extra", matrix, outputs["modelview_extra"][0]
    yield "ortho", projection_matrix(Camera()), outputs["ortho"]
    # The original puts the near plane at 0.01 in perspective, whatever the setting says.
    perspective = projection_matrix(Camera(fov_degrees=49.13, near=0.01))
    yield "perspective", perspective, outputs["perspective_49.13"]
    for mesh in ("blob", "cylinder"):
        vertices, recorded = inputs[f"{mesh}/vertices"], case.group(f"outputs/{mesh}/")
        normalised, centre, scale = normalise(vertices)
        yield "vtx_pos", to_published(normalised), recorded["vtx_pos"]
        yield "scale", scale, recorded["scale"]
        yield "center", to_published(centre)[None], recorded["center"]
        yield "normalised", normalised, recorded["get_mesh_normalized_vertices"]
        yield "restored", normalised / scale.float() + centre, recorded["restored_vertices"]
        areas = face_areas(normalised, inputs[f"{mesh}/faces"].long())
        yield "areas", F.pad(areas, (1, 0)), recorded["face_areas_from_one"]


def run_render_maps(case: Case) -> Iterator[Comparison]:
    """Normal and position maps of the 2.1 renderer."""
    cameras = [viewpoint.camera for viewpoint in CANDIDATES[:7]]
    for name in ("blob", "box_torus"):
        mesh, outputs = published_mesh(case, name), case.group(f"outputs/{name}/")
        guides = render_guides(mesh.vertices, mesh.faces, cameras, 128)
        yield "alpha", (guides.mask[6])[..., None], outputs["6/alpha"] > 0
        for view in range(7):
            for kind, maps in (("normal", guides.normal), ("position", guides.position)):
                if f"{view}/{kind}" in outputs:
                    yield mostly(f"{name}/{view}/{kind}", maps[view], outputs[f"{view}/{kind}"], 1e-4, 0.001)
                recorded = outputs[f"{view}/{kind}_u8"]
                yield mostly(f"{name}/{view}/{kind}_u8", to_bytes(maps[view]), recorded, 0, 0.001)
        turned = (guides.normal[0] * 2 - 1) @ published_view_matrix(cameras[0])[:3, :3].T * 0.5 + 0.5
        turned = torch.where(guides.mask[0][..., None], turned, 1.0)
        yield mostly(f"{name} in camera axes", to_bytes(turned), outputs["0/normal_camera_u8"], 1, 0.001)


def run_view_selection(case: Case) -> Iterator[Comparison]:
    """The greedy choice of cameras, and the faces that each sees."""
    for name in ("blob", "box_torus"):
        mesh, outputs = published_mesh(case, name), case.group(f"outputs/{name}/")
        seen = visible_faces(mesh.vertices, mesh.faces, [viewpoint.camera for viewpoint in CANDIDATES])
        yield f"{name} faces", seen, outputs["visible_faces"][:, 1:] > 0
        for count in case.record["kwargs"]["max_selected_view_num"]:
            chosen = select_views(mesh.vertices, mesh.faces, count)
            for what, ours in (
                ("azims", [v.camera.azimuth for v in chosen]),
                ("elevs", [v.camera.elevation for v in chosen]),
                ("weights", [v.weight for v in chosen]),
            ):
                yield f"{name}/{count}/{what}", torch.tensor(ours).float(), outputs[f"max{count}/{what}"]


def run_bake(case: Case) -> Iterator[Comparison]:
    """The 2.1 back projection, blending and filling, stage after stage."""
    for name, settings in case.record["kwargs"]["meshes"].items():
        mesh, outputs = published_mesh(case, name), case.group(f"outputs/{name}/")
        pictures = case.tensors[f"inputs/{name}/views_u8"].float() / 255
        assert compatible.border_kernel(settings["default_resolution"]) == settings["kernel"]
        size, kernel = settings["texture_size"], settings["kernel"]
        views = [
            compatible.back_project(mesh, picture, viewpoint.camera, size, kernel)
            for picture, viewpoint in zip(pictures, SIX, strict=True)
        ]
        for view in (0, 1, 4, 5):
            yield mostly(
                f"{name}/{view}/cos", views[view][1], outputs[f"back_project/{view}/cos"], 1e-4, 0.01
            )
        yield mostly(f"{name}/0/texture", views[0][0], outputs["back_project/0/texture"], 2e-3, 0.01)
        texture, mask = compatible.merge(*zip(*views, strict=True), SIX)
        yield mostly(f"{name}/texture", texture, outputs["texture"], 2e-3, 0.01)
        yield mostly(f"{name}/mask", mask, outputs["mask"] > 0, 0, 0.005)
        filled, mask = compatible.inpaint_vertices(mesh, texture, mask[..., 0])
        yield mostly(f"{name}/vertex_texture", filled, outputs["inpaint/vertex_texture"], 2e-3, 0.01)
        yield f"{name}/vertex_mask", mask, outputs["inpaint/vertex_mask"] > 0
        final = compatible.inpaint_sheet(filled, mask)
        yield mostly(f"{name}/final", final, outputs["inpaint/final_u8"], 2, 0.01)
    hard = case.group("outputs/hard_inpaint/")
    start, known = case.tensors["outputs/box_torus/texture"], case.tensors["inputs/hard_inpaint/mask"] > 0
    filled, mask = compatible.inpaint_vertices(published_mesh(case, "box_torus"), start, known)
    yield mostly("hard vertex_texture", filled, hard["vertex_texture"], 2e-3, 0.01)
    yield "hard vertex_mask", mask, hard["vertex_mask"] > 0
    yield mostly("hard final", compatible.inpaint_sheet(filled, mask), hard["final_u8"], 2, 0.01)


def run_bake20(case: Case) -> Iterator[Comparison]:
    """The 2.0 maps, splatting and filling, on the mesh and pictures of the 2.1 case."""
    source, outputs = Case(case.folder.parent / "bake"), case.group("outputs/")
    mesh = published_mesh(source, "blob", smooth=True)
    guides = render_guides(mesh.vertices, mesh.faces, [Camera(30, 20)], 128, smooth=True)
    for kind, maps in (("normal", guides.normal), ("position", guides.position)):
        yield mostly(kind, to_bytes(maps[0]), outputs[f"{kind}_u8"], 0, 0.002)
    pictures = source.tensors["inputs/blob/views_u8"].float() / 255
    settings = case.record["kwargs"]
    kernel = compatible.border_kernel(settings["default_resolution"])
    views = [
        compatible.splat(mesh, picture, viewpoint.camera, settings["texture_size"], kernel)
        for picture, viewpoint in zip(pictures, SIX, strict=True)
    ]
    yield mostly("0/texture", views[0][0], outputs["back_project/0/texture"], 2e-3, 0.01)
    yield mostly("0/cos", views[0][1], outputs["back_project/0/cos"], 1e-4, 0.01)
    texture, mask = compatible.merge(*zip(*views, strict=True), SIX)
    yield mostly("texture", texture, outputs["texture"], 2e-3, 0.01)
    yield mostly("mask", mask, outputs["mask"] > 0, 0, 0.005)
    # The last step passes a difference of one in 255 on to a whole region, so it starts from the recorded texture.
    filled = compatible.inpaint_vertices(mesh, outputs["texture"], outputs["mask"][..., 0] > 0)
    yield mostly("final", compatible.inpaint_sheet(*filled), outputs["final_u8"], 2, 0.01)


def run_texture_export(case: Case) -> Iterator[Comparison]:
    """From baked textures to the bytes of the files."""
    inputs, outputs = case.group("inputs/"), case.group("outputs/")
    albedo = compatible.halve(inputs["albedo"])
    yield mostly("albedo_half", albedo, outputs["albedo_half"], 1e-5, 0.0)
    yield mostly("albedo", to_bytes(albedo), outputs["albedo_u8"], 1, 0.0)
    stored = compatible.quantise_metal_rough(inputs["mr"])
    recorded = case.group("intermediates/")
    yield mostly("metallic", stored[..., :1], recorded["mr_after_set"], 1e-6, 0.0)
    yield mostly("roughness", stored[..., 1:2], recorded["rough_after_set"], 1e-6, 0.0)
    metallic, roughness = to_bytes(compatible.halve(stored))[..., :2].unbind(-1)
    yield mostly("metallic_u8", metallic, outputs["metallic_u8"], 1, 0.0)
    yield mostly("roughness_u8", roughness, outputs["roughness_u8"], 1, 0.0)
    packed = compatible.gltf_metal_rough(metallic, roughness)
    yield mostly("packed", packed, outputs["gltf_metallic_roughness_u8"], 1, 0.0)


RUNNERS: dict[str, Runner] = {
    "rasterizer": run_rasterizer,
    "camera": run_camera,
    "render_maps": run_render_maps,
    "view_selection": run_view_selection,
    "bake": run_bake,
    "bake20": run_bake20,
    "texture_export": run_texture_export,
}
