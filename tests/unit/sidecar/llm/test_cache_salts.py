"""Salts of the prefix cache."""

from sidecar.llm.cache_salts import CacheSalts


def test_each_tenant_has_its_own_salt_and_keeps_it() -> None:
    salts = CacheSalts()
    of_all = {tenant: salts.salt(tenant) for tenant in ("a", "b", None)}
    assert len(set(of_all.values())) == 3
    assert {tenant: salts.salt(tenant) for tenant in of_all} == of_all
    assert CacheSalts().salt("a") != of_all["a"]


def test_a_forgotten_tenant_gets_a_new_salt() -> None:
    salts = CacheSalts()
    before, other = salts.salt("a"), salts.salt("b")
    salts.forget("a")
    salts.forget("never heard of")
    assert salts.salt("a") != before
    assert salts.salt("b") == other


def test_the_tenant_that_was_not_heard_of_for_longest_goes_first() -> None:
    salts = CacheSalts(max_tenants=2)
    first, second = salts.salt("a"), salts.salt("b")
    salts.salt("a")
    salts.salt("c")
    assert salts.salt("a") == first
    assert salts.salt("b") != second
