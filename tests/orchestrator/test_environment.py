import re

from orchestrator.environment import environment, git_commit


def test_the_environment_names_versions_and_the_commit():
    found = environment()

    assert re.match(r"\d+\.\d+", found["torch"])
    assert found.get("commit", "").startswith(git_commit() or "")
