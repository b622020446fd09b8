"""Settings, each read from the environment variable ``CREDENCE_`` + its name in capitals. Units are in the names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import limits
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.checkpoints.memory import MOST_MODEL_BYTES
from models.checkpoints.objects import check_address, is_address
from models.errors import ObjectStoreError, did_you_mean
from models.noise import SEED_LIMIT

_PREFIX = "CREDENCE_"
_OF_OTHERS = ("CREDENCE_API_KEY", "CREDENCE_PUBLISHED_PORT", "CREDENCE_TEST_TOOLS")
"""Variables that the client reads, the compose file, and the tests."""
_SERVICE_LINK = re.compile(r"CREDENCE_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT_\d+_(TCP|UDP)\w*|PORT)")
"""Variables that Kubernetes sets in every container, if a service of the namespace has such a name."""
_MOST = {"seconds": 1e9, "days": 1e6}
"""Largest values by the last word of a setting's name, which clocks and calendars can add."""
_MOST_OF_OTHERS = 2**63 - 1


def _split(text: object) -> object:
    """Return the parts of a text with commas; a JSON list of texts is one too."""
    return (
        [part.strip(' "') for part in text.strip("[] ").split(",") if part.strip()] if isinstance(text, str) else text
    )


def _rate(text: str) -> str:
    if text:
        try:
            limits.parse(text)
        except ValueError:
            raise ValueError(f"{text!r} is no rate; allowed are such as 100/second, 20/minute and 5000/hour") from None
    return text


