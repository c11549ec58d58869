"""`policy=` names the file that the caller relies on: what else is in force, nothing runs."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from conftest import FakeServer, JsonObject, Reply, allow, approved, halt, hold, turned
from faramesh import AccessRefusedError, PolicyMismatchError


class TestPolicyFile:
    """`policy=` names the file that the caller relies on."""

    @pytest.fixture
    def file(self, tmp_path: Any, fake: FakeServer) -> Any:
        path = tmp_path / "support-agent.yaml"
        path.write_text("rules: []\n")
        self.serve(fake, path)
        return path

    def serve(self, fake: FakeServer, path: Any) -> None:
        fake.policies = {"other.yaml": "0" * 64, path.name: hashlib.sha256(path.read_bytes()).hexdigest()}

    def test_the_same_file_runs_and_is_asked_for_once(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        governed = refund(policy=file)
        governed("c-1")
        governed("c-2")
        assert len(ran) == 2
        assert fake.verbs().count("policies") == 1

    def test_another_file_under_the_name_halts(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        governed = refund(policy=file)
        file.write_text("rules: [] # changed\n")
        with pytest.raises(PolicyMismatchError, match="in force as it is here") as caught:
            governed("c-1")
        assert (caught.value.code, ran) == ("policy_mismatch", [])
        assert "submit" not in fake.verbs(), "a call that cannot run leaves no decision behind"

    def test_a_pipe_in_its_place_halts_and_holds_nothing_up(
        self, fake: FakeServer, refund: Any, ran: Any, file: Any
    ) -> None:
        governed = refund(policy=file)
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(PolicyMismatchError, match="cannot be read: it is not a plain file"):
            governed("c-1")
        assert ran == []

    def test_a_change_on_the_server_halts_later_calls(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        governed = refund(policy=file)
        governed("c-1")
        fake.policies[file.name] = "1" * 64
        with pytest.raises(PolicyMismatchError):
            governed("c-2")
        assert ran == [("c-1", 45)]

    def test_a_change_on_both_sides_runs(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        governed = refund(policy=file)
        governed("c-1")
        file.write_text("rules: [] # mended\n")
        self.serve(fake, file)
        governed("c-2")
        assert len(ran) == 2

    def test_a_server_without_the_file_halts_and_says_so(
        self, fake: FakeServer, refund: Any, ran: Any, file: Any
    ) -> None:
        fake.policies = {}
        fake.decide = lambda body: halt("no_policy", "no policy is loaded")
        with pytest.raises(PolicyMismatchError, match=r"no policy `support-agent\.yaml` in force"):
            refund(policy=file)("c-1")
        assert ran == []

    def test_a_decision_under_other_policies_than_those_listed_halts(
        self, fake: FakeServer, refund: Any, ran: Any, file: Any
    ) -> None:
        fake.decide = lambda body: {**allow(), "policy_hash": "2" * 64}
        with pytest.raises(PolicyMismatchError, match="changed while"):
            refund(policy=file)("c-1")
        assert ran == []

    def test_an_approval_under_other_policies_halts(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        fake.decide = lambda body: hold()

        def approve(action: JsonObject) -> Reply:
            fake.policies[file.name] = "1" * 64
            return turned(**approved(), policy_hash=fake.policy_hash())(action)

        fake.script("wait", approve)
        with pytest.raises(PolicyMismatchError):
            refund(policy=file)("c-1")
        assert ran == []

    def test_a_list_that_may_not_be_read_halts(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        fake.script("policies", Reply(403, {}))
        with pytest.raises(AccessRefusedError):
            refund(policy=file)("c-1")
        assert ran == []

    def test_a_file_that_is_gone_halts(self, fake: FakeServer, refund: Any, ran: Any, file: Any) -> None:
        governed = refund(policy=file)
        file.unlink()
        with pytest.raises(PolicyMismatchError, match="cannot be read"):
            governed("c-1")
        assert ran == []

    def test_a_file_that_is_not_there_is_refused_at_once(self, refund: Any, tmp_path: Any) -> None:
        with pytest.raises(FileNotFoundError, match="no such file"):
            refund(policy=tmp_path / "absent.yaml")
