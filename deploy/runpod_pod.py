"""The service as a pod on RunPod: RUNPOD_API_KEY=... MAQUETTE_KEY=mq_... python deploy/runpod_pod.py IMAGE

IMAGE is where you pushed what deploy/Dockerfile builds. Prints the address of the service.
"""

import os
import sys

import runpod


def create(image: str) -> str:
    """Rent the pod; its volume, with weights, jobs and files, outlives a stop."""
    runpod.api_key = os.environ["RUNPOD_API_KEY"]
    pod = runpod.create_pod(
        name="maquette",
        image_name=image,
        gpu_type_id="NVIDIA GeForce RTX 4090",
        min_memory_in_gb=16,
        container_disk_in_gb=20,
        volume_in_gb=50,
        volume_mount_path="/data",
        ports="8080/http",
        env={"MAQUETTE_KEY": os.environ["MAQUETTE_KEY"]},
        docker_args="serve --host 0.0.0.0 --preload",
    )
    return f"https://{pod['id']}-8080.proxy.runpod.net"


if __name__ == "__main__":
    print(create(sys.argv[1]))
