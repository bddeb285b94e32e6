#!/usr/bin/env python3
"""Tries the server as ML backend of Label Studio itself: make check-label-studio.

    build/label-studio/bin/python scripts/label-studio.py --program bin/scalenet [--keep FOLDER] [--record server/testdata]

Starts Label Studio (PyPI, with its sqlite in a temporary folder) and `scalenet serve`. Makes a project over Label Studio's API with uploaded images,
files of a local storage and a data URL, adds the backend, retrieves predictions, and compares each box with that of /detect. Once with a personal
access token in LABEL_STUDIO_API_KEY, once with the legacy token that Label Studio sends to /setup. The exit status is 0 if all is equal.
"""
import argparse
import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("BloodImage_*.jpg"))
CONFIG = """<View><Image name="photo" value="$image"/><RectangleLabels name="cell" toName="photo">
<Label value="RBC"/><Label value="wbc"/><Label value="parasite"/></RectangleLabels></View>"""
LABELS = {"RBC": "RBC", "WBC": "wbc"}  # classes of the model to labels; Platelets have none
KEY = "a-key-of-the-server"
USER, PASSWORD = "someone@example.org", "a-long-password"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def process(command, url, log, **env):
    """Runs a command until the block ends, from when its URL answers."""
    with open(log, "w") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **env})
    try:
        for _ in range(600):
            with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                if requests.get(url, timeout=60).status_code == 200:
                    break
            if child.poll() is not None:
                raise SystemExit(f"{command[0]} ended:\n{log.read_text()[-3000:]}")
            time.sleep(0.5)
        else:
            raise SystemExit(f"{command[0]} did not answer at {url}")
        yield
    finally:
        child.terminate()
        child.wait(30)


@contextlib.contextmanager
def recorder(server, folder):
    """A proxy before the server that keeps the last body of /setup and /predict, without tokens, for the tests of package server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            name = self.path.rsplit("/", 1)[1]
            if name in ("setup", "predict"):
                sent = json.loads(body)
                sent.update({"access_token": "legacy"} if "access_token" in sent else {})
                sent.update({"tasks": [t for t in sent["tasks"] if not t["data"]["image"].startswith("data:")]} if "tasks" in sent else {})
                if len(sent.get("tasks", "any")) > 1:
                    (folder / f"labelstudio-{name}.json").write_text(json.dumps(sent, indent=1) + "\n")
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            answer = requests.request(self.command, server + self.path, data=body, headers=headers)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = forward

        def log_message(self, *_):
            pass

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_port}"
    proxy.shutdown()


class Studio:
    """The API of Label Studio, by a session of its first user."""

    def __init__(self, url):
        self.url, self.session = url, requests.Session()
        page = self.session.get(url + "/user/login").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
        self.session.post(url + "/user/login", data={"email": USER, "password": PASSWORD, "csrfmiddlewaretoken": token}).raise_for_status()

    def ask(self, method, path, **options):
        headers = {"X-CSRFToken": self.session.cookies.get("csrftoken", ""), "Referer": self.url}
        response = self.session.request(method, self.url + path, headers=headers, **options)
        if not response.ok:
            raise SystemExit(f"{method} {path}: {response.status_code} {response.text[:2000]}")
        return response.json() if response.text else None

    def project(self, title):
        """A project with uploaded images, files of a local storage and an image in its data."""
        project = self.ask("POST", "/api/projects", json={"title": title, "label_config": CONFIG})["id"]
        self.ask("POST", f"/api/projects/{project}/import", files=[(p.name, (p.name, p.read_bytes(), "image/jpeg")) for p in EXAMPLES[:2]])
        storage = self.ask("POST", "/api/storages/localfiles", json={
            "project": project, "path": str(ROOT / "examples"), "use_blob_urls": True, "regex_filter": r".*BloodImage_00(236|340)\.jpg"})
        self.ask("POST", f"/api/storages/localfiles/{storage['id']}/sync")
        data = "data:image/jpeg;base64," + base64.b64encode(EXAMPLES[0].read_bytes()).decode()
        self.ask("POST", f"/api/projects/{project}/import", json=[{"image": data}])
        return project

    def add_backend(self, project, url):
        return self.ask("POST", "/api/ml/", json={"project": project, "url": url, "title": "scalenet", "is_interactive": True,
                                                 "auth_method": "BASIC_AUTH", "basic_auth_user": "scalenet", "basic_auth_pass": KEY})

    def predictions(self, project):
        self.ask("POST", f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}", json={"selectedItems": {"all": True, "excluded": []}})
        return self.ask("GET", f"/api/tasks?project={project}&fields=all")["tasks"]


def expected(server, image):
    """The detections of an image as regions of Label Studio."""
    answer = requests.post(server + "/detect?model=bccd", data=image, headers={"Content-Type": "image/jpeg", "X-API-Key": KEY}).json()
    w, h = answer["image"]["width"], answer["image"]["height"]
    for d in answer["detections"]:
        if d["label"] in LABELS:
            b = d["box"]
            yield (LABELS[d["label"]], d["score"], 100 * b["x1"] / w, 100 * b["y1"] / h, 100 * (b["x2"] - b["x1"]) / w, 100 * (b["y2"] - b["y1"]) / h, w, h)


def file_of(address):
    """The file in examples/ of a task's image."""
    if address.startswith("data:"):
        return EXAMPLES[0]
    return next(p for p in EXAMPLES if p.name in address)


