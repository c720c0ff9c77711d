"""The service on Modal: `modal secret create maquette MAQUETTE_KEY=mq_...`, then `modal deploy deploy/modal_app.py`."""

import subprocess
from pathlib import Path

import modal

root = Path(__file__).parent.parent
image = modal.Image.from_dockerfile(root / "deploy" / "Dockerfile", context_dir=root).entrypoint([])
app = modal.App("maquette", image=image)


@app.function(
    gpu="L4",
    cpu=4,
    memory=16384,
    volumes={
        "/weights": modal.Volume.from_name("maquette-weights", create_if_missing=True),
        "/jobs": modal.Volume.from_name("maquette-jobs", create_if_missing=True),
    },
    env={"HOME": "/weights", "MAQUETTE_DATA": "/tmp/jobs", "MAQUETTE_STORAGE": "/jobs"},
    secrets=[modal.Secret.from_name("maquette")],
    scaledown_window=300,
    max_containers=1,  # the jobs lie in its SQLite; for more containers set MAQUETTE_DATABASE to a PostgreSQL
)
@modal.concurrent(max_inputs=100)
@modal.web_server(8080, startup_timeout=120)
def serve() -> None:
    """The web process and one worker."""
    subprocess.Popen(["maquette", "serve", "--host", "0.0.0.0", "--preload"])
