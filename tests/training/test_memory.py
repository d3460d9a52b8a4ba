import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.training.cost.dry_run import Measured
from t2t_multimodel.training.cost.fit import largest_fit
from t2t_multimodel.training.cost.largest import batch_cost, largest_batch
from t2t_multimodel.training.cost.memory import free_bytes, in_words, peak_bytes, resident_bytes, usable_bytes

GB = 1 << 30


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = {"proc/meminfo": f"MemTotal: 9999 kB\nMemAvailable:   {8 * GB // 1024} kB\n"}


def test_what_is_free_is_the_least_of_system_and_groups(tmp_path):
    assert free_bytes(tmp_path / "none") is None
    assert free_bytes(write(tmp_path / "plain", MEMINFO)) == 8 * GB
    second = {
        "proc/self/cgroup": "0::/jobs/one\n",
        "sys/fs/cgroup/memory.max": "max\n",
        "sys/fs/cgroup/jobs/memory.max": f"{6 * GB}\n",
        "sys/fs/cgroup/jobs/memory.current": f"{3 * GB}\n",
        "sys/fs/cgroup/jobs/memory.stat": f"anon 5\ninactive_file {GB}\n",
        "sys/fs/cgroup/jobs/one/memory.max": "max\n",
    }
    assert free_bytes(write(tmp_path / "two", {**MEMINFO, **second})) == 4 * GB
    first = {
        "proc/self/cgroup": "5:cpu:/\n4:memory:/docker/abc\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GB}\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GB}\n",
    }
    assert free_bytes(write(tmp_path / "one", {**MEMINFO, **first})) == GB
    unlimited = {**first, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert free_bytes(write(tmp_path / "top", {**MEMINFO, **unlimited})) == 8 * GB


def test_what_this_process_holds_counts_as_usable(tmp_path):
    status = {"proc/self/status": f"VmHWM: {3 * GB // 1024} kB\nVmRSS:\t {2 * GB // 1024} kB\n"}
    root = write(tmp_path, {**MEMINFO, **status})
    assert usable_bytes(root) == int(0.9 * 10 * GB)
    assert (peak_bytes(root), resident_bytes(root)) == (3 * GB, 2 * GB)
    assert peak_bytes() >= resident_bytes() > 0
    assert in_words(1_250_000_000) == "1.25 GB" and in_words(3.4e8) == "340 MB"


class Machine:
    """A training that takes a number of bytes for each token, beside what it takes always."""

    def __init__(self, limit, *, always=1000, kills=False, most=10**9, bend=0.0):
        self.limit, self.always, self.kills, self.most, self.bend, self.asked = limit, always, kills, most, bend, []

    def __call__(self, tokens):
        self.asked.append(tokens)
        held = min(tokens, self.most)
        peak = int(self.always + 3 * held + self.bend * held**2)
        if self.kills and peak > self.limit:
            return Measured(0, "", "", [], 0.0)
        return Measured(peak, "toy", "batching.batch_tokens", [str(held)], 0.0)


@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.parametrize("bend", [0.0, 1e-3])
@pytest.mark.parametrize("limit", [2_000, 5_000, 20_000, 777_777])
def test_the_largest_batch_that_fits_is_found_to_an_eighth_or_on_the_safe_side(limit, bend, kills):
    machine = Machine(limit, kills=kills, bend=bend)
    tokens, measured = largest_fit(machine, limit)
    assert measured.peak <= limit and measured == Machine(limit, bend=bend)(tokens)
    assert machine.asked == sorted(set(machine.asked))  # memory that was taken is kept, so that they only rise
    if not bend and limit > 2_000:
        assert Machine(limit)(int(tokens * 1.26)).peak > limit
        assert max(machine.asked) == tokens  # nothing was tried that does not fit


def test_batches_that_hold_all_examples_end_the_search():
    machine = Machine(10**12, most=3000)
    tokens, _ = largest_fit(machine, 10**12)
    assert tokens == 4096 and len(machine.asked) == 6


def test_where_nothing_fits_there_is_no_number():
    assert largest_fit(Machine(1000), 1000)[0] is None
    assert largest_fit(Machine(1000, kills=True), 1000)[1].was_killed


@pytest.mark.parametrize("name", ["mini_parsing", "mini_speech", "mini_caption"])
def test_no_batch_costs_more_than_the_largest(name, mini_data, small_hparams):
    source = ProblemInput(registry.problem(name), mini_data, "train", small_hparams, seed=1)
    most = batch_cost(source, largest_batch(source))
    costs = [batch_cost(source, source.plan.train_batch(number)) for number in range(5 * source.plan.batches_per_epoch)]
    assert 0.5 * most < max(costs) <= most
