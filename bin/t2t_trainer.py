"""Command t2t-trainer: trains one model on one or many problems, and continues an interrupted run."""

from __future__ import annotations

from absl import flags

from t2t_multimodel import registry
from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_problem_flags()
    flags.DEFINE_string("hparams_set", "multimodel_base", "Registered hparams set.")
    flags.DEFINE_string("hparams", "", "Overrides, group.name=value,...")
    cli.define_path("output_dir", "Checkpoints, TensorBoard events and metrics.jsonl.")
    flags.DEFINE_integer("train_steps", 250000, "The last step.", lower_bound=0)
    flags.DEFINE_integer("eval_steps", 0, "Batches of each evaluation; 0 takes the whole dev split.", lower_bound=0)
    flags.DEFINE_integer("local_eval_frequency", 1000, "Steps between evaluations; 0: at the end.", lower_bound=0)
    flags.DEFINE_integer("save_checkpoints_steps", 1000, "Steps between checkpoints.", lower_bound=1)
    flags.DEFINE_integer("keep_checkpoint_max", 20, "Checkpoints that are kept.", lower_bound=1)
    flags.DEFINE_string("best_metric", "relative_loss", "SCORE or PROBLEM/SCORE of the best checkpoint; none: no best.")
    flags.DEFINE_integer(
        "early_stop_patience", 0, "Evaluations without improvement that end the training; 0: none.", lower_bound=0
    )
    flags.DEFINE_float("early_stop_min_delta", 0.0, "What counts as improvement must be more.", lower_bound=0.0)
    flags.DEFINE_string(
        "strategy", "auto", "auto, one_device, mirrored, multi_worker, tpu or mesh: docs/distributed.md."
    )
    flags.DEFINE_integer("replicas", 0, "Devices of this process; 0: all GPUs, else one device.", lower_bound=0)
    flags.DEFINE_string("tpu", "", "Name or grpc address of the TPU, or local; TPU_NAME by default.")
    flags.DEFINE_string("mesh_shape", "", "Of strategy mesh, such as batch:2;experts:4.")
    flags.DEFINE_enum(
        "dry_run", "off", ["off", "before", "only"], "Step on the largest batches first: does the memory suffice?"
    )
    flags.DEFINE_integer(
        "task_gradients", 0, "Steps between measurements of how the problems' gradients agree; 0: never.", lower_bound=0
    )
    cli.define_path("warm_start_from", "A trained run, a checkpoint of it, or demo, that a new run starts from.", "")
    flags.DEFINE_enum("progress", "auto", ["auto", "plain"], "A view in place on a terminal, or plain lines.")
    flags.DEFINE_integer(
        "eval_examples", 0, "Of every problem, decoded for TensorBoard at each evaluation.", lower_bound=0
    )
    flags.DEFINE_string("tracking", "", "mlflow:URI_OR_FOLDER, wandb:PROJECT or file:PATH: docs/training.md.")
    flags.DEFINE_string("profile", "", "FIRST:LAST: a trace of these steps for TensorBoard's profiler.")
    flags.DEFINE_bool("generate_data", False, "Generate the data first where it is missing.")
    flags.DEFINE_bool("describe", False, "Print the parameters of --hparams_set ('all': of all sets) and stop.")
    flags.DEFINE_string("describe_batch", "", "ROWSxSOURCExTARGET: also FLOPs, memory and time of such a step.")


