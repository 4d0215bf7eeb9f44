"""The servers: the development cloud, nginx in front of it for the bytes, and the line to them."""

import os
import re
import socket
import time
from dataclasses import dataclass

from glancefs_bench.programs import Background, need

# What matters for speed is nginx's own: sendfile, kept connections, no buffering of the log, which
# is read while nginx runs. Images that are not in images/ come from the development cloud.
_NGINX = """
user root;
worker_processes auto;
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 8192; }}
http {{
  log_format bench '$msec $request_method $request_uri $status $body_bytes_sent $http_range';
  access_log {home}/access.log bench;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ "^/v2/images/([0-9a-f-]+)/file$" {{ root {images}; try_files /$1 @cloud; }}
    location = /files {{ rewrite ^ /files/ last; }}
    location /files/ {{ alias {images}/; autoindex on; }}
    location / {{ proxy_pass {cloud}; }}
    location @cloud {{ proxy_pass {cloud}; }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class DevCloud:
    """A Keystone and a Glance that keep everything in memory."""

    def __init__(self, program: str, home: str, *options: str):
        self._process = Background(program, "--openrc-dir", home, *options,
                                   log=f"{home}/devcloud.log")
        ready = self._process.wait_for_line(r"ready (\S+) (\S+)\n")
        self.auth_url, self.glance_url = ready[1], ready[2]
        self.environment = openrc(f"{home}/admin-openrc")
        self.pid = self._process.pid

    def close(self) -> None:
        self._process.stop()


def openrc(path: str) -> dict[str, str]:
    """The variables that an openrc exports."""
    with open(path, encoding="utf-8") as file:
        lines = re.findall(r"^export (\w+)=(.*)$", file.read(), re.MULTILINE)
    return {name: value.strip("'\"") for name, value in lines}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    status: int
    sent: int  # bytes of the body


class Nginx:
    """Serves the files of `images` as the data of the images they are named after."""

    def __init__(self, home: str, images: str, cloud_url: str):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._access_log = f"{home}/access.log"
        configuration = f"{home}/nginx.conf"
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(_NGINX.format(home=home, images=images, cloud=cloud_url, port=self.port))
        self._process = Background(need("nginx"), "-c", configuration, "-e", f"{home}/error.log",
                                   log=f"{home}/nginx.log")
        self._process.wait_until(lambda: _answers(self.port))

    @property
    def pids(self) -> list[int]:
        """The master and its workers."""
        with open(f"/proc/{self._process.pid}/task/{self._process.pid}/children",
                  encoding="ascii") as children:
            return [self._process.pid, *map(int, children.read().split())]

    def mark(self) -> int:
        """A place in the log, for requests_since()."""
        time.sleep(0.3)  # a request is logged when it has ended, a moment after its last byte
        return os.path.getsize(self._access_log)

    def requests_since(self, mark: int, image: str) -> list[Request]:
        """What was asked of the image `image` after `mark`."""
        self.mark()
        with open(self._access_log, encoding="utf-8", errors="replace") as log:
            log.seek(mark)
            words = [line.split(" ", 5) for line in log]
        return [Request(method, path, int(status), int(sent))
                for _, method, path, status, sent, _ in words if f"/{image}" in path]

    def close(self) -> None:
        self._process.stop()


class Line:
    """A proxy in front of a port of this machine that makes it far away."""

    def __init__(self, program: str, home: str, port: int, rtt_ms: float, rate: float | None = None):
        words = [program, "--to", str(port), "--rtt-ms", str(rtt_ms)]
        if rate is not None:
            words += ["--rate", str(int(rate))]
        port = free_port()
        self._process = Background(*words, "--port", str(port), log=f"{home}/line-{port}.log")
        self._process.wait_for_line(r"ready \d+\n")
        self.url = f"http://127.0.0.1:{port}"

    def close(self) -> None:
        self._process.stop()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
