import socket

from deployments.launcher.ports import free_port, is_taken


def test_a_free_port_is_outside_the_assigned_ranges() -> None:
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 10
    assert all(20000 <= port < 30000 for port in ports)


def test_a_port_is_taken_while_something_listens_there() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert is_taken("127.0.0.1", port)
    assert not is_taken("127.0.0.1", port)
    assert is_taken("192.0.2.1", port)  # reserved for documentation (RFC 5737)
