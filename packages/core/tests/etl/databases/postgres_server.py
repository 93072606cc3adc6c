"""A server of PostgreSQL for one test: of the machine's own binaries, on a socket in a folder, gone afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PASSWORD = "hunter2/with@marks"


def binaries():
    """Return the folder of initdb, or skip."""
    paths = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    which = shutil.which("initdb")
    if not paths and which is None:
        pytest.skip("PostgreSQL's initdb isn't on this machine: apt-get install postgresql")
    return (paths[-1] if paths else Path(which).resolve()).parent


def as_user(command):
    """Return a command as a user who may start a server: not root."""
    if os.getuid():
        return command
    if not shutil.which("runuser") or subprocess.run(["id", "postgres"], capture_output=True).returncode:
        pytest.skip("a server doesn't run as root, and there is no user postgres or no runuser")
    return ["runuser", "-u", "postgres", "--", *command]


@contextlib.contextmanager
def server():
    """Give (the address of a database of a new server, a function that runs SQL)."""
    bin_ = binaries()
    folder = Path(tempfile.mkdtemp(prefix="heddle-pg-", dir="/tmp"))
    pwfile = folder / "pw"
    pwfile.write_text(PASSWORD)
    if not os.getuid():
        shutil.chown(folder, "postgres")
        shutil.chown(pwfile, "postgres")

    def run(*command, **more):
        return subprocess.run(
            as_user(list(map(str, command))), check=True, capture_output=True, cwd=folder, **more
        )

    data = folder / "data"
    run(
        bin_ / "initdb",
        "-D",
        data,
        "-U",
        "ann",
        "-A",
        "scram-sha-256",
        f"--pwfile={pwfile}",
        "-E",
        "UTF8",
        "--locale=C",
        "-N",
    )
    options = f"-c listen_addresses='' -k {folder} -c fsync=off -c timezone=Asia/Kathmandu"
    run(bin_ / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:

        def sql(text):
            command = [
                str(bin_ / "psql"),
                "-h",
                str(folder),
                "-U",
                "ann",
                "-d",
                "postgres",
                "-qAtX",
                "-v",
                "ON_ERROR_STOP=1",
            ]
            done = subprocess.run(
                command,
                input=text,
                env={**os.environ, "PGPASSWORD": PASSWORD},
                text=True,
                capture_output=True,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        yield folder, sql
    finally:
        run(bin_ / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)
