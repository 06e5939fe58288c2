"""Tables made of rows first, then written by another tool, as people have them: what is read must be these rows.

A kind is a function (rng, path) -> Made. `KINDS` has them by name; the ending of the file is in the name.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from munjang.data.readers.writers import open_writer

PARTS = [
    "배송이 빨라요", "정말 재밌어요", "다시는 안 삽니다", "색이, 사진과 달라요", '그는 "최고"라고 했다', "ㅋㅋㅋ",
    "🙂👍", "줄\n바꿈", "첫\r\n둘", "첫째;둘째", '5" 화면', "값|무게", "NA", "null", "끝\\", "C:\\dir\\new",
    'a, "b", c', "=1+1", "\u00a0띄움", "뷁 햏", "https://example.com/?a=1,2", "없음.", '"온통"', "'작은'", "탭\t안",
    "Ünïcödé", "100%", "-",
]  # fmt: skip
LABELS = ["긍정", "부정", "중립"]
COLUMNS = ["번호", "본문", "감정"]


@dataclass
class Made:
    """What a file holds: its columns and its cells as texts. None as columns: they have no names.

    sure: whether there is one way to read the file. If not, it may be refused and rows may be set aside, but what is
    read must be rows that were written.
    """

    columns: list[str] | None
    rows: list[list[str]]
    sure: bool = True

    def difference(self, columns: tuple[str, ...], found: list[list[str]], aside: int) -> str:
        """What is wrong with what was read; "" if it is right."""
        if self.sure and (aside or found != self.rows):
            other = next((pair for pair in zip(found, self.rows, strict=False) if pair[0] != pair[1]), "")
            return f"{len(found)} rows for {len(self.rows)}, {aside} set aside, {other}"
        rest = iter(self.rows)
        strange = next((row for row in found if row not in rest), None)  # `in` goes on from the last one found
        if strange or (self.columns and found and list(columns) != self.columns):
            return f"{columns}, {strange}"
        return "" if len(found) + aside >= len(self.rows) else f"{len(self.rows) - len(found) - aside} rows lost"


def text(rng: Random, without: str = "") -> str:
    parts = [part for part in PARTS if not set(part) & set(without)]
    return " ".join(rng.choices(parts, k=rng.randint(1, 6)))


def rows(rng: Random, without: str = "", empty: bool = True) -> list[list[str]]:
    """Rows of number, text, label; a tenth of the texts is empty."""
    count = rng.choice([3, 8, 20, 60])
    made = [[str(i), text(rng, without), rng.choice(LABELS)] for i in range(1, count + 1)]
    for row in made[1:]:
        if empty and rng.random() < 0.1:
            row[1] = ""
    return made


def written(lines: list[list[str]], **options) -> str:
    stream = io.StringIO()
    csv.writer(stream, **options).writerows(lines)
    return stream.getvalue()


def save(path: Path, content: str, encoding: str = "utf-8") -> None:
    path.write_bytes(content.encode(encoding))


def comma(rng, path):
    made = rows(rng)
    ends = rng.choice(["\n", "\r\n"])
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
    save(path, written([COLUMNS, *made], lineterminator=ends, quoting=quoting), encoding)
    return Made(COLUMNS, made)


def korean_excel(rng, path):
    made = rows(rng, without="🙂\u00a0Ü")
    save(path, written([COLUMNS, *made], lineterminator="\r\n"), "cp949")
    return Made(COLUMNS, made)


def other_delimiter(rng, path):
    made = rows(rng)
    save(path, written([COLUMNS, *made], delimiter=rng.choice(";|"), lineterminator="\n"))
    return Made(COLUMNS, made)


def sep_line(rng, path):
    made, mark = rows(rng), rng.choice(",;")
    save(path, f"sep={mark}\r\n" + written([COLUMNS, *made], delimiter=mark), "utf-8-sig")
    return Made(COLUMNS, made)


def trailing_delimiter(rng, path):
    made = rows(rng)
    save(path, written([COLUMNS, *[[*row, ""] for row in made]], lineterminator="\n"))
    return Made(COLUMNS, made)


def missing_last_cells(rng, path):
    made = [[*row, "메모" if i % 3 == 0 else ""] for i, row in enumerate(rows(rng, empty=False))]
    save(path, written([[*COLUMNS, "비고"], *[row if row[-1] else row[:-1] for row in made]], lineterminator="\n"))
    return Made([*COLUMNS, "비고"], made)


def title_above(rng, path):
    made = rows(rng)
    above = [["2024년 고객의 소리"], []] if rng.random() < 0.5 else [["2024년 고객의 소리", "", ""], ["", "", ""]]
    save(path, written([*above, COLUMNS, *made], lineterminator="\n"))
    return Made(COLUMNS, made)


def no_header(rng, path):
    made = rows(rng)
    save(path, written(made, lineterminator="\n", quoting=csv.QUOTE_ALL))
    return Made(None, made)


def one_column(rng, path):
    made = [[text(rng)] for _ in range(rng.randint(3, 40))]
    save(path, written([["본문"], *made], lineterminator="\n"))
    return Made(["본문"], made)


def pandas_csv(rng, path):
    import pandas

    made = rows(rng)
    frame = pandas.DataFrame(made, columns=COLUMNS)
    with_index = rng.random() < 0.5
    frame.to_csv(path, index=with_index, lineterminator="\n")
    if not with_index:
        return Made(COLUMNS, made)
    return Made(["column1", *COLUMNS], [[str(i), *row] for i, row in enumerate(made)])


def spark(rng, path):
    """As Spark writes: a backslash before quotes, and before backslashes, in fields that are all quoted."""
    made = rows(rng)
    made[0][1] += ' "최고"'

    def quoted(cell: str) -> str:
        return '"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"'

    save(path, "".join(",".join(map(quoted, row)) + "\n" for row in [COLUMNS, *made]))
    return Made(COLUMNS, made)


def pandas_escaped(rng, path):
    import pandas

    made = rows(rng)
    made[0][1] += ' "최고"'
    frame = pandas.DataFrame(made, columns=COLUMNS)
    frame.to_csv(path, index=False, quoting=csv.QUOTE_ALL, escapechar="\\", doublequote=False, lineterminator="\n")
    return Made(COLUMNS, made)


def mysql(rng, path):
    """As SELECT … INTO OUTFILE writes: tabs, no quotes, a backslash before tabs, line feeds and backslashes, \\N."""
    made = rows(rng)
    made[0][1] += "\n탭\t안"
    made[-1][1] = ""

    def escaped(cell: str) -> str:
        return cell.replace("\\", "\\\\").replace("\t", "\\\t").replace("\n", "\\\n") or "\\N"

    save(path, "".join("\t".join(map(escaped, row)) + "\n" for row in [COLUMNS, *made]))
    return Made(COLUMNS, made)


def plain_tsv(rng, path):
    made = rows(rng, without="\t\n")
    save(path, "".join("\t".join(row) + rng.choice(["\n"]) for row in [COLUMNS, *made]))
    return Made(COLUMNS, made)


def quoted_tsv(rng, path):
    made = rows(rng)
    save(path, written([COLUMNS, *made], delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL))
    return Made(COLUMNS, made)


def bars(rng, path):
    made = [[text(rng, without='|\n"'), str(i % 2)] for i in range(rng.randint(6, 30))]
    save(path, "".join("|".join(row) + "\n" for row in made))
    return Made(None, made)


def lines(rng, path):
    made = [[text(rng, without="\n\t|")] for _ in range(rng.randint(3, 30))]
    save(path, "".join(row[0] + "\n" for row in made))
    return Made(["text"], made)


def objects(made: list[list[str]]) -> list[dict]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in made]


def json_lines(rng, path):
    made = rows(rng)
    save(path, "".join(json.dumps(item, ensure_ascii=rng.random() < 0.5) + "\n" for item in objects(made)))
    return Made(COLUMNS, made)


def json_list(rng, path):
    made = rows(rng)
    value = objects(made)
    if rng.random() < 0.5:
        value = {"meta": {"source": "x"}, rng.choice(["data", "document", "rows"]): value}
    save(path, json.dumps(value, ensure_ascii=False, indent=rng.choice([None, 2])))
    return Made(COLUMNS, made)


def json_nested(rng, path):
    made = rows(rng)
    items = [{"id": a, "comment": {"text": b, "meta": {"lang": "ko"}}, "label": c} for a, b, c in made]
    save(path, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))
    return Made(["id", "label", "comment.text", "comment.meta.lang"], [[a, c, b, "ko"] for a, b, c in made])


def pandas_json(rng, path):
    import pandas

    made = rows(rng)
    orient = rng.choice(["columns", "index", "records", "split", "values", "table"])
    index = rng.choice([range(len(made)), range(7, 7 + 3 * len(made), 3), [f"r{i}" for i in range(len(made))]])
    frame = pandas.DataFrame(made, columns=COLUMNS, index=index)
    frame.to_json(path, orient=orient, force_ascii=rng.random() < 0.5, indent=rng.choice([None, 2]))
    if orient == "values":
        return Made(None, made)
    if orient == "table" or (orient != "records" and index[0] != 0):
        return Made(["index", *COLUMNS], [[str(i), *row] for i, row in zip(index, made, strict=True)])
    return Made(COLUMNS, made)


def parquet(rng, path):
    import pyarrow
    from pyarrow import parquet as pq

    made = rows(rng)
    names = sorted(LABELS)
    if rng.random() < 0.5:
        table = pyarrow.table({name: [row[i] for row in made] for i, name in enumerate(COLUMNS)})
    else:  # as the library `datasets` stores a ClassLabel
        numbers = pyarrow.array([names.index(row[2]) for row in made], pyarrow.int64())
        features = {"감정": {"names": names, "_type": "ClassLabel"}}
        table = pyarrow.table({"번호": [row[0] for row in made], "본문": [row[1] for row in made], "감정": numbers})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=rng.choice([3, 1000]))
    return Made(COLUMNS, made)


def sheet(rng, path):
    import openpyxl

    made = rows(rng, without="=\r")
    book = openpyxl.Workbook()
    page, above = book.active, rng.choice([0, 1, 2])
    page.title = rng.choice(["Sheet1", "4월 접수", "데이터"])
    for i in range(above):
        page.append(["2024년 고객의 소리 현황"] if i == 0 else [])
    columns, cells = COLUMNS, [[int(row[0]), *row[1:]] for row in made]
    if rng.random() < 0.3:  # as DataFrame.to_excel writes an index
        columns = [None, *COLUMNS]
        cells = [[i, *row] for i, row in enumerate(cells)]
        made = [[str(i), *row] for i, row in enumerate(made)]
    page.append(columns)
    for row in cells:
        page.append(row)
    if rng.random() < 0.5:
        book.create_sheet("메모").append(["다른 것"])
    book.save(path)
    return Made([name or "column1" for name in columns], made)


def merged_sheet(rng, path):
    """Two rows of headers, and a label that is merged over the rows that it is of."""
    import openpyxl

    made = sorted(rows(rng, without="=\r"), key=lambda row: row[2])
    book = openpyxl.Workbook()
    page = book.active
    page.append(["고객의 소리"])
    page.merge_cells("A1:C1")
    page.append(["접수", None, "분류"])
    page.merge_cells("A2:B2")
    page.append(["번호", "본문", "감정"])
    for row in made:
        page.append(row)
    first = 0
    for number in range(1, len(made) + 1):
        if number == len(made) or made[number][2] != made[first][2]:
            page.merge_cells(start_row=first + 4, end_row=number + 3, start_column=3, end_column=3)
            first = number
    book.save(path)
    return Made(COLUMNS, made)


def own_sheet(rng, path):
    """As munjang writes it, with what other writers lose: carriage returns, and texts that look escaped."""
    made = [[row[0], row[1] + rng.choice(["\r\n끝", "_x000D_", "_x005F_", ""]), row[2]] for row in rows(rng)]
    with open_writer(path, COLUMNS, overwrite=True) as writer:
        for row in made:
            writer.write(row)
    return Made(COLUMNS, made)


def tabs_and_breaks(rng, path):
    """As Excel copies and pandas writes: tabs, and quotes where a cell needs them."""
    made = rows(rng)
    for row in rng.sample(made, max(1, len(made) // 4)):
        row[rng.choice([1, 2])] += "\n둘째 줄"
    more = rng.choice([[], [""], ["메모"]])
    made = [[*row, *more] for row in made]
    columns = [*COLUMNS, "비고"][: len(made[0])]
    save(path, written([columns, *made], delimiter="\t", lineterminator=rng.choice(["\n", "\r\n"])))
    return Made(columns, made)


def spaces_after_commas(rng, path):
    made = rows(rng, without="\u00a0", empty=False)
    made[0][1] += ', "네"'
    cells = [[written([[cell]], lineterminator="\r\n")[:-2] for cell in row] for row in [COLUMNS, *made]]
    save(path, "".join(", ".join(row) + "\n" for row in cells))
    return Made(COLUMNS, made)


def single_quotes(rng, path):
    made = rows(rng)
    made[0][1] += ", it's"
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    save(path, written([COLUMNS, *made], quotechar="'", quoting=quoting, lineterminator="\n"))
    return Made(COLUMNS, made)


def escaped_quotes(rng, path):
    """As the csv module writes with a backslash before quotes instead of a second quote."""
    made = rows(rng, without="\r\n")
    made[0][1] += ' "최고"'
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_NONE, csv.QUOTE_ALL])
    options = {"escapechar": "\\", "doublequote": False, "quoting": quoting}
    save(path, written([COLUMNS, *made], lineterminator="\n", **options))
    return Made(COLUMNS, made)


def mac_lines(rng, path):
    """As Excel for Mac writes: lines end with a carriage return, line breaks in cells are line feeds."""
    made = rows(rng, without="\r")
    made[0][1] += "\n둘째 줄"
    save(path, written([COLUMNS, *made], lineterminator="\r", quoting=csv.QUOTE_ALL), rng.choice(["utf-8", "utf-16"]))
    return Made(COLUMNS, made)


def windows_text_mode(rng, path):
    """As Python writes on Windows to a file that was opened without newline=""."""
    made = rows(rng, without="\r\n")
    save(path, written([COLUMNS, *made], lineterminator="\r\r\n"))
    return Made(COLUMNS, made)


def of_r(rng, path):
    """As write.table of R writes: row numbers without a name above them."""
    made = rows(rng, empty=False)
    first = rng.sample(range(1, 500), len(made))
    mark = rng.choice([",", "\t", ";"])
    save(path, written([COLUMNS[1:], *([str(a), *row[1:]] for a, row in zip(first, made, strict=True))],
                       delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator="\n"))  # fmt: skip
    return Made(["column1", *COLUMNS[1:]], [[str(a), *row[1:]] for a, row in zip(first, made, strict=True)])


def wide_title(rng, path):
    made = rows(rng)
    title = rng.choice(
        [["2024년", "고객의 소리", "현황"], ["리뷰", "2024", "상반기"], ["기간", "2024-01-01", "담당: 김"]]
    )
    save(path, written([title, COLUMNS, *made], lineterminator="\n"))
    return Made(COLUMNS, made)


def joined_files(rng, path):
    """Files joined by `cat`, each with its header and, from Excel, its byte-order mark."""
    made, encoding = rows(rng), rng.choice(["utf-8", "utf-8-sig"])
    part = written([COLUMNS, *made], lineterminator="\n").encode(encoding)
    path.write_bytes(part * rng.choice([2, 3]))
    return Made(COLUMNS, made * (path.stat().st_size // len(part)), sure=False)


def without_quotes(rng, path):
    """By hand: commas and line breaks in cells as they are."""
    made = rows(rng, without=rng.choice(['"\n', '",']), empty=False)
    more = rng.choice([[], ["메모"]])
    made = [[*row, *more] for row in made]
    columns = [*COLUMNS, "비고"][: len(made[0])]
    save(path, "".join(",".join(row) + "\n" for row in [columns, *made]))
    return Made(columns, made, sure=False)


def mixed_encodings(rng, path):
    made = rows(rng, without="🙂\u00a0Ü\n\r")
    lines = written([COLUMNS, *made], lineterminator="\n").splitlines(keepends=True)
    most, other = rng.sample(["utf-8", "cp949"], 2)
    at = set(rng.sample(range(1, len(lines)), max(1, len(lines) // 8)))
    path.write_bytes(b"".join(line.encode(other if i in at else most) for i, line in enumerate(lines)))
    return Made(COLUMNS, made, sure=False)


def any_columns(rng, path):
    """Columns of several kinds in any order, lines above and below, missing last cells, any delimiter and quotes."""
    kinds = {"번호": lambda i: str(i), "내용": lambda i: text(rng), "감정": lambda i: rng.choice(LABELS),
             "점수": lambda i: f"{rng.randint(1, 5)}.0", "작성일": lambda i: f"2024-03-{i % 28 + 1:02}",
             "답변": lambda i: text(rng) if rng.random() < 0.7 else ""}  # fmt: skip
    names = ["내용", *rng.sample([name for name in kinds if name != "내용"], rng.randint(1, 4))]
    rng.shuffle(names)
    made = [[kinds[name](i) for name in names] for i in range(rng.choice([20, 60, 300]))]
    lines = [names, *made]
    if rng.random() < 0.3:
        names, made = [*names, "비고"], [[*row, "메모" * (rng.random() < 0.3)] for row in made]
        lines = [names, *(row if row[-1] else row[:-1] for row in made)]
    above = [["2024년 고객의 소리"], []][: rng.choice([0, 0, 0, 1, 2])]
    below = [[], ["합계", str(len(made))]][: rng.choice([0, 0, 0, 2])] * (len(names) > 2 and names[-1] != "비고")
    mark = rng.choice(",,,;\t|")
    quoting = csv.QUOTE_ALL if mark == "\t" else rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    options = {"delimiter": mark, "quoting": quoting, "lineterminator": rng.choice(["\n", "\r\n"])}
    save(path, written([*above, *lines, *below], **options))
    return Made(names, made, sure=False)


def packed(rng, path):
    inner = path.with_name("inner.csv")
    made = comma(rng, inner)
    path.write_bytes(gzip.compress(inner.read_bytes()))
    inner.unlink()
    return made


KINDS: dict[str, Callable[[Random, Path], Made]] = {
    "comma.csv": comma, "korean_excel.csv": korean_excel, "other.csv": other_delimiter, "sep.csv": sep_line,
    "trailing.csv": trailing_delimiter, "missing.csv": missing_last_cells, "title.csv": title_above,
    "no_header.csv": no_header, "one_column.csv": one_column, "pandas.csv": pandas_csv, "spark.csv": spark,
    "pandas_escaped.csv": pandas_escaped, "mysql.tsv": mysql, "plain.tsv": plain_tsv, "quoted.tsv": quoted_tsv,
    "bars.txt": bars, "lines.txt": lines, "lines.jsonl": json_lines, "list.json": json_list,
    "nested.jsonl": json_nested, "pandas.json": pandas_json, "table.parquet": parquet, "sheet.xlsx": sheet,
    "merged.xlsx": merged_sheet, "own.xlsx": own_sheet, "packed.csv.gz": packed, "breaks.tsv": tabs_and_breaks,
    "spaces.csv": spaces_after_commas, "single.csv": single_quotes, "escaped.csv": escaped_quotes,
    "mac.csv": mac_lines, "windows.csv": windows_text_mode, "of_r.csv": of_r, "wide_title.csv": wide_title,
    "joined.csv": joined_files, "unquoted.csv": without_quotes, "mixed.csv": mixed_encodings, "any.csv": any_columns,
}  # fmt: skip
