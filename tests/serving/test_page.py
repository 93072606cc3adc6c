"""The page at /: what it shows of a bundle, and in Chromium a row that is scored with its reasons."""

import base64
import hashlib
import re
import shutil
import time

import pytest

from heddle.engines.plugins import load_plugins

pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install 'heddle-core[serve]'")
pytest.importorskip("msgspec", reason="msgspec isn't installed: pip install 'heddle-core[serve]'")


@pytest.fixture
def bundle(made, tmp_path):
    """Give a bundle of one's own: a copy, whose live graph starts as the folder is."""
    shutil.copytree(made[0] / "rgcn" / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


def test_the_page_runs_its_own_script_alone():
    from heddle.serving.online.page.page import page

    text = page().decode()
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text and "default-src 'none'" in text and "@" not in text[:300]
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text) and "innerHTML" not in text
    links = set(re.findall(r"https?://[^\"'\s]*", text))
    assert links <= {"http://www.w3.org/2000/svg"}  # a name, which nothing is loaded from


def test_facts_are_those_of_the_bundle(made, bundle):
    from heddle.serving.bundle.bundle import Bundle
    from heddle.serving.online.page.facts import facts

    with Bundle(bundle, load_plugins()) as opened:
        shown = facts(opened)
        row = {field["name"]: field["example"] for field in shown["fields"] if field["example"]}
        score = opened.score(opened.rows([row]))[0]
        last = opened.score(opened.rows([made[1][-1]]))[0]
    assert score == last  # the example is the last row of the data, read back from what was encoded
    card = dict(shown["card"])
    assert card["rows"] == "1200 train, 150 valid, 150 test" and card["threshold"] == "Yes above 0.5"
    assert card["probabilities"] == "calibrated on validation rows (platt)" and card["trained"].startswith(
        "20"
    )
    assert (
        card["reads"] == "up to 4, then 3 edges of each relation into a node" and card["classes"] == "No, Yes"
    )
    assert shown["written"] is None and any("was trained on their answers" in of for of in shown["limits"])
    fields = {field["name"]: field for field in shown["fields"]}
    assert (
        fields["User"]["needed"] and not fields["MCC"]["needed"] and fields["Time"]["type"] == "hour:minute"
    )
    assert made[1][-1]["MCC"] in fields["MCC"]["values"] and fields["Amount"]["values"] == []
    accuracy = next(of for of in shown["metrics"] if of[:2] == ["valid", "accuracy"])
    assert accuracy[3][0] < accuracy[2] < accuracy[3][1] and accuracy[4][1] > 0.5
    assert shown["explains"] and shown["appends"]
    (bundle / "card.md").write_text("Nobody's loan.\n")
    with Bundle(bundle, load_plugins()) as opened:
        assert facts(opened)["written"] == "Nobody's loan."


@pytest.fixture(scope="module")
def browser():
    """Give Chromium without a window."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium isn't installed: pip install selenium"
    )
    chromium, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if chromium is None or driver is None:
        pytest.skip("Chromium or its driver isn't installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1600"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def until(look, seconds=20):
    """Return what `look` finds once it finds something."""
    end = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return value


@pytest.mark.slow
def test_a_row_is_scored_in_a_browser(made, bundle, browser):
    """Card and form come by themselves; an example has reasons; a wrong cell is named; what is appended is seen."""
    from .test_serve import serving

    with serving(bundle) as (port, _):
        browser.get(f"http://127.0.0.1:{port}/")

        def find(selector):
            return browser.find_element("css selector", selector)

        def all_of(selector):
            return browser.find_elements("css selector", selector)

        def fill(name, text):
            field = find(f"input[name={name}]")
            field.clear()
            field.send_keys(text)

        until(lambda: all_of("#fields input"))
        assert browser.title == "rgcn on tabformer" and "1200 train" in find("#card").text
        assert "trained on their answers" in find("#limits").text and "auroc" in find("#metrics").text
        labels = "return [...document.querySelectorAll('input')].filter(of => of.offsetParent && !of.labels.length)"
        assert browser.execute_script(labels) == []  # whoever hears the page is told what each field is
        until(lambda: "rows scored a second" in find("#loads").text)
        until(lambda: "Nothing was asked yet. 0 of 0 rows" in find("#drift-said").text)
        find("#example").click()
        amount = find("input[name=Amount]")
        assert float(amount.get_attribute("value")) == pytest.approx(float(made[1][-1]["Amount"].lstrip("$")))
        amount.send_keys("\n")  # the keyboard is enough
        until(lambda: all_of("#picture svg"))
        assert find(".said").text in ("No", "Yes") and "%" in find(".chances").text
        drawn = find("#picture").text
        assert "Why the score of Yes is" in drawn and "Neighbourhood" in drawn and "of transactions" in drawn
        find("#reasons summary").click()
        brought = [_number(of.text) for of in all_of("#reasons-table td:last-child")]
        begin, end = map(_number, re.search(r"from (\S+) to (\S+),", find("#reasons-table").text).groups())
        assert sum(brought) == pytest.approx(end - begin, abs=0.01) and len(brought) > 20
        find("#request summary").click()
        assert f"curl http://127.0.0.1:{port}/v2/score" in find("#curl").text
        find("#append").click()
        fill("User", "888888")  # a card that was never seen
        find("button[type=submit]").click()
        until(lambda: "Appended as number 1" in find("#answer").text)
        find("#append").click()
        assert "never seen before" in find("#picture").text
        fill("Year", "2020")
        find("button[type=submit]").click()
        until(lambda: f"row {len(made[1])} of transactions" in find("#picture").text)
        fill("Year", "soon")
        find("button[type=submit]").click()
        assert "Year" in until(lambda: all_of("#answer .error"))[0].text
        assert not all_of("#picture svg")
        browser.refresh()
        until(lambda: all_of("#drift tbody tr"))
        assert "3 of 3 rows of the last 7 days" in find("#drift-said").text
        assert "probability of Yes" in find("#drift").text and "too few rows to tell" in find("#drift").text
        loaded = browser.execute_script("return performance.getEntriesByType('resource').map(of => of.name)")
        assert loaded and all(name.startswith(f"http://127.0.0.1:{port}/") for name in loaded)
        said = [entry["message"] for entry in browser.get_log("browser")]
        assert [message for message in said if "400" not in message] == []  # but the refused row


def _number(text):
    return float(text.replace("\N{MINUS SIGN}", "-").rstrip(","))
