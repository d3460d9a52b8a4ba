"""Command t2t-query-server: serves a trained model over HTTP, with a page to try it on."""

from __future__ import annotations

import dataclasses
import importlib.util

from absl import flags

from t2t_multimodel import registry
from t2t_multimodel.bin import cli
from t2t_multimodel.errors import MultiModelError

FLAGS = flags.FLAGS
_EXTRA = ("fastapi", "prometheus_client", "uvicorn")


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_path("output_dir", "The training run.")
    cli.define_path("checkpoint_path", "best, latest, average, ema, or a checkpoint of it; the newest unless given.")
    flags.DEFINE_bool("demo", False, "Serve the small model that the package brings.")
    flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 for all of this machine.")
    flags.DEFINE_integer("port", 8080, "Port to listen at; 0 takes a free one.")
    flags.DEFINE_float("batch_wait_ms", 5.0, "How long an input waits for others of its batch, in milliseconds.")
    flags.DEFINE_integer("max_batch", 32, "Inputs decoded together.", lower_bound=1)
    flags.DEFINE_integer("max_queue", 512, "Inputs held at once; more are refused with 503.", lower_bound=1)
    flags.DEFINE_float("timeout_s", 60.0, "Seconds in which an answer must be there; past it 504.")
    flags.DEFINE_float("body_timeout_s", 10.0, "Seconds in which a request's body must have come; past it 408.")
    flags.DEFINE_integer("max_inputs", 64, "Inputs of a request.", lower_bound=1)
    flags.DEFINE_integer("max_beams", 8, "The widest beam that may be asked for.", lower_bound=1)
    flags.DEFINE_float("max_body_mb", 8.0, "Megabytes of a request's body.")
    flags.DEFINE_integer("max_characters", 1000, "Characters of a text.", lower_bound=1)
    flags.DEFINE_integer("max_pixels", 1 << 24, "Pixels of a picture.", lower_bound=1)
    flags.DEFINE_float("max_seconds", 60.0, "Seconds of sound.")
    flags.DEFINE_bool("warm_up", True, "Trace the usual searches at the start.")
    cli.define_path("t2t_usr_dir", "A folder with your own problem modules.")


def main(_) -> None:
    """Parses flags and serves."""
    if FLAGS.t2t_usr_dir:
        registry.import_usr_dir(FLAGS.t2t_usr_dir)
    if FLAGS.demo == bool(FLAGS.output_dir):
        raise MultiModelError("nothing to serve, or too much; give --output_dir=RUN or --demo")
    cli.require_input(output_dir=FLAGS.output_dir)
    for name in _EXTRA:
        if importlib.util.find_spec(name) is None:
            raise MultiModelError(f"{name} is not installed; run pip install 't2t-multimodel[serve]'")
    from t2t_multimodel.serving.http.run import serve

    config = _config()
    if FLAGS.demo:
        from t2t_multimodel import demo

        config = dataclasses.replace(config, output_dir=demo.run_folder(), examples=demo.examples())
    serve(config)


def _config():
    from t2t_multimodel.data.input_limits import InputLimits
    from t2t_multimodel.serving.http.config import Limits, QueueConfig, ServeConfig

    inputs = InputLimits(characters=FLAGS.max_characters, pixels=FLAGS.max_pixels, seconds=FLAGS.max_seconds)
    limits = Limits(
        inputs=inputs,
        max_inputs=FLAGS.max_inputs,
        max_body_bytes=int(FLAGS.max_body_mb * (1 << 20)),
        max_beams=FLAGS.max_beams,
        timeout_s=FLAGS.timeout_s,
        body_timeout_s=FLAGS.body_timeout_s,
    )
    queue = QueueConfig(FLAGS.batch_wait_ms, FLAGS.max_batch, FLAGS.max_queue)
    return ServeConfig(
        output_dir=FLAGS.output_dir or "",
        checkpoint=FLAGS.checkpoint_path,
        host=FLAGS.host,
        port=FLAGS.port,
        limits=limits,
        queue=queue,
        warm_up=FLAGS.warm_up,
    )


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
