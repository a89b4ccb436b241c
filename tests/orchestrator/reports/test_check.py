from orchestrator.reports.check import disagreements

PICTURES = '<section id="pictures">\n<img src="data:">\n</section>\n'


def test_equal_texts_agree():
    assert disagreements("a\nb\n", "a\nb\n") == []


def test_what_differs_is_told_line_by_line():
    assert disagreements("a\n81.0\n", "a\n82.0\n")[-2:] == ["-81.0", "+82.0"]


def test_a_long_diff_is_cut():
    lines = disagreements("", "\n".join(map(str, range(100))))

    assert len(lines) == 21
    assert lines[-1] == "... and 83 lines more"


def test_pictures_are_not_compared():
    old, new = (f"<p>1</p>\n{section}<p>2</p>\n" for section in (PICTURES, ""))

    assert disagreements(old, new) == []
