"""Keystone's middleware, which tells a wrong token from one that can't be looked at."""

import threading
from typing import Any

from keystonemiddleware import auth_token

#: Set in a request's environ where Keystone could not be asked about its token.
AWAY = "craton_maintenance.keystone_away"


class Middleware(auth_token.AuthProtocol):
    """As its base, which takes a token for wrong while Keystone is away: clients would give up."""

    def __init__(self, app: Any, conf: dict[str, Any]) -> None:
        super().__init__(app, conf)
        self._seen = threading.local()

    def process_request(self, request: Any) -> Any:
        self._seen.away = False
        response = super().process_request(request)
        if self._seen.away:
            request.environ[AWAY] = True
        return response

    def fetch_token(self, token: str, allow_expired: bool = False) -> Any:
        try:
            return super().fetch_token(token, allow_expired)
        except auth_token.InvalidToken as error:
            # its own words where no answer came; a refusal has none
            self._seen.away = str(error).startswith("Keystone unavailable")
            raise
