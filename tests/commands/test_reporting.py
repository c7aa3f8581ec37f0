"""`report` and `watch`: a sweep as a page, and what is forecast of it."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import COMMAND, refused, succeeded, waited_for
from epochgraph import Sweep, report
from epochgraph.commands.serving import HOST, server_of
from epochgraph.errors import EpochgraphError, SettingError, UnreadableFileError
from epochgraph.runs import write_run
from forecasts.made import diverged, made_sweep
from watch.loops import Training
from watch.test_watching import watched

ENDS = [0.2, 0.9, 0.5, 0.7, 0.3, 0.8, 0.4, 0.6]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def stored(folder: Path, runs) -> Path:
    for run in runs:
        write_run(run, folder / f"{re.sub('[^a-z0-9 ]', '', run.name)}.parquet")
    return folder


def sweep_of(folder: Path, name: str = "run {}") -> Path:
    """Four finished runs, one that was stopped, and eight that are running."""
    finished = made_sweep([0.1, 0.45, 0.65, 0.95], settings={"status": "finished"})
    stopped = made_sweep([0.3], now=3, settings={"status": "stopped"})
    running = made_sweep(ENDS, now=2, settings={"status": "running"})
    runs = [replace(run, name=name.format(place)) for place, run in enumerate([*finished, *stopped, *running])]
    return stored(folder, runs)


def data_of(html: str) -> dict:
    (text,) = re.findall(r"^let data = (\{.*\});$", html, re.MULTILINE)
    return json.loads(text)


def test_a_sweep_knows_its_runs_their_forecasts_and_their_order(tmp_path):
    state = Sweep(sweep_of(tmp_path), best=3)()
    assert [state.number(status) for status in ("finished", "stopped", "running")] == [4, 1, 8]
    assert state.order[0] == "run 6"  # of end 0.9
    assert "run 5" in state.to_stop  # of end 0.2
    assert set(state.order[-len(state.to_stop) :]) >= set(state.to_stop)
    assert state.members["run 6"].forecast.interval is not None
    assert state.members["run 0"].forecast.reason == "it has finished"


def test_a_sweep_sees_what_was_written_since(tmp_path):
    sweep = Sweep(sweep_of(tmp_path), best=2)
    assert sweep().members["run 6"].status == "running"
    (better,) = made_sweep([0.9], settings={"status": "finished"})
    write_run(replace(better, name="run 6"), tmp_path / "run 6.parquet")
    assert sweep().members["run 6"].status == "finished"


def test_what_watch_said_is_shown(tmp_path):
    training = Training.begun()
    watch = watched(training.model, tmp_path)
    for epoch in range(1, 5):
        watch(epoch, train_loss=training.epoch(epoch), validation_accuracy=0.1 * epoch)
    member = Sweep(tmp_path)().members["a"]
    assert str(member.account) == "no decision to stop in 4 epochs"
    (shown,) = data_of(report(tmp_path).html)["runs"]
    assert shown["account"] == str(member.account)
    assert len(shown["layers"]["epochs"]) == 5
    assert all(row[0] == 0 and row[-1] > 0 for row in shown["layers"]["rows"].values())
    assert len(shown["spreads"]["degree"]) == 5


def test_the_page_has_what_the_sweep_has_and_says_it_first(tmp_path):
    found = report(sweep_of(tmp_path), best=3)
    data = data_of(found.html)
    assert data["order"] == found.state.order
    assert data["verdict"].startswith("13 runs: 8 running, 4 finished, 1 stopped. Stop run 5 (")
    assert "The most hopeful: run 6" in data["verdict"]
    run = next(one for one in data["runs"] if one["name"] == "run 6")
    assert (run["status"], run["epoch"], run["budget"], run["decision"]) == ("running", 2, 8, "continue")
    assert run["low"] <= run["expected"] <= run["high"]
    assert run["curve"][-1] == [2, pytest.approx(run["value"])]
    assert "run 6" in str(found)


def test_diverged_runs_are_named_and_nothing_infinite_is_written(tmp_path):
    runs = made_sweep(ENDS, now=2)
    metrics = runs[0].metrics.astype(float)
    metrics.iloc[-1] = np.nan
    metrics.iloc[-2] = np.inf
    runs[0] = diverged(replace(runs[0], metrics=metrics))
    data = data_of(report(stored(tmp_path, runs)).html)
    assert "Diverged: run 0." in data["verdict"]
    assert data["runs"][0]["decision"] == "stop"


def test_names_from_files_cannot_leave_the_script(tmp_path):
    html = report(sweep_of(tmp_path, "</script><script>alert(1)</script>\u2028{}<!--")).html
    assert html.count("<script>") == html.count("</script>") == 1
    assert "alert(1)" in html
    assert "\u2028" not in html
    assert data_of(html)["runs"][0]["name"].startswith("</script>")


def test_the_page_needs_nothing_else_and_is_small(tmp_path):
    rng = np.random.default_rng(0)
    runs = made_sweep(rng.uniform(size=50).tolist(), epochs=300, now=250)
    html = report(stored(tmp_path, runs)).html
    assert len(html) < 500_000
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {"http://www.w3.org/2000/svg"}  # the name of a language
    assert not re.search(r"\b(src|href)=", html)
    assert "innerHTML" not in html


def test_what_cannot_be_shown_is_one_line(tmp_path):
    with pytest.raises(UnreadableFileError, match="it is not there"):
        Sweep(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    assert "it holds no runs" in refused("report", tmp_path / "empty", "-o", tmp_path / "sweep.html")
    assert not (tmp_path / "sweep.html").exists()
    with pytest.raises(SettingError, match="one or the other"):
        Sweep(tmp_path, best=2, threshold=0.5)


def test_on_the_command_line(tmp_path):
    printed = succeeded("report", sweep_of(tmp_path / "store"), "-o", tmp_path / "sweep.html", "--best", "3")
    assert "The most hopeful: run 6" in printed
    assert (tmp_path / "sweep.html").read_text().startswith("<!doctype html>")


@pytest.fixture
def served(tmp_path):
    store = sweep_of(tmp_path / "store")
    server = server_of(Sweep(store, best=3), "mine", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield store, f"{HOST}:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def answer(address: str, path: str = "/", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        found = connection.getresponse()
        return found.status, found.read().decode()
    finally:
        connection.close()


def test_a_served_page_follows_the_runs(served):
    store, address = served
    before = data_of(answer(address)[1])
    assert before["live"]
    assert answer(address, f"/data.json?than={before['digest']}")[0] == 204  # nothing new
    (later,) = made_sweep([0.9], now=3, settings={"status": "running"})
    write_run(replace(later, name="run 6"), store / "run 6.parquet")
    status, text = answer(address, f"/data.json?than={before['digest']}")
    assert status == 200
    assert next(one for one in json.loads(text)["runs"] if one["name"] == "run 6")["epoch"] == 3
    for path in store.iterdir():
        path.write_bytes(b"damaged")  # what was known is shown on
    assert json.loads(answer(address, "/data.json")[1])["runs"]


@pytest.mark.parametrize(("path", "headers", "code"), [("/etc/passwd", {}, 404), ("/", {"Host": "evil.example"}, 403)])
def test_nothing_else_is_served_and_nobody_else(served, path, headers, code):
    assert answer(served[1], path, **headers)[0] == code


def test_a_port_that_is_taken_is_one_line(served):
    store, address = served
    with pytest.raises(SettingError, match="port"):
        server_of(Sweep(store), "mine", int(address.rpartition(":")[2]))


def test_serving_ends_with_one_line(tmp_path):
    with subprocess.Popen(
        [*COMMAND, "watch", sweep_of(tmp_path), "--port", "0"], stderr=subprocess.PIPE, text=True
    ) as process:
        first = process.stderr.readline()
        (address,) = re.findall(r"http://(127\.0\.0\.1:\d+)/", first)
        assert data_of(answer(address)[1])["runs"]
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert len(rest.splitlines()) == 1


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to look at the page with")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_draws_the_page_without_overflow_or_error(tmp_path, width):
    html = report(sweep_of(tmp_path / "store"), best=3).html
    probe = "<script>document.title = [document.documentElement.scrollWidth <= innerWidth, document.querySelectorAll("
    probe += "'#runs tbody tr').length, document.querySelectorAll('#curves polyline').length, focused()].join()"
    probe += (
        "; function focused() { const head = document.querySelectorAll('th button')[1]; head.focus(); head.click();"
    )
    probe += " return document.activeElement.textContent } </script>"
    (tmp_path / "page.html").write_text(html.replace("</body>", f"{probe}</body>"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [BROWSER, *options, f"--window-size={width},1200", f"--screenshot={tmp_path / 'page.png'}", "--dump-dom"]
    done = subprocess.run(
        [*command, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=240, check=False
    )
    waited_for((tmp_path / "page.png").exists)
    assert re.search(r"<title>true,13,13,decision ↑</title>", done.stdout), done.stderr[-2000:]
    with Image.open(tmp_path / "page.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50  # something is drawn


def test_an_error_of_the_store_is_raised_where_nothing_is_known_yet(tmp_path):
    tmp_path.joinpath("a.parquet").write_bytes(b"damaged")
    with pytest.raises(EpochgraphError):
        server_of(Sweep(tmp_path), "mine", 0)
