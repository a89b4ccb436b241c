from orchestrator.reports.effects import effects_table
from orchestrator.reports.markdown import as_markdown
from tests.orchestrator.reports.made_up import draw

ALL, NONE = draw(0.9, clips=400), draw(0.5, clips=400)
EITHER = {"baseline": ALL, "cvsta=off": ALL, "rdl=off": ALL, "cvsta=off, rdl=off": NONE}
CVSTA_ALONE = {"baseline": ALL, "rdl=off": ALL, "cvsta=off": NONE, "cvsta=off, rdl=off": NONE}


def verdicts(table) -> dict[tuple[str, str], str]:
    rows = ([entry.text for entry in entries] for _, entries in table.entries())
    return {(component, kind): words for component, kind, _, words in rows}


def test_main_effects_and_interactions_have_verdicts_in_words(results_of):
    table = effects_table(results_of(CVSTA_ALONE))

    assert verdicts(table) == {
        ("cvsta", "main effect"): "cvsta helps",
        ("rdl", "main effect"): "no difference above 1 point",
        ("rdl and cvsta", "interaction"): "no difference above 1 point",
    }


def test_what_two_components_do_together_is_a_sentence(results_of):
    table = effects_table(results_of(EITHER))

    assert table.notes[1] == "Together: either rdl or cvsta will do."
    assert "depends on the other" in as_markdown([table])


def test_without_main_effects_there_is_no_table(results_of):
    assert effects_table(results_of({"baseline": ALL})) is None


def test_settings_are_sections(results_of):
    hits = {f"{name}: {variant}": h for name in ("a", "b") for variant, h in EITHER.items()}

    table = effects_table(results_of(hits, settings={"a": {}, "b": {"data.noise": 0.1}}))

    assert table.sections == {0: "a", 3: "b"}
    assert [note.partition(":")[0] for note in table.notes[1:]] == ["Together, a", "Together, b"]
