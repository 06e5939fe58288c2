"""The playground in a real browser: what people see, from a keyboard, on a phone, with hostile texts in it."""

import csv
import io
import json
import time
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openpyxl")
from browsers import browser
from linear_models import reviews
from openpyxl import Workbook, load_workbook
from served import served

import munjang as mj
from munjang.data.readers.open import open_table
from munjang.inference.files.predict import Answering, predict_table
from munjang.inference.heads import packaged

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TEXT = "배송은 빨랐는데 포장이 엉망이라 실망했어요"
WAIT_MS = 15_000


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return reviews(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def server(folder):
    with served([str(packaged()), str(folder)]) as found:
        yield found


@pytest.fixture
def opened(chromium, server):
    """A function that opens the page; at the end, there must be no errors in it and no requests to other sites."""
    contexts, wrong = [], []

    def start(url=server.url, width=1280, *, expected=(), **options):
        context = chromium.new_context(viewport={"width": width, "height": 800}, **{"locale": "ko-KR", **options})
        contexts.append(context)
        page, origin = context.new_page(), url.partition("/#")[0]
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda m: m.type in ("error", "warning") and m.text not in expected and wrong.append(m.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda r: r.url.startswith((origin, "blob:", "data:")) or wrong.append(f"went to {r.url}"))
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(opened):
    page = opened()
    page.wait_for_selector("html[data-ready]")
    return page


def until(page, condition):
    """Wait until an expression holds. Playwright's own function evaluates strings; the page's policy forbids that."""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def classify(page, name, data, kind="text/csv"):
    """Choose a file and classify it."""
    page.click("#tab-file")
    page.set_input_files("#chosen", {"name": name, "mimeType": kind, "buffer": data})
    page.click("#classify:enabled")
    page.wait_for_selector("#progress-row:visible")
    page.wait_for_selector("#stop", state="hidden")


def downloaded(page, kind):
    with page.expect_download() as waiting:
        page.click(f"#download-{kind}")
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def narrow(page):
    """Whether nothing has to be scrolled sideways to be read."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_typing_gives_every_tasks_answer_as_bars(page, server):
    page.emulate_media(reduced_motion="reduce")  # bars are as long as they should be at once
    page.locator("#text").press_sequentially(TEXT, delay=5)
    page.wait_for_selector(".eojeol")
    expected = server.ask("/models/mini/analyze", {"inputs": TEXT}).body["answers"]
    assert page.locator(".answer").count() == len(expected) == 7
    assert page.locator("#precision").is_hidden(), "not all of its heads can promise one"
    for head, answer in expected.items():
        best = page.locator(f".answer[data-head={head}] .best")
        assert best.locator(".name").inner_text().startswith(answer["label"])
        assert float(best.locator(".value").inner_text().rstrip("%")) == pytest.approx(100 * answer["score"], abs=0.3)
        width = best.locator(".fill").evaluate("e => e.getBoundingClientRect().width / e.parentElement.clientWidth")
        assert width == pytest.approx(answer["score"], abs=0.02)
    page.click(".answer[data-head=language] .more")
    assert page.locator(".answer[data-head=language] li").count() == 20
    page.fill("#text", "")
    page.wait_for_selector("#shares", state="hidden")
    assert page.locator(".answer.idle").count() == 7


def test_an_answer_to_what_was_typed_before_is_dropped(page):
    slow = {}

    def hold(route):
        if "처음" in (route.request.post_data_json or {}).get("inputs", ""):
            slow["first"] = route
        else:
            route.continue_()

    page.route("**/analyze", hold)
    page.fill("#text", "처음 문장 정말 재밌어요")
    page.wait_for_timeout(250)
    page.fill("#text", "정말 지루하고 재미없어요")
    page.wait_for_selector(".answer[data-head=sentiment]:not(.idle)")
    label = page.locator(".answer[data-head=sentiment] .label").inner_text()
    answers = {"sentiment": {"label": "긍정", "score": 1.0, "scores": {"긍정": 1.0, "부정": 0.0}}}
    try:
        slow["first"].fulfill(body=json.dumps({"answers": answers, "note": ""}), content_type="application/json")
    except Exception as error:  # the page has given the request up, as it should
        assert "handled" in str(error) or "closed" in str(error) or "abort" in str(error).lower()
    page.wait_for_timeout(100)
    assert page.locator(".answer[data-head=sentiment] .label").inner_text() == label == "부정"


def test_eojeols_show_their_share_and_how_it_was_found(page, server):
    page.fill("#text", TEXT)
    page.wait_for_selector(".eojeol")
    found = server.ask("/models/mini/explain", {"inputs": TEXT}).body
    assert texts(page, ".eojeol .word") == [word["text"] for word in found["words"]]
    for head in ("sentiment", "topic"):
        page.click(f".answer[data-head={head}] .pick")
        assert page.locator(f".answer[data-head={head}] .pick").get_attribute("aria-pressed") == "true"
        shown = [float(text.replace("−", "-").strip("%")) for text in texts(page, ".eojeol .share")]
        assert shown == pytest.approx([100 * share for share in found["answers"][head]["shares"]], abs=0.1)
    assert "leave-one-out" in page.locator("#shares").inner_text()
    page.fill("#text", "말 " * 65)
    until(page, "document.getElementById('shares-of').textContent.includes('65')")
    assert page.locator(".eojeol").count() == 0


def test_hostile_texts_are_shown_as_texts(page):
    page.fill("#text", f"{HOSTILE} 좋아요")
    page.wait_for_selector(".eojeol")
    assert "".join(texts(page, ".eojeol .word")).startswith("<script>alert(1)</script><img")
    data = f"<b>번호</b>,본문,{HOSTILE}\n1,{HOSTILE},<i>x</i>\n2,좋아요,y\n".encode()
    classify(page, "<img src=x onerror=alert(3)>.csv", data)
    assert page.locator("#work-name").inner_text() == "<img src=x onerror=alert(3)>.csv"
    assert HOSTILE in texts(page, "#rows-table tbody td.text") and "<i>x</i>" in texts(page, "#rows-table td")
    assert page.locator("main script, main img, main b, main i").count() == 0


def test_a_csv_becomes_a_table_that_is_counted_filtered_sorted_and_taken_away(page):
    rows = [f"{n},{'정말 재밌어요' if n % 3 else '너무 지루해요'} {n},손님{n}" for n in range(90)]
    rows += ["90,=1+1 재밌어요,@손님", "91,,빈칸"]
    classify(page, "후기.csv", "\n".join(["번호,본문,label", *rows]).encode("cp949"))
    assert page.locator("#progress-text").inner_text().startswith("mini/sentiment: 92행을")
    assert page.locator("#counts-title").inner_text() == "레이블별 수 (mini/sentiment)"
    counts = dict(zip(texts(page, ".count .name"), texts(page, ".count .value"), strict=True))
    assert sum(int(value.partition(" ")[0]) for value in counts.values()) == 92
    assert counts["부정"].startswith("30 ") and counts["긍정"].startswith("61 ") and counts["(없음)"].startswith("1 ")
    assert page.locator("#rows-table tbody tr").count() == 25
    page.click(".count:has-text('부정')")
    assert page.locator("#rows-shown").inner_text() == "30행 중 1–25행"
    assert set(texts(page, "td.label")) == {"부정"}
    page.click("#page-on")
    assert page.locator("#rows-table tbody tr").count() == 5
    page.select_option("#rows-label", "*")
    page.fill("#rows-search", "지루해요 3")
    until(page, "document.querySelectorAll('#rows-table tbody tr').length === 5")  # 3, 30, 33, 36, 39
    page.click("[data-key=line]")
    assert texts(page, "#rows-table tbody td.text")[0] == "너무 지루해요 39"
    page.fill("#rows-search", "")
    page.click("[data-key=score]")
    page.click("[data-key=score]")
    until(page, "document.querySelectorAll('#rows-table tbody tr').length === 25")
    scores = [float(text.strip("%")) for text in texts(page, "#rows-table tbody td:nth-child(4)")]
    assert scores == sorted(scores, reverse=True)
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("확률")

    name, data = downloaded(page, "csv")
    found = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert name == "후기-mini-sentiment.csv" and len(found) == 93
    assert found[0][:5] == ["번호", "본문", "label", "munjang_label", "munjang_score"]
    assert found[91][1:4] == ["'=1+1 재밌어요", "'@손님", "긍정"] and found[92][-1] == "empty"
    name, data = downloaded(page, "xlsx")
    sheet = list(load_workbook(io.BytesIO(data)).active.iter_rows())
    assert name == "후기-mini-sentiment.xlsx" and len(sheet) == 93
    assert (sheet[91][1].value, sheet[91][1].data_type) == ("=1+1 재밌어요", "s")


UNSURE = ("정말 재밌어요", "너무 지루해요", "", "그냥 그랬어요", "ㅋㅋ")
UNSURE_CSV = "\n".join(["번호,본문", *(f"{n},{UNSURE[n % 5]}" for n in range(60))]).encode()


def test_what_is_not_sure_enough_is_withheld_in_the_table_the_counts_and_the_downloads(page, tmp_path):
    (tmp_path / "a.csv").write_bytes(UNSURE_CSV)
    table = open_table(tmp_path / "a.csv")
    answering = Answering(min_precision=0.99, scores=True)
    predict_table(mj.load("mini/sentiment"), table, 1, tmp_path / "b.csv", answering=answering)
    header, *expected = csv.reader(io.StringIO((tmp_path / "b.csv").read_text("utf-8-sig")))
    held = [row for row in expected if row[2] == "보류"]
    assert header[-3:] == ["note", "suggested", "reason"] and 0 < len(held) < 48

    page.click("#tab-file")
    page.set_input_files("#chosen", {"name": "a.csv", "mimeType": "text/csv", "buffer": UNSURE_CSV})
    page.select_option("#work-model", "mini/hate")
    assert page.locator("#work-precision").is_hidden(), "it can promise nothing"
    page.select_option("#work-model", "mini/topic")
    assert texts(page, "#work-precision option") == ["없음", "90%", "95%"]
    page.select_option("#work-model", "mini/sentiment")
    page.select_option("#work-precision", "0.99")
    assert "100개 중 99개 이상" in page.locator("#work-precision-how").inner_text()
    page.click("#classify:enabled")
    until(page, "document.getElementById('progress-text').textContent.includes('분류했습니다')")
    assert page.locator("#counts-title").inner_text() == "레이블별 수 (mini/sentiment, 최소 정밀도 99%)"
    assert texts(page, ".count:has-text('보류') .value")[0].startswith(f"{len(held)} ")
    assert texts(page, "#rows-label option") == ["모든 레이블", "부정", "긍정", "보류", "(없음)"]
    page.select_option("#rows-label", "=보류")
    assert texts(page, "#rows-table td.label") == [f"보류 · {row[-2]}?" for row in held[:25]]
    assert page.locator("#rows-table td.number.pale").count() == 25
    assert page.locator("#rows-table td.label").first.get_attribute("title").startswith("below 0.9")
    for kind in ("csv", "xlsx"):
        data = downloaded(page, kind)[1]
        found = list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) if kind == "csv" else cells_of(data)
        assert found[0] == header
        for row, wanted in zip(found[1:], expected, strict=True):
            assert [*row[:3], *row[6:]] == [*wanted[:3], *wanted[6:]]
            assert [float(cell or -1) for cell in row[3:6]] == pytest.approx(
                [float(cell or -1) for cell in wanted[3:6]], abs=2e-6
            )


def cells_of(data):
    """The cells of an Excel file as texts."""
    rows = load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


def test_a_precision_that_is_refused_is_explained_and_the_answers_stay(opened, server):
    refused = "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
    page = ready(opened, server.url, expected=[refused])
    classify(page, "a.csv", UNSURE_CSV)
    before = texts(page, "#rows-table td")

    def stricter(route):
        route.continue_(post_data=json.dumps({**route.request.post_data_json, "min_precision": 0.999999}))

    page.route("**/analyze", stricter)
    page.select_option("#work-precision", "0.95")
    page.click("#classify")
    page.wait_for_selector("#problem:visible")
    message = page.locator("#problem").inner_text()
    assert "0.999999 cannot be promised for all labels" in message and "Choose a lower min_precision" in message
    assert texts(page, "#rows-table td") == before
    assert page.locator("#counts-title").inner_text() == "레이블별 수 (mini/sentiment)"
    assert "60행을" in page.locator("#progress-text").inner_text() and page.locator("#go-on").is_hidden()
    page.unroute("**/analyze")
    page.click("#classify")
    page.wait_for_selector("#problem", state="hidden")
    assert "95%" in page.locator("#counts-title").inner_text()


def test_doubt_about_a_sentence_is_seen(opened):
    with served(["감정=mini/sentiment"]) as alone:
        page = ready(opened, alone.url, locale="en-GB", reduced_motion="reduce")
        page.fill("#text", "ㅋㅋ")
        best = page.locator(".answer .best")
        best.wait_for()
        score = alone.ask("/analyze", {"inputs": "ㅋㅋ"}).body["answers"]["sentiment"]["score"]
        assert score < 0.6 and best.get_attribute("class") == "best unsure"
        pale = best.locator(".fill").evaluate("e => getComputedStyle(e).backgroundColor")
        page.fill("#text", "정말 재밌어요")
        until(page, "document.querySelector('.answer .best').className === 'best'")
        assert best.locator(".fill").evaluate("e => getComputedStyle(e).backgroundColor") != pale
        assert page.locator(".answer .label").inner_text() == "긍정 (positive)"
        page.select_option("#precision", "0.99")
        until(page, "document.querySelector('.answer .best').className === 'best unsure'")
        assert page.locator(".answer .label").inner_text() == "보류 (undecided) · 긍정 (positive)?"
        assert best.locator(".name").inner_text() == "긍정 positive"
        page.select_option("#precision", "")
        page.fill("#text", "코스피가 사흘 만에 반등해 2,600선을 되찾았다")
        until(page, "document.querySelector('.answer .doubt').textContent.includes('unlike')")
        answer = alone.ask("/analyze", {"inputs": page.input_value("#text")}).body["answers"]["sentiment"]
        assert answer["reason"] == "out of scope"
        page.context.close()


def test_excel_and_text_files_and_pasted_cells_are_read(page):
    book, stream = Workbook(), io.BytesIO()
    for row in (["순번", "리뷰", "평점"], [1, "정말 재밌어요", 4.5], [2, "너무 지루해요", 1]):
        book.active.append(row)
    book.save(stream)
    classify(page, "book.xlsx", stream.getvalue(), "application/octet-stream")
    assert page.locator("#work-column").evaluate("e => e.selectedOptions[0].text") == "리뷰"
    assert texts(page, "#rows-table tbody td.label") == ["긍정", "부정"]
    page.select_option("#work-column", "2")
    page.click("#classify")
    until(page, "document.querySelector('#rows-table th.text').textContent.startsWith('평점')")
    page.click("#another")
    classify(page, "lines.txt", "정말 재밌어요\n너무 지루해요\n".encode("utf-16"), "text/plain")
    assert texts(page, "#rows-table tbody td.label") == ["긍정", "부정"]
    page.click("#another")
    page.fill("#pasted", "본문\t점수\n정말 재밌어요\t5\n너무 지루해요\t1\n그냥 그래요\t3\n")
    page.click("#paste-form button")
    page.wait_for_selector("#classify:enabled")
    assert page.locator("#work-facts").inner_text() == "3행, 2열"


def test_a_dropped_file_is_taken_and_a_bad_one_is_explained(page):
    page.click("#tab-file")
    drop = """([name, words]) => {
        const data = new DataTransfer();
        data.items.add(new File([words], name));
        document.getElementById('drop').dispatchEvent(
            new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(drop, ["a.csv", "본문,n\n정말 재밌어요,1\n너무 지루해요,2\n"])
    page.wait_for_selector("#classify:enabled")
    assert page.locator("#work-facts").inner_text() == "2행, 2열"
    page.click("#another")
    page.evaluate(drop.replace("[words]", "['글'.repeat(3_500_000)]"), ["b.csv", ""])
    page.wait_for_selector("#problem:visible")
    assert "10.5 MB" in page.locator("#problem").inner_text()


def test_a_file_goes_in_pieces_that_let_others_in_and_can_be_stopped(page):
    sizes = []
    page.on("request", lambda r: "analyze" in r.url and sizes.append(len(r.post_data_json["inputs"])))
    held = []
    page.click("#tab-file")
    data = ("text\n" + "정말 재밌어요\n" * 300).encode()
    page.set_input_files("#chosen", {"name": "a.csv", "mimeType": "text/csv", "buffer": data})
    page.route("**/analyze", lambda route: held.append(route) if len(held) or len(sizes) > 2 else route.continue_())
    page.click("#classify:enabled")
    until(page, "document.getElementById('progress').value >= 64")
    page.click("#stop")
    page.wait_for_selector("#stop", state="hidden")
    assert "64 / 300행에서 멈췄습니다" in page.locator("#progress-text").inner_text()
    assert max(sizes) == 32 and len(sizes) == 3
    _, table = downloaded(page, "csv")
    assert table.decode("utf-8-sig").splitlines()[-1].endswith("not classified,,")


def test_ten_thousand_rows_stay_quick_to_sort_and_filter(page):
    seconds = page.evaluate("""async () => {
        const { startRows } = await import('./playground/views/rows.js');
        const count = 10000;
        const texts = Array.from({ length: count }, (_, i) => `문장 ${(i * 7919) % count} 번입니다`);
        const answers = texts.map((_, i) => ({ label: i % 2 ? '긍정' : '부정', score: (i % 97) / 97, note: '' }));
        const rows = startRows(() => {});
        for (const id of ['file', 'rows']) document.getElementById(id).hidden = false;
        rows.show({ columns: ['본문'], text: 0, rows: texts.map((text) => [text]), lines: texts.map((_, i) => i + 2),
                    texts, answers, view: { labels: ['부정', '긍정'] } });
        const spent = {};
        for (const key of ['c0', 'label', 'score']) {
            const began = performance.now();
            document.querySelector(`[data-key=${key}]`).click();
            document.body.getBoundingClientRect();
            spent[key] = (performance.now() - began) / 1000;
        }
        const began = performance.now();
        rows.only('긍정');
        spent.filter = (performance.now() - began) / 1000;
        return [spent, document.querySelectorAll('#rows-table tr').length];
    }""")
    assert seconds[1] == 26
    assert max(seconds[0].values()) < 2, seconds  # 0.05 on an idle machine


def test_where_a_parser_is_served_the_sentences_tree_is_drawn(opened, folder, tiny_parser):
    with served([str(folder), f"dp={tiny_parser.folder}"]) as parsing:
        page = opened(parsing.url)
        page.wait_for_selector("html[data-ready]")
        assert page.locator("#arcs").is_hidden()
        page.fill("#text", "나는 구름그림을 벽에 걸었다")
        page.wait_for_selector("#arcs svg")
        assert page.locator("#arcs .arcs-word").all_text_contents() == ["나는", "구름그림을", "벽에", "걸었다"]
        assert page.locator("#arcs .arcs-arc").count() == 4 and "다음의 주어" in page.evaluate(
            "[...document.querySelectorAll('.arcs-nouns dd')].map((e) => e.dataset.said).join()"
        )
        assert page.locator("#compare-one option").count() == 1, "a parser is no classifier"
        page.fill("#text", "")
        page.wait_for_selector("#arcs", state="hidden")
        page.context.close()


def test_two_models_are_compared_on_one_text(page, server):
    page.click("#tab-compare")
    page.select_option("#compare-two", "reviews")
    page.fill("#compare-text", "정말 재밌고 좋았어요")
    until(page, "document.querySelectorAll('#compare .idle').length === 0")
    for side, model in (("one", "mini/sentiment"), ("two", "reviews")):
        best = server.ask(f"/models/{model}/predict", {"inputs": "정말 재밌고 좋았어요"}).body[0]
        shown = page.locator(f"#compare-{side}-bars .best")
        assert shown.locator(".name").inner_text() == best["label"] == "긍정"
        assert float(shown.locator(".value").inner_text().strip("%")) == pytest.approx(100 * best["score"], abs=0.2)
    assert page.locator("#compare-verdict").inner_text() == "두 모델이 같은 답을 했습니다: 긍정"
    page.select_option("#compare-two", "mini/topic")
    until(page, "document.getElementById('compare-verdict').textContent.includes('서로 다른')")


def test_a_models_card_shows_scores_and_the_confusion_matrix(page, folder):
    saved = json.loads((folder / "run" / "test.json").read_text(encoding="utf-8"))
    page.click("#tab-card")
    page.select_option("#card-model", "reviews")
    counts = ",".join(str(count) for row in saved["confusion"] for count in row)  # another model's card was there
    until(
        page,
        f"[...document.querySelectorAll('.matrix .cell span')].map(cell => cell.textContent).join() === '{counts}'",
    )
    assert f"{saved['metrics']['accuracy']:.3f}" in texts(page, ".figure")
    page.click(".readme summary")
    assert page.locator(".markdown table").count() > 1 and page.locator(".markdown a").count() == 0
    page.select_option("#card-model", "mini/topic")
    until(page, "document.querySelector('#card-body h2 + dl').textContent.includes('ynat')")
    noted = mj.load("mini/topic").manifest.details["test"]
    assert f"{noted['accuracy']:.3f}" in texts(page, ".figure")
    assert ("혼동 행렬이 저장되어 있지 않습니다" in page.locator("#card-body").inner_text()) == (
        "confusion" not in noted
    )


def test_a_model_without_scores_says_so(opened, folder, tmp_path):
    mj.load(folder).save(tmp_path / "bare")
    (tmp_path / "bare" / "run" / "test.json").unlink()
    manifest = tmp_path / "bare" / "munjang.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**facts, "validation": {}}), encoding="utf-8")
    with served([str(tmp_path / "bare")]) as bare:
        page = opened(f"{bare.url}/#card")
        page.wait_for_selector("#card-body .verdict")
        assert "저장된 평가가 없습니다" in page.locator("#card-body").inner_text()
        page.context.close()


def test_the_key_is_asked_for_and_kept_in_the_tab(opened, folder):
    refused = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
    with served([str(folder)], api_key="열쇠-secret") as keyed:
        page = opened(keyed.url, expected=[refused])
        page.wait_for_selector("#key-dialog[open]")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key-wrong:visible")
        page.keyboard.type("열쇠-secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-ready]")
        page.fill("#text", "정말 재밌어요")
        page.wait_for_selector(".eojeol")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        assert page.locator("#key-dialog[open]").count() == 0
        assert page.evaluate("[Object.keys(localStorage).length, Object.keys(sessionStorage)]") == [0, ["munjang-key"]]
        page.context.close()


def test_language_and_theme_follow_the_browser_until_one_chooses(opened):
    page = opened(locale="en-GB", color_scheme="dark")
    page.wait_for_selector("html[data-ready]")
    assert page.locator("h1").first.inner_text() == "Type a Korean sentence"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.fill("#text", TEXT)
    page.wait_for_selector(".eojeol")
    assert page.locator(".answer[data-head=sentiment] .label").inner_text() == "부정 (negative)"
    page.click("#language")
    page.click("#theme")
    assert page.locator(".answer[data-head=sentiment] .label").inner_text() == "부정"
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dataset.theme]") == ["ko", "light"]
    assert page.locator("h1").first.inner_text() == "문장을 쓰면 바로 답합니다"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    assert page.evaluate(
        "[...document.querySelectorAll('[data-t]')].every((e) => e.textContent && e.textContent !== e.dataset.t)"
    )


def test_everything_is_reached_by_keyboard_and_has_a_name(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "tab-sentence"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("[document.activeElement.id, location.hash]") == ["tab-file", "#file"]
    assert page.locator("#file").is_visible() and page.locator("#sentence").is_hidden()
    page.keyboard.press("Home")
    for _ in range(3):  # past the two switches
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type(TEXT)
    page.wait_for_selector(".eojeol")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('[data-head=hate]') !== null"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    assert page.locator("#shares-head").input_value() == "hate"
    nameless = page.evaluate("""() => [...document.querySelectorAll('button, input, select, textarea, a, progress')]
        .filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
            || e.labels?.length)).map((e) => e.outerHTML)""")
    assert nameless == []


def test_it_fits_on_a_phone(opened):
    page = opened(width=390)
    page.wait_for_selector("html[data-ready]")
    page.fill("#text", TEXT + " 정말정말정말정말정말정말정말정말정말정말정말정말정말정말정말정말정말")
    page.wait_for_selector(".eojeol")
    assert narrow(page)
    classify(page, "a.csv", ("본문,긴이름의열하나,또하나\n" + "정말 재밌어요 " * 8 + ",값,값\n").encode() * 2)
    assert narrow(page)
    for tab in ("compare", "card"):
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(150)
        assert narrow(page), tab
    page.select_option("#card-model", "mini/language")
    page.wait_for_timeout(200)
    page.click(".readme summary")
    assert narrow(page)


REFUSED = "Failed to load resource: the server responded with a status of 500 (Internal Server Error)"
AWAY = "Failed to load resource: net::ERR_FAILED"
ANNOUNCED = """() => {
    window.announced = [];
    const regions = document.querySelectorAll('[role=status], [role=alert], [aria-live]');
    for (const region of regions)
        new MutationObserver(() => region.checkVisibility() && window.announced.push(region.textContent))
            .observe(region, { childList: true, characterData: true, subtree: true });
}"""


def failing(route):
    route.fulfill(status=500, body=json.dumps({"error": "The model failed."}), content_type="application/json")


def ready(opened, url, **options):
    page = opened(url, **options)
    page.wait_for_selector("html[data-ready]")
    return page


def rows_file(count, page):
    """Choose a file with `count` rows, without classifying it."""
    page.click("#tab-file")
    data = ("text\n" + "정말 재밌어요\n" * count).encode()
    page.set_input_files("#chosen", {"name": "a.csv", "mimeType": "text/csv", "buffer": data})
    page.wait_for_selector("#classify:enabled")


def test_after_a_failed_request_no_answer_to_another_text_stays(opened, server):
    page = ready(opened, server.url, expected=[REFUSED])
    page.fill("#text", TEXT)
    page.wait_for_selector(".eojeol")
    page.route("**/analyze", failing)
    page.fill("#text", "정말 재밌고 좋았어요")
    page.wait_for_selector("#problem:visible")
    assert page.locator("#problem").inner_text() == "The model failed."
    assert page.locator(".answer.idle").count() == 7 and set(texts(page, ".answer .label")) == {"–"}
    assert page.locator("#shares").is_hidden() and page.locator("#sentence-note").is_hidden()
    page.unroute("**/analyze")
    page.fill("#text", TEXT)
    page.wait_for_selector(".eojeol")
    assert page.locator("#problem").is_hidden()
    page.route("**/explain", failing)
    page.fill("#text", f"{TEXT} 정말")
    page.wait_for_selector("#problem:visible")
    assert page.locator("#shares").is_hidden() and page.locator(".answer.idle").count() == 0
    page.click("#tab-compare")
    page.fill("#compare-text", TEXT)
    until(page, "document.querySelectorAll('#compare .idle').length === 0")
    page.route("**/analyze", failing)
    page.fill("#compare-text", "좋아요")
    until(page, "document.querySelectorAll('#compare .idle').length === 2")
    assert page.locator("#compare-verdict").inner_text() == ""
    page.click("#tab-card")
    page.wait_for_selector("#card-body .scores")
    page.route("**/card", failing)
    page.select_option("#card-model", "mini/topic")
    until(page, "document.getElementById('card-body').children.length === 0")


def test_rows_are_numbered_as_records_and_name_their_model(page):
    classify(page, "a.csv", '본문,n\n"정말\n재밌어요",1\n너무 지루해요,2\n'.encode())
    assert texts(page, "#rows-table tbody td:first-child") == ["1", "2"], "not the lines of the file"
    page.select_option("#work-model", "reviews")
    assert "mini/sentiment" in page.locator("#counts-title").inner_text(), "these answers are still of the first model"
    assert downloaded(page, "csv")[0] == "a-mini-sentiment.csv"
    page.click("#classify")
    until(page, "document.getElementById('counts-title').textContent.includes('reviews')")
    until(page, "document.getElementById('stop').hidden")
    assert downloaded(page, "xlsx")[0] == "a-reviews.xlsx"


def test_a_broken_connection_goes_on_where_it_stopped(opened, server):
    page = ready(opened, server.url, expected=[AWAY])
    rows_file(160, page)
    sent = []

    def broken(route):
        if len(sent) < 2 or sent.count("away") == 2:
            route.continue_()
        else:
            sent.append("away")
            route.abort()

    page.on("requestfinished", lambda r: "analyze" in r.url and sent.append(len(r.post_data_json["inputs"])))
    page.route("**/analyze", broken)
    page.click("#classify")
    until(page, "document.getElementById('progress-text').textContent.includes('다시 시도하는 중')")
    page.wait_for_selector("#stop", state="hidden")
    assert [size for size in sent if size != "away"] == [32] * 5, "a piece was sent twice, or not at all"
    assert page.locator("#progress-text").inner_text().startswith("mini/sentiment: 160행을")
    assert page.locator("#go-on").is_hidden() and page.locator("#problem").is_hidden()


def test_stopped_work_goes_on_where_it_stopped(page):
    rows_file(300, page)
    sizes, held = [], []
    page.on("requestfinished", lambda r: "analyze" in r.url and sizes.append(len(r.post_data_json["inputs"])))
    page.route("**/analyze", lambda route: held.append(route) if len(sizes) == 2 else route.continue_())
    page.click("#classify")
    until(page, "document.getElementById('progress').value >= 64")
    leaving = "(() => { const e = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(e) })()"
    assert page.evaluate(leaving), "whoever leaves now loses the answers without a word"
    page.click("#stop")
    page.wait_for_selector("#go-on:visible")
    assert not page.evaluate(leaving)
    page.unroute("**/analyze")
    page.click("#go-on")
    until(page, "document.getElementById('progress').value === 300")
    page.wait_for_selector("#stop", state="hidden")
    assert sum(sizes) == 300 and page.locator("#go-on").is_hidden()
    assert "not classified" not in downloaded(page, "csv")[1].decode("utf-8-sig")


def test_progress_is_announced_at_the_start_each_quarter_and_the_end(page):
    rows_file(640, page)
    page.evaluate(ANNOUNCED)
    page.focus("#classify")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "stop", "the focus went with the hidden button"
    page.wait_for_selector("#stop", state="hidden")
    assert page.evaluate("document.activeElement.id") == "classify"
    spoken = page.evaluate("window.announced")
    progress = [words for words in spoken if words.startswith("mini/sentiment: ")]
    assert [words.split()[1] for words in progress[:4]] == ["0", "160", "320", "480"]
    assert progress[4:] == [page.locator("#progress-text").inner_text()]
    assert len(spoken) <= 6, spoken  # and how many rows the table shows


def test_the_last_page_keeps_the_focus_on_a_button(page):
    classify(page, "a.csv", ("text\n" + "정말 재밌어요\n" * 30).encode())
    page.focus("#page-on")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "page-back"


def test_where_only_a_parser_is_served_there_are_no_dead_views(opened, tiny_parser):
    with served([f"dp={tiny_parser.folder}"]) as parsing:
        page = ready(opened, f"{parsing.url}/#file")
        assert page.locator("#sentence").is_visible() and page.locator("h1:visible").inner_text() == (
            "문장을 쓰면 짜임을 그립니다"
        )
        for part in ("[role=tablist]", "#file", "#compare", "#card", "#answers", "#network-choice"):
            assert page.locator(part).is_hidden(), part
        page.click("#examples button >> nth=0")
        page.wait_for_selector("#arcs svg")
        page.click("#language")
        assert page.locator("h1:visible").inner_text() == "Type a Korean sentence to see its structure"
        page.route("**/parse", failing)
        page.context.close()


AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, server, scheme):
    page = ready(opened, server.url, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(AXE.read_text(encoding="utf-8") + "; null")

    def check(view):
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        serious = [
            (view, one["id"], node["html"][:120], node["failureSummary"])
            for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"]
        ]  # fmt: skip
        assert serious == []

    check("empty")
    page.fill("#text", TEXT)
    page.wait_for_selector(".eojeols:not(.waiting) .eojeol")
    check("sentence")
    page.click("#tab-file")
    check("file")
    classify(page, "a.csv", ("text,n\n" + "정말 재밌어요,1\n너무 지루해요,2\n" * 30).encode())
    page.select_option("#work-precision", "0.99")
    page.click("#classify")
    page.wait_for_selector("#rows-table .pale")
    page.click(".count >> nth=0")
    page.click("#reading summary")
    check("table")
    page.click("#tab-compare")
    page.fill("#compare-text", TEXT)
    until(page, "document.querySelectorAll('#compare .idle').length === 0")
    check("compare")
    page.click("#tab-card")
    for model in ("mini/topic", "reviews"):
        page.select_option("#card-model", model)
        until(page, f"document.getElementById('card-spoken').textContent.includes('{model}')")
        page.click(".readme summary")
        check(model)


def test_in_forced_colours_lines_and_shapes_say_what_colours_did(opened, server):
    page = ready(opened, server.url, forced_colors="active")
    page.fill("#text", TEXT)
    page.wait_for_selector(".eojeol")

    def style(selector, name):
        return page.locator(selector).first.evaluate("(e, name) => getComputedStyle(e)[name]", name)

    chosen, other = (style(f"[aria-selected={value}]", "borderBottomColor") for value in ("true", "false"))
    assert chosen != other
    assert style(".best .fill", "backgroundColor") != style(".best .track", "backgroundColor")
    assert style(".eojeol.against .word", "borderBottomStyle") != style(".eojeol.for .word", "borderBottomStyle")
    page.click("#tab-card")
    page.select_option("#card-model", "reviews")
    page.wait_for_selector(".matrix")
    assert style(".matrix .cell.right", "borderTopWidth") != style(".matrix .cell:not(.right)", "borderTopWidth")