def _store(given: object) -> object:
    """Return a folder, or the address of an object store as a text."""
    if not isinstance(given, str) or not is_address(given):
        return Path(given) if isinstance(given, str) else given
    try:
        return check_address(given)
    except ObjectStoreError as error:
        raise ValueError(str(error)) from None


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^/*\s]+)$")]


class Settings(BaseSettings):
    """All that an operator may change about the service."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid", allow_inf_nan=False)

    store: Annotated[Path | str, BeforeValidator(_store)] = Field(
        Path("store"),
        description="Folder of checkpoints, each in `<name>/<version>/`, or the address of an object store that holds "
        "them: `s3://bucket/prefix`, `gs://`, `az://` or `file:///`.",
    )
    store_cache: Path = Field(
        Path(".store-cache"),
        description="Folder that checkpoints of an object store are brought into, and served from.",
    )
    public_key: Path | None = Field(
        None,
        description="File of an Ed25519 public key in PEM; only checkpoints that its owner has signed (`python -m "
        "training sign`) are served then.",
    )
    max_model_bytes: int = Field(
        MOST_MODEL_BYTES,
        gt=0,
        description="Most memory of a model, in bytes, its layers' results for one row included; a checkpoint whose "
        "manifest asks for more is refused.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` for every interface.")
    key_file: Path | None = Field(
        None,
        description="File of API keys, as `python -m service keys` writes it; every request then needs one, but for "
        "health checks and the playground's page.",
    )
    database_keys: bool = Field(
        False,
        description="Whether API keys are those of the database that `CREDENCE_DATABASE_URL` names "
        "(`python -m service keys ... --database`), which several services share, in place of a file.",
    )
    allow_anyone: bool = Field(
        False,
        description="Whether to listen on other addresses than the loopback without keys: whoever reaches the port may "
        "then do everything.",
    )
    allowed_hosts: Names = Field(
        (),
        description="Host names by which clients may call the service, separated by commas, such as `*.lab.example`; "
        "if empty, `localhost` and its addresses where it listens on the loopback, and any elsewhere.",
    )
    tls_certificate: Path | None = Field(
        None, description="File of the certificate chain in PEM; with it the service speaks HTTPS."
    )
    tls_key: Path | None = Field(None, description="File of the certificate's private key in PEM, without a password.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Device of the models: `cpu`, `cuda`, `cuda:1`; `auto` is CUDA if there is any.",
    )
    backend: Literal["auto", "torch", "onnx"] = Field(
        "auto",
        description="What executes models: `torch`, `onnx` (ONNX Runtime; a model without a graph is refused), or "
        "`auto`: the faster of both for each model that has a graph, torch for the others.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Numbers that draws are evaluated in. `bfloat16` is taken by each model that is faster with it "
        "here, and whose answers to its examples move by less than a tenth of their standard error.",
    )
    threads: int = Field(
        0, ge=0, description="Number of CPU threads of torch and of ONNX Runtime; 0 leaves it to torch."
    )
    default_model: str = Field("mnist-convnet-mc_dropout", description="Model that answers `/predict` unless named.")
    required_models: Names = Field(
        (),
        description="Models, separated by commas, without which the service is not ready; if empty, any one will do.",
    )
    poll_seconds: float = Field(
        5.0, ge=0, description="Seconds between two looks for new checkpoints in the store; 0 never looks."
    )
    show_examples: bool = Field(
        True,
        description="Whether `GET /models/{name}/examples` shows rows kept in checkpoints; `false` if private.",
    )
    outcomes: Literal["off", "asked", "all"] = Field(
        "asked",
        description="Answers that are remembered for `POST /outcomes`: those `asked` with `record=true`, `all`, or "
        "none (`off`).",
    )
    database_url: str = Field(
        "",
        description="Address of the database of outcomes and jobs, such as `postgresql://user:password@host/name` or "
        "`sqlite:////data/outcomes.sqlite`, which services may share; if empty, outcomes are in the file "
        "`<store>.outcomes.sqlite` beside the store, and jobs in memory.",
    )
    keep_outcomes_days: float = Field(
        90.0, gt=0, description="Days after which a remembered answer, with its outcome, is deleted."
    )
    keep_inputs: bool = Field(
        False, description="Whether the inputs of remembered answers are kept as well; nothing here reads them."
    )
    audit_file: Path | None = Field(
        None,
        description="File of the audit: a line of JSON for every prediction and generation, with hashes in place of "
        "inputs and answers. Requests then share no batch, so that `python -m service replay` finds the same bits.",
    )
    audit_bytes: int = Field(
        100_000_000, gt=0, description="Size in bytes from which the audit goes on in another file."
    )
    audit_files: int = Field(
        10, ge=1, description="Number of older files of the audit that are kept, `.1` being the youngest."
    )
    seed: int = Field(0, ge=0, lt=SEED_LIMIT, description="Seed of a request that names none.")
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)] = Field(
        (),
        description="Origins, separated by commas, whose pages may call the service, such as "
        "`https://lab.example:8443`; `*` for any, none if empty.",
    )
    max_connections: int = Field(
        10_000, gt=1, description="Number of connections above which more get 503; one client has half of them at most."
    )
    max_body_bytes: int = Field(
        32_000_000, gt=0, description="Largest body of a request, in bytes, as it comes and as it is once unpacked."
    )
    max_json_bytes: int = Field(
        2_000_000, gt=0, description="Largest body in JSON or CSV, which take longer to read than arrays, in bytes."
    )
    max_picture_bytes: int = Field(4_000_000, gt=0, description="Largest picture file in a request, in bytes.")
    max_json_depth: int = Field(32, gt=0, description="Deepest nesting of a JSON body, in levels.")
    max_header_bytes: int = Field(
        16_384, ge=1024, description="Largest head of a request (address and header lines), in bytes."
    )
    max_rows: int = Field(256, gt=0, description="Largest number of rows in one prediction.")
    max_pool_rows: int = Field(
        4096, gt=0, description="Largest number of rows in a pool of `/acquire`, and of its target rows."
    )
    max_draws: int = Field(1000, gt=0, description="Largest number of draws in one prediction.")
    max_work: int = Field(
        100_000,
        gt=0,
        description="Most work in one prediction: rows x draws x the model's `work_weight` (`GET /models/{name}`).",
    )
    max_images: int = Field(64, gt=0, description="Largest number of images in one request.")
    max_pixels: int = Field(16_000_000, gt=0, description="Largest number of pixels in all picture files of a request.")
    max_values: int = Field(
        1_000_000, gt=0, description="Largest number of numbers in one JSON answer, such as in `draws` or `covariance`."
    )
    max_array_values: int = Field(
        16_000_000,
        gt=0,
        description="Largest number of numbers in one statistic of a prediction that is answered as arrays or as a "
        "picture.",
    )
    max_request_seconds: float = Field(
        2.0,
        gt=0,
        description="Most seconds of one request's work on the device, as estimated when the model was loaded "
        "(`cost` of `GET /models/{name}`); one row with one draw, or one image, is always allowed.",
    )
    max_batch_work: int = Field(
        16_384, gt=0, description="Most work, in units of `max_work`, of requests that share a batch."
    )
    rate_limit: Annotated[str, AfterValidator(_rate)] = Field(
        "",
        description="Most requests of one client (its key, or its address), such as `100/second` or `5000/hour`, "
        "above which more get 429; none if empty.",
    )
    rate_store: str = Field(
        "",
        pattern=r"^((redis|rediss)://\S+)?$",
        description="Address of the Redis that counts the requests of all services that share it, such as "
        "`redis://:password@host:6379/0`; if empty, each service counts its own in memory.",
    )
    max_queue_seconds: float = Field(
        1.0, gt=0, description="Estimated seconds of work in the queue above which requests get 503."
    )
    max_queue_requests: int = Field(1024, gt=0, description="Number of waiting requests above which more get 503.")
    max_acquisitions: int = Field(
        8,
        gt=0,
        description="Number of requests to `/acquire` waiting or at work above which more get 503; one client has half "
        "of them at most.",
    )
    max_acquisition_seconds: float = Field(
        10.0,
        gt=0,
        description="Most seconds of a choice among the rows of a pool (`/acquire`), as estimated from its sizes.",
    )
    max_jobs: int = Field(
        8, gt=0, description="Number of jobs (`/project`) waiting or running above which more get 503."
    )
    max_kept_jobs: int = Field(
        64, gt=0, description="Largest number of ended jobs that are kept, in memory or in the database."
    )
    keep_job_seconds: float = Field(600.0, gt=0, description="Seconds for which an ended job is kept.")
    stall_seconds: float = Field(
        10.0,
        gt=0,
        description="Seconds in which a head has to come, a body has to reach 1000 bytes a second, and some of an "
        "answer has to be read, before the connection is closed.",
    )
    transfer_seconds: float = Field(
        60.0,
        gt=0,
        description="Seconds in which a whole body has to come, and a whole answer has to be read, before the "
        "connection is closed.",
    )
    deadline_seconds: float = Field(30.0, gt=0, description="Seconds after which a request gets 504.")
    drain_seconds: float = Field(
        1.0,
        ge=0,
        description="Seconds after SIGTERM in which the service is not ready but still answers, before it closes.",
    )
    shutdown_seconds: int = Field(
        30, gt=0, description="Seconds that accepted requests have to finish once the service closes."
    )
    draw_cache_bytes: int = Field(
        512 * 2**20, gt=0, description="Memory for draws kept from one request to the next, in bytes."
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="Form of the log, an entry a line: `text`, or `json` with the ids of the request and of its trace.",
    )
    log_level: str = Field(
        "info",
        pattern="^(critical|error|warning|info|debug)$",
        description="Least severe level that is logged: `critical`, `error`, `warning`, `info` or `debug`.",
    )
    log_requests: bool = Field(
        False,
        description="Whether every request is logged once it is answered, at level `info`: id, route, status, times.",
    )
    tracing: bool = Field(
        False,
        description="Whether spans of every request are sent to an OpenTelemetry collector, by OTLP over HTTP; the "
        "standard variables say where to and how many (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, ...). "
        "Needs the extra `tracing`.",
    )

    @field_validator("*")
    @classmethod
    def _bound(cls, value: object, info: ValidationInfo) -> object:
        """Refuse a number that nothing can count to; a seed has a limit of its own."""
        most = _MOST.get(str(info.field_name).rpartition("_")[2], _MOST_OF_OTHERS)
        if isinstance(value, int | float) and info.field_name != "seed" and value > most:
            raise ValueError(f"allowed are at most {most:.15g}")
        return value

    @property
    def store_folder(self) -> Path:
        """Folder that checkpoints are loaded from: the store, or where those of the object store are brought."""
        if isinstance(self.store, Path):
            return self.store
        return self.store_cache / hashlib.sha256(self.store.encode()).hexdigest()[:16]

    @property
    def has_keys(self) -> bool:
        """``True`` if requests need a key."""
        return self.key_file is not None or self.database_keys

    @property
    def outcomes_url(self) -> str:
        """Address of the database of outcomes, in SQLAlchemy's form."""
        return self.database_url or f"sqlite:///{self._outcomes_file}"

    @property
    def has_outcomes(self) -> bool:
        """``True`` if there may be outcomes of an earlier service."""
        return bool(self.database_url) or self._outcomes_file.exists()

    @property
    def _outcomes_file(self) -> Path:
        store = (self.store if isinstance(self.store, Path) else self.store_cache).absolute()
        return store.with_name(f"{store.name}.outcomes.sqlite")


def read_settings(**chosen: Any) -> Settings:
    """Return the settings of the environment, but for those that are chosen here.

    Raises:
        ValueError: naming each variable that is wrong, or that looks like a setting and is none.
    """
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        raise ValueError("\n".join(f"{_PREFIX}{str(one['loc'][0]).upper()}: {one['msg']}" for one in wrong)) from None
    if unknown := [*find_unknown(os.environ)]:
        raise ValueError("\n".join(unknown))
    return settings


def find_unknown(environment: Iterable[str]) -> Iterator[str]:
    """Yield a sentence about each variable that looks like a setting and is none: what it was to do is not done."""
    names = [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]
    for given in sorted(environment):
        name = given.upper()  # a setting may be in small letters
        known = name in names or name in _OF_OTHERS or _SERVICE_LINK.fullmatch(name)
        if name.startswith(_PREFIX) and not known:
            yield f"{given}: there is no such setting; docs/settings.md lists all{did_you_mean(name, names)}"
