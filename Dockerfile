# NOT BUILT YET: no machine of this project could run a Docker daemon. What it installs is what
# `make` installs on Debian 12 (environment and CI are tested there); build it before you rely on it.
#   docker build -t shapley-nas .
#   docker run --rm -v "$PWD/results:/work/results" -v /my/data:/data shapley-nas snakemake --cores all
# With GPUs: `docker run --gpus all ...` (NVIDIA container toolkit); torch brings its own CUDA.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /work
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pipeline pipeline
RUN pip install --no-cache-dir -c constraints.txt -e '.[cluster,server]'
COPY . .

ENV SHAPLEY_NAS_DATA=/data \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true
CMD ["snakemake", "--cores", "all"]
