"""Small programs that behave towards the supervisor like the endpoint and the worker."""

ENDPOINT = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")
server = HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler)
print("starting", flush=True)
print(json.dumps({"ready": True, "url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()
"""

WORKER = """
import json, os, signal, sys, time, urllib.request
import redis
ledger = redis.Redis.from_url(os.environ["DARKROOM_REDIS_URL"])
def leave(*_):
    # Both must still be there while the worker finishes its calls.
    reached = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]).read().decode()
    ledger.rpush("diary", f"stopped while the endpoint was {reached}")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
ledger.set("environment", json.dumps(dict(os.environ)))
ledger.set(f"registered:{os.getpid()}", 1)
while True:
    signal.pause()
"""
