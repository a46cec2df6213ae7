import polars as pl
import pytest

from poq.pages import html_table, html_text, rounded


def test_text_is_escaped_everywhere() -> None:
    frame = pl.DataFrame({"<script>b": ["<script>alert('a & b')</script>"]})
    page = html_table(frame, "<script>title</script>")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;a &amp; b&#x27;)&lt;/script&gt;" in page
    assert page.count("&lt;script&gt;title&lt;/script&gt;") == 2  # in the tab and above the table


def test_cells_show_numbers_text_and_null() -> None:
    frame = pl.DataFrame({"node": ["lead", None], "n": [12345, 2], "mean": [0.123456, None]})
    page = html_table(frame, "Title")
    assert "<tr><th>node</th><th>n</th><th>mean</th></tr>" in page
    assert (
        '<tr><td>lead</td><td class="number">12345</td><td class="number">0.123</td></tr>' in page
    )
    assert page.count("\u2014") == 2


def test_a_frame_without_rows_is_a_header() -> None:
    page = html_table(pl.DataFrame(schema={"node": pl.String}), "Title")
    assert "<th>node</th>" in page
    assert "<td" not in page


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (-0.04567, "-0.0457"), (2.0345e-5, "0.0000203"), (11923.0, "11900")],
)
def test_fractions_keep_three_significant_digits(value: float, text: str) -> None:
    assert rounded(value) == text


def test_text_is_escaped_and_keeps_its_lines() -> None:
    page = html_text("a: 1\n  b: <script>", "Configuration")
    assert "<pre>a: 1\n  b: &lt;script&gt;</pre>" in page
    assert "<h1>Configuration</h1>" in page


def test_what_cannot_be_seen_is_shown_as_an_escape() -> None:
    name = "no\u202ede\x1b[2J\x00\n\u2028"
    shown = "no\\u202ede\\u001b[2J\\u0000"
    table = html_table(pl.DataFrame({name: [name]}), name)
    assert table.count(shown + "\\u000a\\u2028") == 4  # tab, heading, column, cell
    text = html_text(name, "Title")
    assert f"<pre>{shown}\n\\u2028</pre>" in text
    for page in (table, text):
        assert page.replace("\n", "").isprintable()
