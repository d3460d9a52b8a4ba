"""t2t-query-server as a process: its start, its refusals, and how it stops."""

import concurrent.futures
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

COMMAND = [sys.executable, "-m", "t2t_multimodel.bin.t2t_query_server"]


def run(*flags):
    return subprocess.run([*COMMAND, *flags], capture_output=True, text=True, check=False)


def test_what_cannot_be_served_is_one_line(tmp_path):
    nothing = run()
    assert nothing.returncode == 1 and "give --output_dir=RUN or --demo" in nothing.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--demo", f"--port={port}")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert f"cannot listen at 127.0.0.1:{port}" in result.stderr


def _post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
def test_a_signal_ends_it_when_what_it_took_is_done(tmp_path):
    log = tmp_path / "log"
    with open(log, "w") as file:
        process = subprocess.Popen([*COMMAND, "--demo", "--port=0", "--nowarm_up"], stderr=file)
    try:
        while '"serving"' not in log.read_text() and process.poll() is None:
            time.sleep(0.1)
        url = json.loads(log.read_text().splitlines()[0])["url"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            body = {"inputs": ["a small red circle"], "decode": {"beam_size": 2}}  # is traced for seconds
            waiting = [pool.submit(_post, f"{url}v1/mini_parsing", body) for _ in range(6)]
            while _metric(url, 't2t_batch_size_count{problem="mini_parsing"}') < 1:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            while '"stopping"' not in log.read_text():
                time.sleep(0.02)
            late = _post(f"{url}v1/mini_parsing", body)
            answers = [one.result() for one in waiting]
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
    assert [status for status, _ in answers] == [200] * 6
    assert len({json.dumps(answer["outputs"][0]["text"]) for _, answer in answers}) == 1
    assert late[0] == 503 and "stopping" in late[1]["error"]
    events = [json.loads(line).get("event") for line in log.read_text().splitlines()]
    assert events[0] == "serving" and events[-1] == "stopped"


def _metric(url, name):
    with urllib.request.urlopen(f"{url}metrics") as answer:
        lines = answer.read().decode().splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(name)), "0"))


@pytest.mark.slow
def test_a_head_that_never_comes_is_not_waited_for(tmp_path, monkeypatch, demo_model):
    import asyncio

    from t2t_multimodel.serving.http import run as module
    from t2t_multimodel.serving.http.app import make_app
    from t2t_multimodel.serving.http.config import ServeConfig

    monkeypatch.setattr(module, "_HEAD_S", 0.3)
    app = make_app(demo_model)

    async def slow():
        listener = module._bound_socket("127.0.0.1", 0)
        serving = asyncio.create_task(module._serve(app, listener, ServeConfig("", warm_up=False)))
        await asyncio.sleep(0.5)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET /healthz HT")
        began = time.monotonic()
        assert await reader.read() == b""
        signal.raise_signal(signal.SIGTERM)
        await serving
        return time.monotonic() - began

    try:
        assert asyncio.run(slow()) < 60
    finally:
        app.stop()
