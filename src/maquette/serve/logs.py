"""Logs: one JSON object a line where a machine reads them, plain text on a terminal."""

from __future__ import annotations

import json
import logging
import sys
import time

EXTRAS = ("job", "request", "status", "ms")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, with the job or request it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in EXTRAS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logs(*, debug: bool = False) -> None:
    """Send every log of this process to standard error."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    handler.setFormatter(text if sys.stderr.isatty() else JsonFormatter())
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "PIL", "multipart"):
        logging.getLogger(name).setLevel(
            logging.WARNING
        )  # they would log addresses, and users' secrets in them
