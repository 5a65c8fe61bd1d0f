"""Adapters by themselves: what they refuse, what they say, and that others understand them."""

import datetime as dt
import re

import openstack.connection
import pytest
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance import simcloud
from craton_maintenance.adapters import registry
from craton_maintenance.adapters.alertmanager import Alertmanager
from craton_maintenance.adapters.base import AdapterError, Ask
from craton_maintenance.adapters.masakari import Masakari
from craton_maintenance.nova.credentials import Region
from tests.support.others import FakeAlertmanager, FakeMasakari

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def conf_of(**options):
    return configuration.load(
        [], {tuple(name.split("_", 1)): value for name, value in options.items()}
    )


def region_of(cloud, name="RegionOne"):
    return Region(name, lambda: simcloud.session(cloud, "maintenance"), "RegionOne", "public")


def clock():
    return NOW


@pytest.fixture
def cloud():
    fleet = simcloud.Fleet(projects=["app"])
    fleet.add_host("h1")
    return simcloud.Cloud(fleet.complete(), clock=simcloud.VirtualClock(NOW.timestamp()))


@pytest.fixture
def fake():
    one = FakeMasakari(clock)
    one.add("a", "b", "c", "d", "h1")
    yield one
    one.close()


@pytest.fixture
def masakari(fake, cloud):
    conf = conf_of(masakari_endpoint_override=f"{fake.url}/v1")
    return Masakari(conf, {"RegionOne": region_of(cloud)}, clock)


@pytest.fixture
def alerts():
    one = FakeAlertmanager(clock)
    yield one
    one.close()


def ask(found=None, **more):
    return Ask("h1", "RegionOne", "session", found=found or {}, **more)


# -- what is installed ---------------------------------------------------------------


def test_those_that_are_there_are_found_by_name():
    assert registry.installed() == {"masakari": Masakari, "alertmanager": Alertmanager}


def test_what_a_session_has_to_know_of_them():
    conf = conf_of(adapters_enabled=["masakari", "alertmanager"], adapters_patience=7.0)
    rules = registry.rules(conf)
    assert (rules["masakari"].required, rules["masakari"].outside_nova) == (True, False)
    assert (rules["alertmanager"].required, rules["alertmanager"].outside_nova) == (False, True)
    assert rules["masakari"].patience == 7.0
    conf = conf_of(adapters_enabled=["masakari"], masakari_manner="advisory")
    assert not registry.rules(conf)["masakari"].required


def test_one_that_is_not_there_is_named():
    with pytest.raises(cfg.Error, match="no adapter 'sirens'; there is: alertmanager, masakari"):
        registry.rules(conf_of(adapters_enabled=["sirens"]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "url is missing"),
        ({"alertmanager_url": "http://a", "alertmanager_host_pattern": ".*"}, "no {host}"),
    ],
)
def test_alertmanager_is_refused_without_what_it_needs(options, words):
    with pytest.raises(cfg.Error, match=re.escape(words)):
        registry.make("alertmanager", conf_of(**options), {}, clock)


def test_with_two_regions_a_silence_has_to_name_its_own(cloud, alerts):
    both = {name: region_of(cloud, name) for name in ("RegionOne", "RegionTwo")}
    options = {"alertmanager_url": alerts.url}
    with pytest.raises(cfg.Error, match="region_label"):
        Alertmanager(conf_of(**options), both, clock)
    adapter = Alertmanager(conf_of(**options, alertmanager_region_label="region"), both, clock)
    adapter.suppress(ask())
    assert alerts.is_silent(instance="h1", region="RegionOne")
    assert not alerts.is_silent(instance="h1", region="RegionTwo")


# -- Masakari ------------------------------------------------------------------------


# of the library, about itself
@pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")
def test_openstacksdk_sees_what_we_have_done(masakari, fake, cloud):
    """The one that stands in for Masakari answers as its own client expects."""
    reference = masakari.suppress(ask(masakari.find(ask()))).reference
    fake.most = 1000
    connection = openstack.connection.Connection(
        session=simcloud.session(cloud, "maintenance"),
        ha_endpoint_override=f"{fake.url}/v1",
        ha_api_version="1",
    )
    (segment,) = connection.instance_ha.segments()
    hosts = {one.name: one for one in connection.instance_ha.hosts(segment.uuid)}
    assert hosts["h1"].on_maintenance is True
    assert hosts["a"].on_maintenance is False
    assert (segment.uuid, hosts["h1"].uuid) == (reference["segment"], reference["host"])


