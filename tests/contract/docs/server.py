"""A server on a fresh SQLite file, and demo workspaces in it."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import httpx

BINARY = os.path.realpath(os.environ["KARTOTEKA_BIN"])


class Server:
    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="kartoteka-docs.")
        self.home = Path(self.directory.name)
        settings = {
            "KARTOTEKA_DATA_DIR": str(self.home / "data"),
            "KARTOTEKA_LISTEN": "127.0.0.1:0",
            "KARTOTEKA_SIGN_IN_PER_MINUTE": "10000",
            "KARTOTEKA_STREAM_SECONDS": "1",
        }
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("KARTOTEKA_")} | settings
        self.log = open(self.home / "server.log", "wb")
        self.process = subprocess.Popen([BINARY], env=self.environment, cwd=self.home, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"the server did not start: {(self.home / 'server.log').read_text()}")
        self.binary = BINARY
        self.url = line.removeprefix("listening on ").strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.directory.cleanup()

    def demo(self):
        made = subprocess.run([BINARY, "demo", "--json"], env=self.environment, cwd=self.home, stdout=subprocess.PIPE, check=True)
        return Demo(self.url, json.loads(made.stdout))


class Demo:
    def __init__(self, url, printed):
        self.url = url
        self.api_key = printed["api_key"]
        self.form_key = printed["form_key"]
        self.people = {person["role"]: person for person in printed["users"]}

    def sign_in(self, role):
        person = self.people[role]
        answer = httpx.post(f"{self.url}/v1/auth/token", json={"email": person["email"], "password": person["password"]})
        answer.raise_for_status()
        return answer.json()

    def client(self, role="administrator"):
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {self.sign_in(role)['access_token']}"})
