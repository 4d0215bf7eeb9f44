"""The cloud: images behind nginx, as the mounts and their peers see them."""

import json
import os
import re
import tempfile
import urllib.request
from contextlib import ExitStack, closing
from dataclasses import dataclass

from glancefs_bench.disk import drop_caches, remove_tree
from glancefs_bench.programs import Run, run
from glancefs_bench.servers import DevCloud, Nginx


_PAGE = 1000  # the most that Glance gives at once unless told otherwise


@dataclass(frozen=True)
class Image:
    name: str
    id: str
    size: int
    served: str  # the file nginx takes the bytes from
    path: str    # of the URL of the data


class Api:
    """Glance as a person with curl uses it."""

    def __init__(self, environment: dict[str, str], home: str, glance_url: str):
        self._glance_url = glance_url
        handle, self._header = tempfile.mkstemp(prefix="token.", dir=home)  # mode 0600
        login = urllib.request.Request(
            f"{environment['OS_AUTH_URL']}/auth/tokens", json.dumps(_login(environment)).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(login, timeout=30) as answer:
            self.token = answer.headers["X-Subject-Token"]
        # In a file: the token of a real cloud has no business in the list of processes.
        with open(handle, "w", encoding="ascii") as file:
            file.write(f"X-Auth-Token: {self.token}\n")

    @property
    def curl_options(self) -> list[str]:
        return ["-sSf", "-H", f"@{self._header}"]

    def create(self, name: str, disk_format: str = "raw") -> tuple[str, Run]:
        """Makes a record without data; its id, and what that cost."""
        record = {"name": name, "disk_format": disk_format, "container_format": "bare",
                  "visibility": "private"}
        created = run("curl", *self.curl_options, "-H", "Content-Type: application/json",
                      "-d", json.dumps(record), f"{self._glance_url}/v2/images")
        return json.loads(created.output)["id"], created

    def put(self, identity: str, path: str) -> Run:
        """Uploads the data of a record."""
        return run("curl", *self.curl_options, "-X", "PUT",
                   "-H", "Content-Type: application/octet-stream", "-T", path,
                   f"{self._glance_url}/v2/images/{identity}/file")

    def upload(self, name: str, path: str, disk_format: str = "raw") -> str:
        """Makes an image of a file; its id."""
        identity, _ = self.create(name, disk_format)
        self.put(identity, path)
        return identity

    def fetch_all_records(self) -> None:
        """Page by page, as a mount does it."""
        for hidden in ("false", "true"):
            marker = ""
            while True:
                page = urllib.request.Request(
                    f"{self._glance_url}/v2/images?limit={_PAGE}&visibility=all&os_hidden={hidden}"
                    f"&sort=created_at:desc,id:desc{marker}",
                    headers={"X-Auth-Token": self.token})
                with urllib.request.urlopen(page, timeout=60) as answer:
                    identities = re.findall(rb'"id": ?"([0-9a-f-]{36})"', answer.read())
                if len(identities) < _PAGE:
                    break
                marker = f"&marker={identities[-1].decode()}"

    def remove(self, identity: str) -> None:
        run("curl", *self.curl_options, "-X", "DELETE", f"{self._glance_url}/v2/images/{identity}")


class Cloud:
    """The development cloud behind nginx. The data lie in memory, so that no variant measures the
    disk of a server that would be another machine's."""

    def __init__(self, devcloud: str, home: str, images: str):
        self.home, self.images = home, images
        with ExitStack() as started:
            self._cloud = started.enter_context(closing(DevCloud(devcloud, home)))
            self.nginx = started.enter_context(closing(Nginx(home, images, self._cloud.glance_url)))
            self.environment = self._cloud.environment
            self._api = Api(self.environment, home, self._cloud.glance_url)
            self._servers = started.pop_all()

    @property
    def url(self) -> str:
        return self.nginx.url

    @property
    def pids(self) -> list[int]:
        return [self._cloud.pid, *self.nginx.pids]

    def add(self, name: str, path: str, disk_format: str = "raw") -> Image:
        """Uploads a file, which becomes nginx's and the site's."""
        identity = self._api.upload(name, path, disk_format)
        served = f"{self.images}/{identity}"
        os.rename(path, served)
        return Image(name, identity, os.path.getsize(served), served, f"/v2/images/{identity}/file")

    def close(self) -> None:
        self._servers.close()


def curl_to_file(url: str, directory: str, *options: str) -> float:
    """Seconds in which curl brings a URL into a new file."""
    target = f"{directory}/curl.out"
    drop_caches()
    try:
        return run("curl", "-sSf", *options, "-o", target, url).seconds
    finally:
        remove_tree(target)


def _login(environment: dict[str, str]) -> dict:
    domain = {"name": "Default"}
    return {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": environment["OS_USERNAME"], "domain": domain,
            "password": environment["OS_PASSWORD"]}}},
        "scope": {"project": {"name": environment["OS_PROJECT_NAME"], "domain": domain}}}}
