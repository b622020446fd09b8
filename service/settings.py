"""Settings, each read from an environment variable ``CREDENCE_`` + its name in capitals. Units are in the names."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.noise import SEED_LIMIT


class Settings(BaseSettings):
    """Everything about the service that an operator may change."""

    model_config = SettingsConfigDict(env_prefix="CREDENCE_", frozen=True, extra="forbid")

    store: Path = Field(Path("store"), description="Folder of checkpoints, `<name>/<version>/` inside.")
    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` for every interface.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="`cpu`, `cuda`, `cuda:1`; `auto` is CUDA when present."
    )
    threads: int = Field(0, ge=0, description="CPU threads for torch; 0 leaves it to torch.")
    default_model: str = Field("digits-mlp-mc_dropout", description="Model of a `/predict` that names none.")
    required_models: tuple[str, ...] = Field(
        (), description="JSON list of models without which the service is not ready; none: any one will do."
    )
    show_examples: bool = Field(
        True, description="Answer `GET /models/{name}/examples` with rows kept in checkpoints; `false` where private."
    )
    seed: int = Field(0, ge=0, lt=SEED_LIMIT, description="Seed of a request that gives none.")
    max_body_bytes: int = Field(2_000_000, gt=0, description="Largest request body.")
    max_json_depth: int = Field(32, gt=0, description="Deepest nesting of a JSON body.")
    max_header_bytes: int = Field(16_384, ge=1024, description="Largest head of a request.")
    max_rows: int = Field(256, gt=0, description="Rows of one prediction.")
    max_draws: int = Field(1000, gt=0, description="Draws of one prediction.")
    max_work: int = Field(
        100_000, gt=0, description="Rows x draws of one prediction, times the model's `work_weight` (`GET /models`)."
    )
    max_images: int = Field(64, gt=0, description="Images of one generation.")
    max_pixels: int = Field(16_000_000, gt=0, description="Pixels of an image sent as PNG or JPEG.")
    max_values: int = Field(1_000_000, gt=0, description="Numbers in the `draws` or `covariance` of one answer.")
    max_batch_work: int = Field(16_384, gt=0, description="Weighted rows x draws of requests that share a batch.")
    max_queue_seconds: float = Field(1.0, gt=0, description="Estimated work in the queue above which requests get 503.")
    max_queue_requests: int = Field(1024, gt=0, description="Waiting requests above which requests get 503.")
    max_jobs: int = Field(8, gt=0, description="Jobs (`/project`) that wait or run, above which more get 503.")
    max_kept_jobs: int = Field(64, gt=0, description="Jobs that have ended and are kept.")
    keep_job_seconds: float = Field(600.0, gt=0, description="Time for which a job that has ended is kept.")
    deadline_seconds: float = Field(30.0, gt=0, description="Time after which a request gets 504.")
    drain_seconds: float = Field(1.0, ge=0, description="After SIGTERM: not ready, still serving, before closing.")
    shutdown_seconds: int = Field(30, gt=0, description="Time that accepted requests have to finish at the end.")
    draw_cache_bytes: int = Field(512 * 2**20, gt=0, description="Memory for draws kept from one request to the next.")
    log_level: str = Field(
        "info", pattern="^(critical|error|warning|info|debug)$", description="Least severe level that is logged."
    )