def main(_) -> None:
    """Parses flags and trains."""
    if FLAGS.registry_help:
        cli.print_registry()
        return
    cli.prepare()
    if FLAGS.describe:
        _describe()
        return
    cli.require("problem", "data_dir", "output_dir")
    problems = registry.expand_problems(FLAGS.problem)
    hparams = cli.hparams()  # a wrong flag is named before data are generated
    cli.require_output(output_dir=FLAGS.output_dir)
    cli.require_input(data_dir=FLAGS.data_dir)
    if FLAGS.generate_data:
        from t2t_multimodel.training.keep.known_metrics import choose_metric

        choose_metric(FLAGS.best_metric, problems, averages=hparams.optimizer.ema_decay > 0)
        cli.generate(problems)
    from t2t_multimodel.api import train
    from t2t_multimodel.runs.metrics_log import format_table

    records = train(
        problems,
        data_dir=FLAGS.data_dir,
        output_dir=FLAGS.output_dir,
        train_steps=FLAGS.train_steps,
        hparams_set=FLAGS.hparams_set,
        hparams=FLAGS.hparams,
        eval_steps=FLAGS.eval_steps,
        eval_frequency=FLAGS.local_eval_frequency,
        save_steps=FLAGS.save_checkpoints_steps,
        keep_checkpoints=FLAGS.keep_checkpoint_max,
        best_metric=FLAGS.best_metric,
        early_stop_patience=FLAGS.early_stop_patience,
        early_stop_min_delta=FLAGS.early_stop_min_delta,
        seed=FLAGS.random_seed,
        strategy=FLAGS.strategy,
        replicas=FLAGS.replicas,
        tpu=FLAGS.tpu,
        mesh_shape=FLAGS.mesh_shape,
        strict=FLAGS.strict,
        dry_run=FLAGS.dry_run,
        task_gradients=FLAGS.task_gradients,
        warm_start_from=FLAGS.warm_start_from,
        progress=FLAGS.progress,
        profile=FLAGS.profile,
        tracking=FLAGS.tracking,
        eval_examples=FLAGS.eval_examples,
    )
    if FLAGS.dry_run != "only":
        print(format_table(records))


def _describe() -> None:
    """Prints parameter counts, with the modality nets of --problem or of text alone."""
    from t2t_multimodel.modalities import SymbolSpec
    from t2t_multimodel.training.cost import describe

    problems = [registry.problem(name) for name in registry.expand_problems(FLAGS.problem)] if FLAGS.problem else []
    specs = {spec for problem in problems for spec in (problem.inputs, problem.targets)} | {SymbolSpec()}
    names = registry.hparams_names() if FLAGS.hparams_set == "all" else [FLAGS.hparams_set]
    parts = {
        name: describe.parameters_by_part(
            registry.hparams(name).override(FLAGS.hparams).check(), vocab_size=describe.VOCAB_SIZE, specs=specs
        )
        for name in names
    }
    if len(names) == 1:
        print(describe.format_parts(parts[names[0]]))
        if FLAGS.mesh_shape:
            _describe_mesh(registry.hparams(names[0]).override(FLAGS.hparams), specs)
        if FLAGS.describe_batch:
            _describe_step(registry.hparams(names[0]).override(FLAGS.hparams), problems)
    else:
        print(describe.format_parts({name: sum(counts.values()) for name, counts in parts.items()}, total=False))


def _describe_mesh(hparams, specs) -> None:
    """Prints the bytes of a training on each device of --mesh_shape."""
    from t2t_multimodel.training.cost import describe

    print()
    print(describe.format_bytes(describe.bytes_by_device(hparams, FLAGS.mesh_shape, specs=specs)))


def _describe_step(hparams, problems) -> None:
    """Prints FLOPs, memory and time of a step on --describe_batch, for the first of --problem or for text alone."""
    from t2t_multimodel.modalities import SymbolSpec
    from t2t_multimodel.training.cost import describe
    from t2t_multimodel.training.cost.expect import expect_step, format_expected

    inputs, targets = (problems[0].inputs, problems[0].targets) if problems else (SymbolSpec(), SymbolSpec())
    rows, source, length = describe.parse_batch(FLAGS.describe_batch)
    counts = describe.step_flops(hparams, inputs, targets, [source] * rows, [length] * rows)
    print(f"\nuseful FLOPs of a train step, {rows} x ({source} + {length}), {inputs.key} to {targets.key}:")
    print(describe.format_parts(counts), flush=True)
    name, batch = problems[0].name if problems else "", (rows, source, length)
    print(f"\n{format_expected(expect_step(hparams, name, (inputs, targets), batch, sum(counts.values())))}")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
