"""Fetching from a server on this machine: consent, checksums, resuming, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tsrep.datasets import about
from tsrep.datasets.fetch import fetch
from tsrep.datasets.fetch_steps import steps
from tsrep.errors import DataError

BIG = bytes(range(256)) * 4000


class Handler(SimpleHTTPRequestHandler):
    """A file server that knows byte ranges, and can break off."""

    asked: list[tuple[str, str | None]]
    ranges = True
    break_off = False

    def log_message(self, *args):
        pass

    def do_GET(self):
        span = self.headers.get("Range")
        self.asked.append((self.path, span))
        path = self.translate_path(self.path)
        try:
            with open(path, "rb") as stream:  # noqa: PTH123 - as the parent class does
                body = stream.read()
        except OSError:
            self.send_error(404)
            return
        begin = int(span.split("=")[1].rstrip("-")) if span and self.ranges else 0
        if begin and begin >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        whole = not (self.break_off and path.endswith("big.dat"))
        self.wfile.write(body[begin:] if whole else body[begin : begin + 300_000])


@contextmanager
def serve(handler, root):
    """The handler's class with its ``url``, while a server hands out a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        handler.url, handler.root = f"http://127.0.0.1:{running.server_port}", root
        try:
            yield handler
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "server"
    (root / "records100").mkdir(parents=True)
    (root / "records500").mkdir()
    files = {"ptbxl_database.csv": b"a,b\n", "records100/big.dat": BIG, "records500/more.dat": b"more"}
    for name, body in files.items():
        (root / name).write_bytes(body)
    lines = [f"{hashlib.sha256(body).hexdigest()} {name}" for name, body in files.items()]
    (root / "SHA256SUMS.txt").write_text("\n".join(lines) + "\n")
    with serve(type("Local", (Handler,), {"asked": []}), root) as handler:
        yield handler


def get(server, out, **more):
    options = {"confirm": lambda question: True, "base_url": server.url, "progress": False}
    return fetch("ptb-xl", out, **(options | more))


