"""The address at which others say that something has happened to what goes on with them.

It is good for one step, and for nothing but a look at it: what has happened is asked for, and
never taken from the message. It can be guessed by nobody who does not have the key.
"""

import hashlib
import hmac

from oslo_config import cfg

from craton_maintenance.conf.api import public_url

#: Below ``/v1``.
PATH = "step-news"


def address(conf: cfg.ConfigOpts, step_id: str) -> str:
    """The address of a step; empty where ``[sessions] news_key`` is not set."""
    key = conf.sessions.news_key
    return f"{public_url(conf)}/{PATH}/{step_id}/{_token(key, step_id)}" if key else ""


def is_ours(conf: cfg.ConfigOpts, step_id: str, token: str) -> bool:
    """Whether somebody was given this address."""
    key = conf.sessions.news_key
    return bool(key) and hmac.compare_digest(_token(key, step_id).encode(), token.encode())


def _token(key: str, step_id: str) -> str:
    return hmac.new(key.encode(), step_id.encode(), hashlib.sha256).hexdigest()
