"""What every test may use. The servers are real: ``python3 manage.py test`` starts them and names
them in the environment.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import hypothesis
import pytest
import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.models.expressions import Col
from django.template.base import Template
from django.test import TransactionTestCase
from django.test.utils import _TestState
from django.utils.functional import cached_property
from pytest_django import DjangoDbBlocker

from backend.accounts.models import User
from backend.common.dates import database_now
from backend.common.heavy import DRAWING, READING
from backend.outbox.models import ScheduledTick
from backend.suggestions.scoring.coverage import forget_others
from tasks.app import QUEUES
from tests.actors import World, make_world
from tests.division import at_length
from tests.factories import UserFactory

# The same examples in each run, so that a failure is due to the change and not to the draw.
# ``--hypothesis-profile=default`` draws others. How long an example takes depends on what else runs
# on the machine.
hypothesis.settings.register_profile(
    "same",
    max_examples=at_length(12, 100),
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults",
        choices=["short", "long"],
        default="short",
        help="how long to kill, freeze and wipe real servers",
    )


@pytest.fixture(autouse=True, scope="session")
def static_files_found_when_asked_for() -> None:
    """Each test client builds the middleware again; WhiteNoise would look through all static files
    each time.
    """
    settings.WHITENOISE_AUTOREFRESH = True


# Django truncates each table and makes the permissions again after each test that commits: 300 ms
# for a hundred tables of which ten hold rows. As `replica` the server runs no trigger, so neither
# an order of foreign keys nor a rule that rows are never deleted is in the way.
_EMPTY_TABLES = """
SET LOCAL session_replication_role = replica;
DO $$
DECLARE name text; filled boolean;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND relnamespace = current_schema::regnamespace
        AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %I', name); END IF;
    END LOOP;
END $$"""


@pytest.fixture(autouse=True, scope="session")
def committed_rows_are_deleted() -> Iterator[None]:
    """After a test with ``transaction=True`` all rows are deleted. Needs a superuser, as the test
    command's own server has; with another Django's way is left as it is.
    """

    def empty_tables(case: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            is_superuser = cursor.fetchone()[0]
        if is_superuser:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_EMPTY_TABLES)
        else:
            djangos_way(case)

    djangos_way = TransactionTestCase._fixture_teardown
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield


@pytest.fixture(autouse=True, scope="session")
def contexts_are_not_kept(django_test_environment: None) -> None:
    """Django's tests copy the context of each template that is rendered, those of widgets too, for
    ``response.context``; we read the page itself.
    """
    Template._render = _TestState.saved_data.template_render


@pytest.fixture(autouse=True, scope="session")
def columns_are_told_apart_at_once() -> None:
    """Django binds the arguments of each column to its constructor to find out whether two are the
    same, for all columns of a query that has an order: a sixth of the time of writing its SQL.
    """

    def identity(column: Col) -> tuple[object, ...]:
        return (Col, column.alias, column.target, column.output_field)

    cheap = cached_property(identity)
    cheap.__set_name__(Col, "identity")
    Col.identity = cheap


@pytest.fixture(autouse=True, scope="session")
def heavy_acts_have_time() -> None:
    """Whatever else runs on the machine goes before the processes that draw PDFs and read files,
    so that on a busy one a sheet of paper takes longer than a person waits. The limits are tested
    on a lane of their own.
    """
    for lane in (DRAWING, READING):
        lane.seconds = lane.patience = lane.budget = 600.0


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What a process keeps in mind for minutes is of another test's world."""
    forget_others()


@pytest.fixture
def one_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovery learns from one draw: what holds of it holds of the mean of several, and takes a
    third of the time.
    """
    monkeypatch.setattr("matching.lab.link_prediction.ranker.DRAWS", 1)


@pytest.fixture
def world(request: pytest.FixtureRequest, db: None) -> World:
    """Made for each test; in a module that uses ``shared_world``, a copy of the one in its rows."""
    if "shared_world" in request.fixturenames:
        return copy.deepcopy(request.getfixturevalue("shared_world"))
    return make_world()


def _one_transaction(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """One transaction around all tests of a class or module, for rows that they share. They are
    marked django_db as well, so that each is rolled back by itself.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


class_db = pytest.fixture(_one_transaction, scope="class")
module_db = pytest.fixture(_one_transaction, scope="module")


@pytest.fixture(scope="module")
def shared_world(module_db: None) -> World:
    """One world for all tests of a module, each of which is rolled back by itself; for modules
    without a test that commits.
    """
    return make_world()


@pytest.fixture
def curator(db: None) -> User:
    return UserFactory(curator=True)


@pytest.fixture
def admin(db: None) -> User:
    return UserFactory(admin=True)


@pytest.fixture
def nothing_due(transactional_db: None) -> None:
    """The schedule's present and next ticks are open, so that a relay's first sweep begins no run
    beside the test's own.
    """
    from tasks.schedule import PERIODIC_TASKS

    now = database_now()
    for name, periodic in PERIODIC_TASKS.items():
        for due_at in (periodic.tick_at(now), periodic.tick_at(now) + periodic.period):
            ScheduledTick.objects.create(schedule=name, due_at=due_at)


@pytest.fixture
def drain() -> Callable[[], int]:
    """Routes events and performs all work that is due, in this process, as relay and worker would;
    returns how many pieces.
    """
    from tasks.inline import drain as drain_here

    return drain_here


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The real broker, empty before and after."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def queued(broker: redis.Redis):
    """How many messages wait for a worker."""
    return lambda queue=None: sum(broker.llen(name) for name in ([queue] if queue else QUEUES))