def files(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_files_arrive_and_stay(server, tmp_path):
    out = get(server, tmp_path / "out")
    assert files(out) == {"SHA256SUMS.txt", "CITE.md", "ptbxl_database.csv", "records100/big.dat"}
    assert (out / "records100/big.dat").read_bytes() == BIG
    server.asked.clear()
    get(server, out)
    assert server.asked == [("/SHA256SUMS.txt", None)]
    get(server, out, everything=True)
    assert "records500/more.dat" in files(out)


def test_nothing_moves_before_consent(server, tmp_path):
    asked = []
    with pytest.raises(DataError, match="was not downloaded"):
        get(server, tmp_path / "out", confirm=lambda question: bool(asked.append(question)))
    assert server.asked == []
    assert not (tmp_path / "out").exists()
    for fact in ("CC BY 4.0", "545 MB", "Wagner", server.url, str(tmp_path / "out")):
        assert fact in asked[0]


def test_a_cut_off_download_goes_on_where_it_stopped(server, tmp_path):
    server.break_off = True
    with pytest.raises(DataError, match="run the same command to resume it"):
        get(server, tmp_path / "out")
    part = tmp_path / "out/records100/big.dat.part"
    assert part.read_bytes() == BIG[:300_000]
    server.break_off = False
    get(server, tmp_path / "out")
    assert ("/records100/big.dat", "bytes=300000-") in server.asked
    assert (tmp_path / "out/records100/big.dat").read_bytes() == BIG
    assert not part.exists()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("have", [BIG, BIG + b"too much", BIG[:100]])
def test_whatever_part_is_there(server, tmp_path, ranges, have):
    server.ranges = ranges
    (tmp_path / "out/records100").mkdir(parents=True)
    (tmp_path / "out/records100/big.dat.part").write_bytes(have)
    get(server, tmp_path / "out")
    assert (tmp_path / "out/records100/big.dat").read_bytes() == BIG


def test_damage_is_noticed_and_mended(server, tmp_path):
    out = get(server, tmp_path / "out")
    (out / "records100/big.dat").write_bytes(BIG[:-1] + b"x")
    get(server, out)
    assert (out / "records100/big.dat").read_bytes() == BIG
    (server.root / "ptbxl_database.csv").write_bytes(b"changed")
    (out / "ptbxl_database.csv").unlink()
    with pytest.raises(DataError, match="arrived damaged"):
        get(server, out)
    assert "ptbxl_database.csv" not in files(out)


def test_servers_and_lists_that_are_wrong(server, tmp_path):
    with pytest.raises(DataError, match="check the connection"):
        get(server, tmp_path / "out", base_url=server.url + "/nowhere")
    (server.root / "SHA256SUMS.txt").write_text("0" * 64 + " ../outside.txt\n")
    with pytest.raises(DataError, match="is not a list of SHA-256"):
        get(server, tmp_path / "out")
    (server.root / "SHA256SUMS.txt").write_text("0" * 64 + " absent.txt\n")
    with pytest.raises(DataError, match="404"):
        get(server, tmp_path / "out")
    assert not (tmp_path / "outside.txt").exists()


def test_nothing_to_fetch_and_no_space(server, tmp_path, monkeypatch):
    for name, reason in (("ptb-xl-sim", "simulated on first use"), ("arrays", "your own data")):
        with pytest.raises(DataError, match=reason):
            fetch(name, tmp_path, confirm=lambda question: True)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": 10**6}))
    with pytest.raises(DataError, match="1 MB are free there"):
        get(server, tmp_path / "out")


def test_some_files_by_their_names(server, tmp_path):
    asked = []
    out = get(server, tmp_path / "out", only=["big", "database"], confirm=lambda q: not asked.append(q))
    assert files(out) == {"SHA256SUMS.txt", "CITE.md", "ptbxl_database.csv", "records100/big.dat"}
    assert "what has big or database in its name, of about 545 MB" in asked[0]
    assert "Wagner P" in (out / "CITE.md").read_text()
    out = get(server, tmp_path / "other", only=["records500"])
    assert (out / "records500/more.dat").is_file()
    with pytest.raises(DataError, match="no file has 'georgia' in its name; there are 3, such as"):
        get(server, tmp_path / "third", only=["georgia"])


def test_a_record_of_zenodo_and_its_md5(server, tmp_path):
    body = b"exam_id\n1\n"
    (server.root / "exams.csv").write_bytes(body)
    listed = {"key": "exams.csv", "checksum": f"md5:{hashlib.md5(body).hexdigest()}"}
    (server.root / "4916206").write_text(json.dumps({"id": 4916206, "files": [listed]}))
    options = {"confirm": lambda question: True, "progress": False, "base_url": server.url}
    options["only"] = ["exams"]  # the size of the whole is not asked for
    out = fetch("code15", tmp_path / "out", **options)
    assert (out / "exams.csv").read_bytes() == body
    (server.root / "exams.csv").write_bytes(b"exam_id\n2\n")
    (out / "exams.csv").unlink()
    with pytest.raises(DataError, match="arrived damaged"):
        fetch("code15", out, **options)
    (server.root / "4916206").write_text('{"files": [{"key": "../x", "checksum": "md5:0"}]}')
    with pytest.raises(DataError, match="is not a list"):
        fetch("code15", out, **options)


def test_steps_for_what_is_not_downloaded():
    told = list(steps("tdbrain", about("tdbrain")))
    assert "its publishers ask for an agreement" in told[2]
    assert [line[:2] for line in told[4:]] == ["1.", "2.", "3.", "4."]
    assert "https://www.brainclinics.com/resources" in told[4]
    assert "TDBRAIN_participants_V2.tsv" in told[6]
    assert told[-1].endswith("tsrep data check tdbrain --root DIR")
