"""reader: one of a server's processes that score beside the one that appends.

`python -m heddle.serving.online.reader`: a line of JSON on standard input says what it serves, and the end of that
input that it is over.
"""

import json
import logging
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from heddle.engines.plugins import load_plugins
from heddle.options import build
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.serve import server
from heddle.serving.online.sockets import public_listener, socket_path, unix_listener


def main() -> None:
    """Serve as one of the readers until standard input ends."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    options = build(ServeOptions, order["options"], "serve")
    folder, number = Path(order["folder"]), order["number"]
    made = server(order["root"], options, load_plugins(), folder, number)

    def wait_for_the_end() -> None:
        sys.stdin.read()
        made.should_exit = True
        time.sleep(20)
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    private = unix_listener(socket_path(folder, number))
    with private, public_listener(options, order["port"]) as public:
        made.run([public, private])
    shutil.rmtree(folder, ignore_errors=True)  # whoever made it may be gone


if __name__ == "__main__":
    main()
