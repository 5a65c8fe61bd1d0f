"""What changes something in Nova: sent once, whatever comes of it.

keystoneauth sends a request again when a connection fails, on certain statuses, on
401 after it has got a new token, and where a redirect points to: each of these is
switched off here.  Token and address are got beforehand, so that what fails then has
certainly done nothing.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from craton_maintenance.domain.session.steps import Outcome, Result
from craton_maintenance.nova import answers


class Actions:
    """One thread's way to change something in one region's Nova."""

    def __init__(
        self,
        session: Session,
        where: Mapping[str, Any],
        version: tuple[int, int],
        timeout: float,
    ) -> None:
        """
        :param where: ``region_name`` and ``interface`` of the endpoint
        :param version: of Nova's API
        :param timeout: seconds that an answer is waited for
        """
        self.version = version
        #: moment of :func:`time.monotonic` after which nothing may take effect any more
        self.until = math.inf
        self._session = session
        self._where = {"service_type": "compute", **where}
        self._timeout = timeout

    def send(self, method: str, path: str, body: Any = None) -> Outcome:
        """Send one request, once.

        :returns: DONE, or how it failed; never raises for what the other side does
        """
        try:
            headers = self._session.get_auth_headers() or {}
            endpoint = self._session.get_endpoint(**self._where)
        except exceptions.ClientException as error:
            return Outcome(Result.LATER, words=str(error))
        if not endpoint:
            return Outcome(Result.LATER, words="the service catalogue has no compute endpoint")
        # it may take as long to connect, and then to be answered
        if time.monotonic() + 2 * self._timeout > self.until:
            words = "what had to be looked at first has taken too long"
            return Outcome(Result.LATER, code="NO_TIME", words=words)
        try:
            response = self._session.request(
                endpoint.rstrip("/") + path,
                method,
                json=body,
                headers={
                    **headers,
                    "Accept": "application/json",
                    "OpenStack-API-Version": "compute {}.{}".format(*self.version),
                },
                # with the token in the headers a 401 does not make it be sent again
                authenticated=False,
                allow_reauth=False,
                connect_retries=0,
                status_code_retries=0,
                redirect=False,
                raise_exc=False,
                timeout=self._timeout,
            )
        except exceptions.ClientException as error:
            return answers.of_silence(error)
        if response.status_code == 401:
            # the next one comes with a new token
            self._session.invalidate()
        return answers.of_response(response)

    def act(self, server_id: str, action: str, arguments: Any = None) -> Outcome:
        """``POST /servers/{id}/action``."""
        return self.send("POST", f"/servers/{server_id}/action", {action: arguments})
