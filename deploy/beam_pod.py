"""The service as a pod on Beam: `beam secret create MAQUETTE_KEY mq_...`, then `beam deploy deploy/beam_pod.py:pod`."""

from beam import Image, Pod, Volume

pod = Pod(
    name="maquette",
    image=Image.from_dockerfile("deploy/Dockerfile", context_dir="."),
    gpu="RTX4090",
    cpu=4,
    memory="16Gi",
    ports=[8080],
    volumes=[
        Volume(name="maquette-weights", mount_path="/data"),
        Volume(name="maquette-jobs", mount_path="/jobs"),
    ],
    env={
        "MAQUETTE_DATA": "/tmp/jobs",
        "MAQUETTE_STORAGE": "/jobs",
    },  # SQLite needs a local disk; results do not
    secrets=["MAQUETTE_KEY"],
    keep_warm_seconds=300,
    entrypoint=["maquette", "serve", "--host", "0.0.0.0", "--preload"],
)