def compare(server, tasks):
    """Compares every region; returns their number and the largest difference in percent of the image."""
    boxes, largest = 0, 0.0
    for task in tasks:
        address = task["data"]["image"]
        if len(task["predictions"]) != 1:
            raise SystemExit(f"task {task['id']} ({address[:80]}) has {len(task['predictions'])} predictions")
        prediction = task["predictions"][0]
        want, got = list(expected(server, file_of(address).read_bytes())), prediction["result"]
        if len(want) != len(got) or not want:
            raise SystemExit(f"task {task['id']}: {len(got)} regions, /detect has {len(want)}")
        for w, r in zip(want, got):
            v = r["value"]
            assert (r["type"], r["from_name"], r["to_name"], v["rotation"]) == ("rectanglelabels", "cell", "photo", 0), r
            assert (v["rectanglelabels"], r["original_width"], r["original_height"]) == ([w[0]], w[6], w[7]), (r, w)
            largest = max(largest, *(abs(a - b) for a, b in zip((r["score"], v["x"], v["y"], v["width"], v["height"]), w[1:6])))
            boxes += 1
    return boxes, largest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "bin" / "scalenet"))
    parser.add_argument("--keep", type=pathlib.Path, help="folder for logs and Label Studio's data instead of a temporary one")
    parser.add_argument("--record", type=pathlib.Path, help="folder for the requests of Label Studio")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = o.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        studio_url, server = f"http://localhost:{free_port()}", f"http://127.0.0.1:{free_port()}"
        command = [str(pathlib.Path(sys.executable).parent / "label-studio"), "start", "--no-browser", "--data-dir", str(folder / "data"),
                   "--port", studio_url.rsplit(":", 1)[1], "--username", USER, "--password", PASSWORD]
        serve = [o.program, "serve", "--model", str(ROOT / "models"), "--listen", server[7:], "--label-studio", studio_url, "--log-level", "debug"]
        with process(command, studio_url + "/health", folder / "label-studio.log", HOST=studio_url, ML_BLOCK_LOCAL_IP="false", USE_DEFAULT_BANNED_SUBNETS="false", LOCAL_FILES_SERVING_ENABLED="true",
                     LOCAL_FILES_DOCUMENT_ROOT=str(ROOT), COLLECT_ANALYTICS="false", SENTRY_DSN="", FRONTEND_SENTRY_DSN=""):
            studio = Studio(studio_url)
            token = studio.ask("POST", "/api/token/")["token"]
            for name, key, path in (("personal access token", token, "/labelstudio/bccd"), ("legacy token of /setup", "", "")):
                if not key:
                    studio.ask("POST", "/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
                with process(serve, server + "/readyz", folder / f"serve{path.replace('/', '-')}.log", SCALENET_API_KEYS=KEY, LABEL_STUDIO_API_KEY=key):
                    project = studio.project(name)
                    if o.record:
                        o.record.mkdir(parents=True, exist_ok=True)
                    with recorder(server, o.record) if o.record else contextlib.nullcontext(server) as backend_url:
                        backend = studio.add_backend(project, backend_url + path)
                        tasks = studio.predictions(project)
                        one = studio.ask("POST", f"/api/ml/{backend['id']}/interactive-annotating", json={"task": tasks[0]["id"]})
                    boxes, largest = compare(server, tasks)
                    assert len(one["data"]["result"]) == len(tasks[0]["predictions"][0]["result"]), one
                    dropped = re.search(r'^scalenet_labelstudio_dropped_total\{model="bccd"\} (\d+)', requests.get(server + "/metrics", headers={"X-API-Key": KEY}).text, re.M)
                    print(f"{name}: {len(tasks)} tasks, {boxes} boxes, largest difference {largest:.2g}; {dropped.group(1)} platelets dropped; "
                          f"model version {tasks[0]['predictions'][0]['model_version']}")
                    assert largest < 1e-5, "boxes differ"


if __name__ == "__main__":
    main()
