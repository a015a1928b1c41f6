import json
import logging
import threading
from urllib.parse import urlencode

from odoo import http
from odoo.http import request

from ..tools import log_mask

_logger = logging.getLogger(__name__)
log_mask.install()

# The longest SMS has ten parts of 153 signs; encoded, and twice (text and payload).
MAX_BODY = 64 * 1024
PATH = "/isp/playsms/"


class PlaysmsController(http.Controller):
    """Takes in the messages that playSMS forwards; understanding them comes later."""

    @http.route(
        f"{PATH}<string:token>",
        type="http",
        auth="public",
        methods=["GET", "POST"],
        csrf=False,
        save_session=False,
        readonly=False,
        max_content_length=MAX_BODY,
    )
    def receive(self, token, **params):
        """Store one message.

        Odoo commits before it sends the answer, so 200 means stored.
        """
        # Odoo prints this address when it lists its threads.
        threading.current_thread().url = f"{PATH}{log_mask.MASK}"
        collection = request.env["isp.collection"]._find_by_token(token)
        if not collection:
            _logger.warning("Message refused: no collection has the token it came with")
            return self._answer("Unknown address.", 403)
        if request.httprequest.method == "HEAD":
            return self._answer("OK", 200)
        values, raw = self._read_request(params)
        if not values:
            return self._answer("No message: send its text as a parameter.", 400)
        message = collection._receive(values, raw)
        _logger.info("Message %s received", message.id)
        return self._answer("OK", 200)

    def _read_request(self, params):
        """Return the request's parameters, and the request as it was received."""
        incoming = request.httprequest
        values = {
            name: value
            for name, value in params.items()
            if isinstance(value, str) and name != "db"
        }
        if incoming.is_json:
            body = incoming.get_data(as_text=True)
            values.update(self._read_json(body))
        else:
            # Reading the form has used the body up.
            body = urlencode(list(incoming.form.items(multi=True)))
        query = incoming.query_string.decode("utf-8", "replace")
        return values, "\n".join(part for part in (query, body) if part)

    def _read_json(self, body):
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict):
            return {
                str(name): value if isinstance(value, str) else json.dumps(value)
                for name, value in content.items()
            }
        return {"body": body} if body.strip() else {}

    def _answer(self, text, status):
        return request.make_response(
            text,
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Cache-Control", "no-store"),
            ],
            status=status,
        )