def test_what_is_done_twice_is_done_once(masakari, fake):
    found = masakari.find(ask())
    for _ in range(2):
        masakari.suppress(ask(found))
    for _ in range(2):
        masakari.release(ask(found))
    assert fake.on_maintenance() == []
    assert [body for method, _, body in fake.calls if method == "PUT"] == [
        {"host": {"on_maintenance": True}},
        {"host": {"on_maintenance": False}},
    ]


def test_a_host_that_masakari_does_not_know_any_more_is_released(masakari, fake):
    found = masakari.find(ask())
    masakari.suppress(ask(found))
    fake.segments.clear()
    masakari.release(ask(found))


def test_one_that_takes_no_change_is_not_believed(masakari, fake):
    found = masakari.find(ask())
    host = dict(fake.host("h1"))
    fake.fault = lambda method, path, body: (200, {"host": host}) if method == "PUT" else None
    with pytest.raises(AdapterError, match="h1 is as it was"):
        masakari.suppress(ask(found))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {"forbidden": {"message": "not you"}}), "403 Forbidden: not you"),
        ((503, None), "503"),
        ((200, None), "not Masakari"),
        ((200, {"segments": "many"}), "not Masakari"),
    ],
)
def test_words_are_fit_for_an_operator(masakari, fake, answer, words):
    fake.fault = lambda method, path, body: answer
    with pytest.raises(AdapterError, match=words):
        masakari.find(ask())


def test_a_region_without_credentials_is_named(masakari):
    with pytest.raises(AdapterError, match="no credentials for region Elsewhere"):
        masakari.find(Ask("h1", "Elsewhere", "session"))


def test_a_catalogue_without_it_is_named(cloud):
    adapter = Masakari(conf_of(), {"RegionOne": region_of(cloud)}, clock)
    with pytest.raises(AdapterError, match="no instance-ha in the catalogue"):
        adapter.find(ask())


def test_nothing_is_begun_when_the_time_is_over(masakari, fake):
    found = masakari.find(ask())
    calls = len(fake.calls)
    with pytest.raises(AdapterError, match="too long"):
        masakari.suppress(ask(found, deadline=0.0))
    assert len(fake.calls) == calls


# -- Alertmanager --------------------------------------------------------------------


def test_a_host_is_silenced_and_not_those_with_a_similar_name(alerts):
    adapter = Alertmanager(conf_of(alertmanager_url=alerts.url), {}, clock)
    adapter.suppress(Ask("node-1.rack", "RegionOne", "session"))
    for value in ("node-1.rack", "node-1.rack:9100"):
        assert alerts.is_silent(instance=value)
    for value in ("node-1xrack", "node-1.rack2", "node-1.rack:9100x", "xnode-1.rack", ""):
        assert not alerts.is_silent(instance=value)


def test_servers_that_leave_meanwhile_are_not_silenced_any_more(alerts):
    adapter = Alertmanager(conf_of(alertmanager_url=alerts.url), {}, clock)
    adapter.suppress(ask(servers=("s1", "s2")))
    assert alerts.is_silent(instance_id="s1")
    adapter.suppress(ask(servers=("s2",)))
    assert not alerts.is_silent(instance_id="s1")
    assert alerts.is_silent(instance_id="s2")
    assert alerts.is_silent(instance="h1")
    adapter.release(ask())
    adapter.release(ask())
    assert alerts.active() == []


def test_other_labels_narrow_it(alerts):
    conf = conf_of(
        alertmanager_url=f"{alerts.url}/",
        alertmanager_matchers={"cloud": "north"},
        alertmanager_host_labels=["instance", "hypervisor"],
        alertmanager_host_pattern="{host}\\.example\\.org",
    )
    Alertmanager(conf, {}, clock).suppress(ask())
    assert alerts.is_silent(cloud="north", instance="h1.example.org")
    assert alerts.is_silent(cloud="north", hypervisor="h1.example.org")
    assert not alerts.is_silent(cloud="south", instance="h1.example.org")
    assert not alerts.is_silent(cloud="north", instance="h1")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, "bad matcher"), "400 Bad Request.*bad matcher"),
        ((200, {"status": "success"}), "not Alertmanager"),
        ((200, [{"createdBy": "craton-maintenance"}]), "not Alertmanager"),
    ],
)
def test_its_words_are_fit_for_an_operator(alerts, answer, words):
    adapter = Alertmanager(conf_of(alertmanager_url=alerts.url), {}, clock)
    alerts.fault = lambda method, path, body: answer
    with pytest.raises(AdapterError, match=words):
        adapter.suppress(ask())


def test_no_address_and_no_password_is_said():
    conf = conf_of(alertmanager_url="http://me:secret@127.0.0.1:1")
    with pytest.raises(AdapterError) as caught:
        Alertmanager(conf, {}, clock).suppress(ask())
    assert str(caught.value) == "Alertmanager can't be reached"
