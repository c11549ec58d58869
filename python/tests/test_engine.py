"""`Engine`: the same answers as every host, whatever the bytes, and HALT whenever there is no answer."""

from __future__ import annotations

import hashlib
import json
import pathlib
import random
import threading
from typing import Any

import pytest
import rfc8785

import faramesh
from faramesh import (
    ApprovalRequirement,
    Decision,
    Engine,
    EngineFailureError,
    FarameshError,
    InvalidActionError,
    PolicyInvalidError,
    PolicySet,
    Quorum,
    Rule,
)

POLICY = """\
rules:
  - { id: large, match: { tool: process_refund, amount_gt: 1000 }, deny: true, reason: Needs the finance team }
  - { id: mid, match: { tool: process_refund, amount_gt: 150 }, require_approval: { approvers: 2, roles: [finance] } }
  - { id: small, match: { tool: process_refund, amount_gte: 0 }, allow: true }
risk:
  rules:
    - { name: odd, when: { tool: process_refund, amount_gt: 5000 }, risk_level: medium }
"""
BY_DAY = """\
rules:
  - { match: { tool: deploy, time: { from: "09:00", to: "17:00" } }, allow: true }
"""
CORPUS = pathlib.Path(__file__).parents[2] / "tests" / "corpus"
NOON, MIDNIGHT = 1795348800000, 1795392000000


def refund(amount: Any) -> dict[str, Any]:
    return {"agent_id": "a", "tool": "process_refund", "params": {"customer_id": "c-1", "amount": amount}}


def spent(rules: int = 60) -> str:
    """Policies that use up the fuel of a decision over a large action."""
    pattern = "(a|b|c)*x{}[0-9]+z{{1,50}}"
    lines = (f'  - {{ match: {{ tool: t, pattern: "{pattern.format(one)}" }}, deny: true }}' for one in range(rules))
    return "\n".join(["rules:", *lines, "  - { match: { tool: t }, allow: true }"])


LARGE = json.dumps({"agent_id": "a", "tool": "t", "params": {"text": "abc" * 330_000}}).encode()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARAMESH_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "engines"))
        return Engine()


@pytest.fixture
def policies(engine: Engine) -> PolicySet:
    return engine.load({"refunds.yaml": POLICY})


def test_a_decision_is_typed(engine: Engine, policies: PolicySet) -> None:
    assert policies.decide(refund(45)).outcome == "EXECUTE"
    held = policies.decide(refund(340))
    assert (held.outcome, held.reason_code) == ("ABSTAIN", "policy_require_approval")
    assert held.approval == ApprovalRequirement(requires=(Quorum(approvers=2, roles=("finance",)),))
    denied = policies.decide(refund(9000))
    assert denied == Decision(
        outcome="HALT",
        decision="deny",
        reason_code="policy_deny",
        reason="Needs the finance team",
        rule=Rule(policy="refunds.yaml", id="large", line=2),
        risk_level="medium",
        risk_score=40,
        risk_rules=("odd",),
        request_hash=faramesh.request_hash("a", "process_refund", {"customer_id": "c-1", "amount": 9000}),
        policy_hash=policies.policy_hash,
        runtime_version=engine.runtime_version,
        provenance_id=denied.provenance_id,
    )


@pytest.mark.parametrize("amount", ["1e9", None, True, [], {}, "45"])
def test_what_no_rule_can_compare_never_runs(policies: PolicySet, amount: Any) -> None:
    assert policies.decide(refund(amount)).reason_code == "undetermined_deny"
    assert policies.decide({"agent_id": "a", "tool": "process_refund"}).reason_code == "undetermined_deny"


def test_an_action_is_the_same_as_values_text_and_bytes(policies: PolicySet) -> None:
    text = json.dumps(refund(45.0), indent=2)
    assert policies.decide(refund(45)) == policies.decide(text) == policies.decide(text.encode())


def test_hashes_can_be_checked_by_anybody(engine: Engine, policies: PolicySet) -> None:
    action = {**refund(1e16), "operation": "call", "context": {"é": "\u2028"}}
    assert engine.canonical(action) == rfc8785.dumps(action)
    expected = faramesh.request_hash("a", "process_refund", refund(1e16)["params"], context={"é": "\u2028"})
    assert engine.request_hash(action) == expected == policies.decide(action).request_hash
    files = {"refunds.yaml": hashlib.sha256(POLICY.encode()).hexdigest()}
    assert policies.files == files
    assert policies.policy_hash == hashlib.sha256(rfc8785.dumps(files)).hexdigest()
    assert len(engine.engine_hash) == 64


