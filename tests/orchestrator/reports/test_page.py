from html.parser import HTMLParser

from orchestrator.reports.check import disagreements
from orchestrator.reports.links import RunLinks
from orchestrator.reports.picture import Picture
from orchestrator.reports.study import Format, StudyReport
from tests.orchestrator.made_up import make_plan, make_record
from tests.orchestrator.reports.made_up import draw

HITS = {"baseline": draw(0.9), "rdl=off": [draw(0.5)[0], None], "cvsta=off": draw(0.9)}


class Reader(HTMLParser):
    """Tags still open, and every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "link", "br"}:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def report_of(results, **content) -> StudyReport:
    records = [record for row in results.rows for record in row.records]
    return StudyReport(results.study, records, results, **content)


def test_every_tag_is_closed_where_it_should_be(results_of):
    text = report_of(results_of(HITS)).text(Format.HTML)

    assert Reader(text).opened == []


def test_a_page_needs_nothing_from_a_network(results_of):
    picture = Picture("forest", "Effects", "What is seen.", png=b"\x89PNG")

    page = Reader(report_of(results_of(HITS)).text(Format.HTML, pictures=[picture]))

    sources = [tag.get("src") or tag.get("href") for _, tag in page.tags]
    assert [s for s in sources if s and not s.startswith(("data:", "#"))] == []
    assert page.of("img") == [{"src": "data:image/png;base64,iVBORw==", "alt": "What is seen."}]


def test_what_users_write_is_no_markup(results_of):
    text = report_of(results_of(HITS, variants={"<b>wide</b>": {"model.width": 8}})).text(
        Format.HTML
    )

    assert "&lt;b&gt;wide&lt;/b&gt;" in text
    assert "<b>" not in text


def test_a_variant_s_details_have_its_changes_and_the_end_of_each_traceback(results_of):
    text = report_of(results_of(HITS)).text(Format.HTML)

    assert "<code>model.cvsta</code></th><td>True</td><td>False</td>" in text
    assert "<pre>Boom\nOut of memory</pre>" in text


def test_the_head_asks_the_question_and_the_end_tells_how_it_was_made(results_of):
    content = {"environment": {"torch": "2.13"}, "data": {"synthetic": "0123abcd"}}

    text = report_of(results_of(HITS), **content).text(Format.HTML)

    for said in ("2.13", "0123abcd", "skeltune run ", "inconclusive", "2001-09-09 01:46 UTC"):
        assert said in text


def test_runs_are_linked(results_of):
    links = RunLinks("http://host", "7", "study1", {"baseline seed 0": "run1"})

    page = Reader(report_of(results_of(HITS), links=links).text(Format.HTML))

    urls = {tag["href"] for tag in page.of("a")}
    assert urls == {f"http://host/#/experiments/7/runs/{run}" for run in ("study1", "run1")}


def test_the_same_records_make_the_same_texts(results_of):
    once, again = (report_of(results_of(HITS)) for _ in range(2))

    for form in (Format.HTML, Format.MARKDOWN, Format.LATEX, Format.CSV):
        assert once.text(form) == again.text(form)


def test_a_search_has_a_page_too(study_of):
    search = {"trials": 1, "space": {"optimizer.lr": {"float": [0.01, 0.3]}}}
    record = make_record(make_plan("trial 000", params={"optimizer.lr": 0.1}), [50.0])

    text = StudyReport(study_of(search=search), [record], None).text(Format.HTML)

    assert "trial 000" in text
    assert Reader(text).opened == []


def test_a_page_with_pictures_agrees_with_one_that_is_made_without(results_of):
    picture = Picture("forest", "Effects", "What is seen.", png=b"\x89PNG")
    report = report_of(results_of(HITS))

    written = report.text(Format.HTML, pictures=[picture])

    assert disagreements(written, report.text(Format.HTML)) == []
