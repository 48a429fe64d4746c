#!/usr/bin/env python3
"""Sends requests through nginx with ModSecurity 3 and CRS as Debian ships them (paranoia 1, anomaly threshold 5), enforcing.

Reads request JSON lines from standard input and writes {"id", "score"}: 1 if the request was refused (4xx: by CRS, by the module's
recommended rules, or by nginx itself before it), 0 if the service behind answered. The service answers 200 to all, so nothing
else refuses. Framing is made new: Content-Length is what the body has, and Connection is not sent. To tell that it judges at all,
a harmless request and an attack are sent first.
"""
import base64
import collections
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CONNECTIONS = 4
# An answer takes milliseconds.
PATIENCE_SECONDS = 20
FRAMING = {"content-length", "transfer-encoding", "connection", "expect"}
SHIPPED = [Path("/etc/nginx"), Path("/usr/share/nginx/docs/modsecurity")]
NGINX = """load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;
worker_processes 2; daemon off; {user} pid {dir}/pid; error_log {dir}/error.log error;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 1000000; client_max_body_size 16m;
 client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
 server {{ listen unix:{dir}/service; return 200 "ok\\n"; }}
 server {{ listen 127.0.0.1:{port}; modsecurity on; modsecurity_rules_file {dir}/rules.conf;
  location / {{ proxy_pass http://unix:{dir}/service; }} }}
}}
"""


def start(folder):
    """nginx with the shipped rules; refuses in place of only telling, and keeps no audit log. Returns it with its port."""
    base = next(d / "modsecurity.conf" for d in SHIPPED if (d / "modsecurity.conf").exists())
    shutil.copy(base.parent / "unicode.mapping", folder)
    text = base.read_text().replace("SecRuleEngine DetectionOnly", "SecRuleEngine On")
    text = text.replace("SecAuditEngine RelevantOnly", "SecAuditEngine Off")
    (folder / "base.conf").write_text(text)
    (folder / "rules.conf").write_text(f"Include {folder}/base.conf\nInclude /etc/modsecurity/crs/crs-setup.conf\n"
                                       "Include /usr/share/modsecurity-crs/rules/*.conf\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=port, user=user))
    nginx = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    for _ in range(200):
        if nginx.poll() is not None:
            break
        with socket.socket() as try_it:
            if try_it.connect_ex(("127.0.0.1", port)) == 0:
                return nginx, port
        time.sleep(0.1)
    raise SystemExit(f"nginx with ModSecurity did not start: {(folder / 'error.log').read_text()[-500:]}")


def wire(request):
    body = request.get("body", "").encode() or base64.b64decode(request.get("body_b64", ""))
    fields = [(k, v) for k, v in request.get("headers", {}).items() if k.lower() not in FRAMING]
    if "host" in request and not any(k.lower() == "host" for k, _ in fields):
        fields.insert(0, ("Host", request["host"]))
    if body or request["method"] in ("POST", "PUT", "PATCH"):
        fields.append(("Content-Length", str(len(body))))
    fields = [(k, one) for k, v in fields for one in (v if isinstance(v, list) else [v])]
    head = f"{request['method']} {request['url']} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields)
    return head.encode() + b"\r\n" + body


class Client(threading.local):
    """A connection a thread, opened again when the server has closed it."""
    connection = None

    def status(self, port, request):
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        answer = b""
        try:
            self.connection.sendall(wire(request))
            while b"\r\n\r\n" not in answer:
                piece = self.connection.recv(65536)
                if not piece:
                    break
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        left = 0 if request["method"] == "HEAD" else int(fields.get(b"content-length", 0)) - len(body)
        while left > 0:
            piece = self.connection.recv(left)
            if not piece:
                break
            left -= len(piece)
        if fields.get(b"connection") != b"keep-alive":
            self.connection.close()
            self.connection = None
        return int(head.split()[1]) if head.startswith(b"HTTP/") else 0


def judge(port, requests):
    client = Client()
    first = [{"method": "GET", "url": url, "headers": {"Host": "www.example.com", "User-Agent": "Mozilla/5.0", "Accept": "*/*"}}
             for url in ("/?q=tea", "/?q=<script>alert(1)</script>")]
    said = [client.status(port, r) for r in first]
    if said != [200, 403]:
        raise SystemExit(f"ModSecurity does not judge: a harmless request and an attack got {said}, not 200 and 403")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        statuses = list(pool.map(lambda r: client.status(port, r), requests))
    counts = collections.Counter(statuses)
    print(f"ModSecurity's answers: {dict(sorted(counts.items()))}", file=sys.stderr)
    for request, status in zip(requests, statuses):
        if status != 200 and not 400 <= status < 500:
            raise SystemExit(f"ModSecurity: no verdict ({status}) on {json.dumps(request)[:300]}")
        print(json.dumps({"id": request["id"], "score": int(status != 200)}))


def main():
    requests = [json.loads(line) for line in sys.stdin]
    with tempfile.TemporaryDirectory() as folder:
        nginx, port = start(Path(folder))
        try:
            judge(port, requests)
        finally:
            nginx.terminate()
            nginx.wait()


main()