@pytest.mark.parametrize("value", [float("nan"), 2**53, b"bytes", object(), "\ud800", {1: 2}])
def test_values_without_a_json_form_are_refused(engine: Engine, policies: PolicySet, value: Any) -> None:
    for ask in (policies.decide, policies.explain, engine.request_hash):
        with pytest.raises(InvalidActionError):
            ask(refund(value))


HOSTILE = {
    "nothing": b"",
    "a zero": b"\0",
    "no text": b"\xff\xfe",
    "a byte-order mark": b"\xef\xbb\xbf" + json.dumps(refund(1)).encode(),
    "half": json.dumps(refund(1)).encode()[:-1],
    "more": json.dumps(refund(1)).encode() + b"x",
    "a repeated key": b'{"agent_id":"a","tool":"process_refund","params":{"amount":1,"amount":2000}}',
    "a lone surrogate": b'{"agent_id":"a","tool":"process_refund","params":{"amount":1,"x":"\\ud800"}}',
    "a wide integer": b'{"agent_id":"a","tool":"process_refund","params":{"amount":9007199254740993}}',
    "no number": b'{"agent_id":"a","tool":"process_refund","params":{"amount":NaN}}',
    "another field": b'{"agent_id":"a","tool":"process_refund","params":{"amount":1},"mode":"allow"}',
    "no agent": b'{"tool":"process_refund","params":{"amount":1}}',
    "very deep": b"[" * 100_000,
    "very large": b'{"agent_id":"a","tool":"t","params":{"x":"' + b"a" * 2**21 + b'"}}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bytes_that_are_no_action_halt(engine: Engine, policies: PolicySet, name: str) -> None:
    decision = policies.decide(HOSTILE[name])
    assert (decision.outcome, decision.reason_code, decision.request_hash) == ("HALT", "invalid_action", None)
    assert decision.raw_hash == hashlib.sha256(HOSTILE[name]).hexdigest()
    for ask in (engine.request_hash, policies.explain):
        with pytest.raises(InvalidActionError):
            ask(HOSTILE[name])
    assert policies.decide(refund(45)).outcome == "EXECUTE"


def test_spoilt_bytes_have_a_decision_and_it_is_about_them(engine: Engine, policies: PolicySet) -> None:
    chance = random.Random(3)
    sound = json.dumps(refund(5000)).encode()
    for _ in range(500):
        spoilt = bytearray(sound)
        for _ in range(chance.randint(1, 4)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        decision = policies.decide(bytes(spoilt))
        if decision.request_hash is None:
            assert (decision.outcome, decision.reason_code) == ("HALT", "invalid_action")
        else:
            assert decision.request_hash == hashlib.sha256(rfc8785.dumps(json.loads(bytes(spoilt)) | {
                "operation": "call", "context": {}})).hexdigest()  # fmt: skip


def test_the_state_is_what_the_caller_knows(engine: Engine, policies: PolicySet) -> None:
    by_day, deploy = engine.load({"day.yaml": BY_DAY}), {"agent_id": "a", "tool": "deploy"}
    assert by_day.decide(deploy, {"now": NOON}).outcome == "EXECUTE"
    assert by_day.decide(deploy, {"now": MIDNIGHT}).outcome == "HALT"
    assert by_day.decide(deploy).outcome == "HALT"
    people = [{"principal": name, "roles": ["finance"]} for name in ("ada", "bo")]
    granted = {"approval": {"verdict": "granted", "approvers": people, "reason": None}}
    assert policies.decide(refund(340), granted).reason_code == "approval_granted"
    assert policies.decide(refund(5000), granted).outcome == "HALT"


@pytest.mark.parametrize("state", [b"", b"[]", b'{"now":1.5}', b'{"else":1}', b"\xff", {"now": "noon"}])
def test_a_state_that_cannot_be_read_decides_nothing(policies: PolicySet, state: Any) -> None:
    if state == b"":
        assert policies.decide(refund(45), state) == policies.decide(refund(45))
        return
    with pytest.raises(ValueError, match="the state cannot be read"):
        policies.decide(refund(45), state)
    assert policies.decide(refund(45)).outcome == "EXECUTE"


def test_an_explanation_names_rules_and_conditions(policies: PolicySet) -> None:
    explained = policies.explain(refund(340))
    assert explained["decision"]["outcome"] == "ABSTAIN"
    assert [(rule["id"], rule["truth"]) for rule in explained["policies"][0]["rules"]] == [
        ("large", "false"),
        ("mid", "true"),
    ]


def test_policies_with_errors_do_not_load(engine: Engine) -> None:
    text = "# é\nrules:\n  - { match: { tool: t }, alow: true }\n"
    with pytest.raises(PolicyInvalidError, match=r"a\.yaml:3:.*unknown key `alow`.*and 1 more") as caught:
        engine.load({"a.yaml": text, "b.yaml": "rules: 7"})
    assert caught.value.diagnostics == engine.check({"b.yaml": "rules: 7", "a.yaml": text})
    unknown = next(one for one in caught.value.diagnostics if one.code == "unknown_key")
    assert (unknown.severity, unknown.file, unknown.line, unknown.column) == ("error", "a.yaml", 3, 27)
    assert text.encode()[unknown.span.start : unknown.span.end] == b"alow"
    assert unknown.help is not None
    assert "`allow`" in unknown.help


def test_warnings_are_kept(engine: Engine) -> None:
    policies = engine.load({"a.yaml": "rules:\n  - { match: { tool: t, amount_gt: 50 }, deny: true }\n"})
    assert [(one.code, one.severity) for one in policies.diagnostics] == [("numeric_gap", "warning")]
    assert engine.check({"refunds.yaml": POLICY}) == engine.load({"refunds.yaml": POLICY}).diagnostics


HOSTILE_FILES: dict[str, Any] = {
    "no UTF-8": {"a.yaml": b"\xff"},
    "many laughs": {"a.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))},
    "too large": {"a.yaml": b"#" * 2**21},
    "very deep": {"a.yaml": b"[" * 100_000},
    "twice": {"a.yaml": "rules: []\nrules: []\n"},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hostile_files_are_findings_and_no_failure(engine: Engine, name: str) -> None:
    assert any(one.severity == "error" for one in engine.check(HOSTILE_FILES[name]))
    with pytest.raises(PolicyInvalidError):
        engine.load(HOSTILE_FILES[name])


def test_a_folder_is_its_policies_and_a_file_is_itself(engine: Engine, tmp_path: pathlib.Path) -> None:
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "a.yml~"):
        (tmp_path / name).write_text(POLICY)
    assert list(engine.load(tmp_path).files) == ["a.yml", "b.yaml"]
    (tmp_path / "notes.txt").write_text(POLICY)
    assert list(engine.load(str(tmp_path / "notes.txt")).files) == ["notes.txt"]
    with pytest.raises(FileNotFoundError):
        engine.load(tmp_path / "none.yaml")


def test_without_a_policy_nothing_runs(engine: Engine, tmp_path: pathlib.Path) -> None:
    assert engine.load(tmp_path).decide(refund(1)).reason_code == "no_policy"


def test_an_action_that_takes_too_much_work_halts_in_the_engine(engine: Engine) -> None:
    policies = engine.load({"spent.yaml": spent()})
    decision = policies.decide(LARGE)
    assert (decision.outcome, decision.decision, decision.reason_code) == ("HALT", "deny", "engine_limit")
    assert decision.request_hash == engine.request_hash(LARGE)
    assert policies.explain(LARGE)["incomplete"] is True


def test_an_action_that_uses_up_the_fuel_halts_and_the_next_is_decided(
    engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = engine.load({"spent.yaml": spent()})
    before = policies.decide({"agent_id": "a", "tool": "t"})
    assert before.outcome == "EXECUTE"
    monkeypatch.setattr("faramesh._wasm.DECIDE_FUEL", 4_000_000_000)
    monkeypatch.setattr("faramesh._wasm.EXPLAIN_FUEL", 4_000_000_000)
    decision = policies.decide(LARGE)
    assert (decision.outcome, decision.decision, decision.reason_code) == ("HALT", "deny", "engine_failure")
    assert decision.reason == "the engine did not answer"
    assert decision.request_hash == engine.request_hash(LARGE)
    assert "all fuel consumed" in caplog.text
    with pytest.raises(EngineFailureError, match="fuel"):
        policies.explain(LARGE)
    assert policies.decide({"agent_id": "a", "tool": "t"}) == before


def test_no_answer_is_the_decision_of_the_other_languages(policies: PolicySet, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = json.loads((CORPUS / "engine_failure.json").read_text("utf-8"))
    for case in cases:
        monkeypatch.setattr(policies, "policy_hash", case["policy_hash"])
        answer = policies._failure(case["action"].encode(), case["state"].encode() or b"{}")
        assert answer.decode() == case["answer"], case["shows"]
    assert len(cases) == 3


def test_no_answer_is_a_decision_that_can_be_checked(
    engine: Engine, policies: PolicySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = json.dumps(refund(45)).encode()
    monkeypatch.setattr("faramesh._wasm.DECIDE_FUEL", 20_000)
    answer = policies.decide_bytes(action, b'{"now":7}')
    told = json.loads(answer)
    assert answer == rfc8785.dumps(told)
    assert (list(told), told["action"], told["state"]) == (["action", "decision", "state"], None, {"now": 7})
    decision = told["decision"]
    assert (decision["reason_code"], decision["request_hash"]) == ("engine_failure", None)
    assert decision["raw_hash"] == hashlib.sha256(action).hexdigest()
    basis = {
        "policy_hash": policies.policy_hash,
        "request_hash": None,
        "runtime_version": engine.runtime_version,
        "state": {"now": 7},
    }
    assert decision["provenance_id"] == hashlib.sha256(rfc8785.dumps(basis)).hexdigest()
    monkeypatch.undo()
    assert policies.decide(refund(45)).outcome == "EXECUTE"


def test_policies_that_need_more_than_their_share_do_not_load(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("faramesh._wasm.LOAD_FUEL", 10_000)
        with pytest.raises(EngineFailureError, match="fuel"):
            engine.load({"refunds.yaml": POLICY})
    many = "rules:\n" + "".join(f"  - {{ match: {{ tool: t{one} }}, allow: true }}\n" for one in range(9000))
    with monkeypatch.context() as patch:
        patch.setattr("faramesh._wasm.MAX_MEMORY_BYTES", 3 << 20)
        with pytest.raises(EngineFailureError, match="stopped"):
            engine.load({"many.yaml": many})
    assert engine.load({"many.yaml": many}).decide({"agent_id": "a", "tool": "t8999"}).outcome == "EXECUTE"


def test_an_input_larger_than_the_memory_is_refused(engine: Engine, policies: PolicySet) -> None:
    assert policies.decide(bytes((128 << 20) + 1)).reason_code == "engine_failure"
    assert policies.decide(refund(45)).outcome == "EXECUTE"
    with pytest.raises(EngineFailureError, match="larger than its memory"):
        engine.request_hash(bytes((128 << 20) + 1))


def test_a_policy_set_that_cannot_be_loaded_again_halts(policies: PolicySet, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("faramesh._wasm.LOAD_FUEL", 10_000)
        patch.setattr("faramesh._wasm.DECIDE_FUEL", 20_000)
        assert policies.decide(refund(45)).reason_code == "engine_failure"
        patch.setattr("faramesh._wasm.DECIDE_FUEL", 125_000_000_000)
        assert policies.decide(refund(45)).reason_code == "engine_failure"
    assert policies.decide(refund(45)).outcome == "EXECUTE"


def test_many_threads_each_get_their_own_answer(policies: PolicySet) -> None:
    wrong: list[Any] = []

    def ask(first: int) -> None:
        for amount in range(first, 1200, 8):
            decision = policies.decide(refund(amount))
            expected = "EXECUTE" if amount <= 150 else "ABSTAIN" if amount <= 1000 else "HALT"
            if decision.outcome != expected or decision.request_hash != faramesh.request_hash(
                "a", "process_refund", {"customer_id": "c-1", "amount": amount}
            ):
                wrong.append((amount, decision))

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_instance_is_used_by_one_call_at_a_time(policies: PolicySet) -> None:
    other = threading.Thread(target=policies.decide, args=(refund(45),))
    with policies._warm._lock:
        other.start()
        other.join(0.2)
        assert other.is_alive()
    other.join()


def test_memory_does_not_grow_with_decisions(policies: PolicySet) -> None:
    policies.decide(refund(45))
    instance, _ = policies._warm._ready or pytest.fail("there is an instance")
    before = instance._memory.data_len(instance._store)
    for amount in range(5000):
        policies.decide(refund(amount))
    assert policies._warm._ready is not None
    assert policies._warm._ready[0] is instance, "the instance is used again"
    assert instance._memory.data_len(instance._store) == before


def test_every_failure_is_an_error_of_this_package() -> None:
    assert issubclass(PolicyInvalidError, FarameshError)
    assert issubclass(faramesh.EngineUnavailableError, ImportError)
