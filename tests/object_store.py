"""An S3 server on loopback, for tests; what uses the plug-in of s3:// runs in processes of its own."""

import contextlib
import dataclasses
import logging
import os
import pathlib
import subprocess
import sys

BUCKET = "bucket"


@dataclasses.dataclass
class Store:
    """A bucket of a server.

    Args:
        endpoint: the server's address.
        cache: folder of local copies of the processes that `run` starts.
    """

    endpoint: str
    cache: pathlib.Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process must know to use the server."""
        return {
            **os.environ,
            "S3_ENDPOINT": self.endpoint,
            "S3_USE_HTTPS": "0",
            "S3_VERIFY_SSL": "0",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "T2T_CACHE_DIR": str(self.cache),
        }

    def client(self):
        """A client that does not go through TensorFlow."""
        import boto3

        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.endpoint, **keys)

    def objects(self, folder: str) -> dict[str, bytes]:
        """Contents of all objects below a folder, by name, but for those that are deleted meanwhile."""
        client, prefix = self.client(), f"{folder}/"
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        found = {}
        for key in (item["Key"] for item in listed):
            with contextlib.suppress(client.exceptions.NoSuchKey):
                found[key.removeprefix(prefix)] = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return found

    def start(self, *command: str) -> subprocess.Popen:
        """Starts Python with arguments."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, *map(str, command)], env=self.environment, **pipes)

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Runs Python with arguments."""
        process = self.start(*command)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def serve(cache: pathlib.Path):
    """Starts a server with an empty bucket; gives it and its `Store`."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = Store(f"http://{host}:{port}", cache)
    store.client().create_bucket(Bucket=BUCKET)
    return server, store
