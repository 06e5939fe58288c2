"""The table of known corpora, and the function that loads one. A new corpus is one row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from munjang.config.arguments import checked
from munjang.data.corpora.loading import load_row
from munjang.data.corpora.schema import PARQUET_REF, CorpusRow, HubPlace, Original, TextForm
from munjang.data.splits import validation_as_test
from munjang.data.trees.relations import KLUE_RELATIONS, UD_RELATIONS
from munjang.errors import unknown_name
from munjang.records import Corpus, Tree, label_set, plain_labels
from munjang.translation import N_, _

GITHUB = "https://raw.githubusercontent.com"
YNAT = f"{GITHUB}/KLUE-benchmark/KLUE/ab22cd5cfdd6b527a9a4e2d177f9dacb85ddde2c/klue_benchmark/ynat-v1/ynat-v1"
DP = f"{GITHUB}/KLUE-benchmark/KLUE/main/klue_benchmark/klue-dp-v1.1/klue-dp-v1.1"
CC_BY_SA = "CC BY-SA 4.0"


def treebank(name: str, title: str, rows: dict[str, int], citation: str) -> CorpusRow:
    """The row of a Korean treebank of Universal Dependencies."""
    repository = f"UD_Korean-{name.upper() if name != 'kaist' else 'Kaist'}"
    address = f"{GITHUB}/UniversalDependencies/{repository}/master/ko_{name}-ud"
    files = {"train": "train", "validation": "dev", "test": "test"}
    return CorpusRow(
        name=f"ud:{name}",
        title=title,
        about="structure",
        task="parsing",
        label_type=Tree,
        labels=UD_RELATIONS,
        rows=rows,
        licence=CC_BY_SA,
        citation=citation,
        homepage=f"https://universaldependencies.org/treebanks/ko_{name}",
        originals=tuple(Original(split, f"{address}-{files[split]}.conllu") for split in rows),
        part=name,
        notes=(N_("words are the treebank's: signs of punctuation are words of their own"),),
    )


BEEP = CorpusRow(
    name="kor_hate",
    title=N_("Comments under entertainment news (BEEP!)"),
    about="hate",
    labels=label_set(("혐오", "hate"), ("공격적", "offensive"), ("없음", "none")),
    rows={"train": 7896, "test": 471},
    licence=CC_BY_SA,
    citation="Moon, Cho and Lee (2020), BEEP! Korean Corpus of Online News Comments for Toxic Speech Detection, "
    "SocialNLP, https://aclanthology.org/2020.socialnlp-1.4",
    homepage="https://github.com/kocohub/korean-hate-speech",
    text=("comments",),
    label=("hate",),
    hub=(HubPlace("inmoonlight/kor_hate"),),
    originals=(
        Original(
            "train",
            f"{GITHUB}/kocohub/korean-hate-speech/master/labeled/train.tsv",
            "ebebacdcd023af2c4acc8c0a37695fb6433ac04fc009feff8f222724e303a5a9",
        ),
        Original(
            "test",
            f"{GITHUB}/kocohub/korean-hate-speech/master/labeled/dev.tsv",
            "232b615d6e359a9d31dfb8370f32e1733dc5bb3f9c5430d34d7fcc7ba4b7e8ef",
        ),
    ),
    notes=(N_("the test split is the source's dev split; its own test labels are not published"),),
)

SENTIMENT_SAMPLE = CorpusRow(
    name="sample",
    title="",
    about="",
    labels=label_set(),
    rows={},
    licence="CC0 1.0",
    citation=N_("Written for munjang; comes with the package."),
)

ROWS = (
    CorpusRow(
        name="nsmc",
        title=N_("Naver film reviews"),
        about="sentiment",
        labels=label_set(("부정", "negative"), ("긍정", "positive")),
        rows={"train": 150_000, "test": 50_000},
        licence="CC0 1.0",
        citation="Park (2016), Naver sentiment movie corpus v1.0, https://github.com/e9t/nsmc",
        homepage="https://github.com/e9t/nsmc",
        text=("document",),
        hub=(
            HubPlace(
                "e9t/nsmc",
                notes=(
                    N_(
                        "the hub's copy was made with quotes interpreted: in some 233 test texts the quotation marks "
                        "differ from the original file"
                    ),
                ),
            ),
            HubPlace("Blpeng/nsmc", "main", ("*.parquet", "*.csv", "*.tsv", "*.txt")),
        ),
        originals=(
            Original(
                "train",
                f"{GITHUB}/e9t/nsmc/master/ratings_train.txt",
                "e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940",
            ),
            Original(
                "test",
                f"{GITHUB}/e9t/nsmc/master/ratings_test.txt",
                "8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda",
            ),
        ),
    ),
    replace(BEEP, name="kor_hate:hate"),
    replace(
        BEEP,
        name="kor_hate:bias",
        label=("bias",),
        labels=label_set(("없음", "none"), ("성별", "gender"), ("기타", "others")),
    ),
    replace(
        BEEP,
        name="kor_hate:gender_bias",
        label=("contain_gender_bias",),
        labels=label_set(("없음", "False", "false"), ("있음", "True", "true")),
    ),
    CorpusRow(
        name="kor_sarcasm",
        title=N_("Tweets with and without sarcasm"),
        about="sarcasm",
        labels=label_set(("비꼼 아님", "no_sarcasm"), ("비꼼", "sarcasm")),
        rows={"train": 9000, "test": 301},
        licence="MIT",
        citation="Kim and Cho (2019), Kocasm: Korean Automatic Sarcasm Detection, "
        "https://github.com/SpellOnYou/korean-sarcasm",
        homepage="https://github.com/SpellOnYou/korean-sarcasm",
        text=("tokens",),
        hub=(
            HubPlace("SpellOnYou/kor_sarcasm"),
            HubPlace("SpellOnYou/kor_sarcasm", "main", ("*.parquet", "*.csv")),
        ),
        originals=(
            Original(
                "train",
                f"{GITHUB}/SpellOnYou/korean-sarcasm/master/data/jiwon/train.csv",
                "af62a58789ae591733f81820fb3fc955bb0c6abdfc3bc1390c3293623bc5bfa4",
                TextForm(",", quoted=True),
            ),
            Original(
                "test",
                f"{GITHUB}/SpellOnYou/korean-sarcasm/master/data/jiwon/test.csv",
                "e0879f7f86923eb5b46f0154e8eace0137224cbd021dfdb1d0d44427be16bda9",
                TextForm(",", quoted=True),
            ),
        ),
    ),
    CorpusRow(
        name="kor_sae",
        title=N_("Questions and commands to an assistant (SAE4K)"),
        about="intent",
        labels=label_set(
            ("판정의문", "yes/no"),
            ("선택의문", "alternative"),
            ("설명의문", "wh- questions"),
            ("금지", "prohibitions"),
            ("요구", "requirements"),
            ("강한요구", "strong requirements"),
        ),
        rows={"train": 30_837},
        licence=CC_BY_SA,
        citation="Cho, Moon, Moon, Kim and Kim (2020), Machines Getting with the Program: Understanding Intent "
        "Arguments of Non-Canonical Directives, Findings of EMNLP, arXiv:1912.00342",
        homepage="https://github.com/warnikchow/sae4k",
        text=("intent_pair1",),
        hub=(HubPlace("wicho/kor_sae"),),
        originals=(
            Original(
                "train",
                f"{GITHUB}/warnikchow/sae4k/master/data/sae4k_v1.txt",
                "529361e1aa760ca90db71fc70a93215f45938028735aba1291a907f764fe1f36",
                TextForm(columns=("intent_pair1", "intent_pair2", "label")),
            ),
        ),
        made_test=0.1,
    ),
    CorpusRow(
        name="kor_3i4k",
        title=N_("Spoken utterances and their intention (3i4K)"),
        about="intent",
        labels=label_set(
            ("단편", "fragment"),
            ("서술", "statement"),
            ("질문", "question"),
            ("명령", "command"),
            ("수사의문", "rhetorical question"),
            ("수사명령", "rhetorical command"),
            ("억양의존", "intonation-dependent utterance"),
        ),
        rows={"train": 55_134, "test": 6_121},
        licence=CC_BY_SA,
        citation="Cho, Lee, Yoon, Kim and Kim (2018), Speech Intention Understanding in a Head-final Language, "
        "arXiv:1811.04231",
        homepage="https://github.com/warnikchow/3i4k",
        hub=(HubPlace("wicho/kor_3i4k"), HubPlace("wicho/kor_3i4k", "main", ("*.parquet",))),
        originals=(
            Original(
                "train",
                f"{GITHUB}/warnikchow/3i4k/master/data/train_val_test/fci_train_val.txt",
                "646f450b84992c6df806ea72aa35374db7ec30d7739920b86dfa878e73b69079",
                TextForm(columns=("label", "text")),
            ),
            Original(
                "test",
                f"{GITHUB}/warnikchow/3i4k/master/data/train_val_test/fci_test.txt",
                "d74c5b376c7d231bd4d5a94de855e47b6e70c96abeeaaf75cffbdb8506a87ff2",
                TextForm(columns=("label", "text")),
            ),
        ),
    ),
    CorpusRow(
        name="ynat",
        title=N_("News headlines (KLUE topic classification)"),
        about="topic",
        labels=label_set(
            ("IT과학", "IT/science"),
            ("경제", "economy"),
            ("사회", "society"),
            ("생활문화", "life/culture"),
            ("세계", "world"),
            ("스포츠", "sports"),
            ("정치", "politics"),
        ),
        rows={"train": 45_678, "validation": 9_107},
        licence=CC_BY_SA,
        citation="Park et al. (2021), KLUE: Korean Language Understanding Evaluation, arXiv:2105.09680",
        homepage="https://klue-benchmark.com",
        text=("title",),
        hub=(
            HubPlace("klue/klue", "349481ec73fff722f88e0453ca05c77a447d967c", ("ynat/*.parquet",)),
            HubPlace("klue/klue", PARQUET_REF, ("ynat/*.parquet",)),
        ),
        originals=(
            Original("train", f"{YNAT}_train.json"),
            Original("validation", f"{YNAT}_dev.json"),
        ),
        notes=(N_("KLUE keeps its test split hidden: scores are compared on validation"),),
    ),
    CorpusRow(
        name="langid",
        title=N_("Sentences in 20 languages from Universal Dependencies"),
        about="language",
        language="mul",
        labels=label_set(
            ("ar", "Arabic"),
            ("de", "German"),
            ("en", "English"),
            ("es", "Spanish"),
            ("fa", "Persian"),
            ("fi", "Finnish"),
            ("fr", "French"),
            ("hi", "Hindi"),
            ("id", "Indonesian"),
            ("it", "Italian"),
            ("ja", "Japanese"),
            ("ko", "Korean"),
            ("nl", "Dutch"),
            ("pt", "Portuguese"),
            ("ru", "Russian"),
            ("sv", "Swedish"),
            ("th", "Thai"),
            ("tr", "Turkish"),
            ("vi", "Vietnamese"),
            ("zh", "Chinese"),
        ),
        rows={"train": 24_614, "test": 6_150},
        licence=N_("CC BY-SA, by treebank"),
        citation="Nivre et al. (2020), Universal Dependencies v2, LREC, https://universaldependencies.org",
        homepage="https://universaldependencies.org",
    ),
    CorpusRow(
        name="kmhas",
        title=N_("News comments, kinds of hate speech (K-MHaS)"),
        about="hate",
        task="multi-label",
        label_type=tuple,
        labels=label_set(
            ("출신차별", "origin"),
            ("외모차별", "physical"),
            ("정치성향차별", "politics"),
            ("혐오욕설", "profanity"),
            ("연령차별", "age"),
            ("성차별", "gender"),
            ("인종차별", "race"),
            ("종교차별", "religion"),
            ("해당사항없음", "not_hate_speech"),
        ),
        rows={"train": 78_977, "validation": 8_776, "test": 21_939},
        licence=CC_BY_SA,
        citation="Lee et al. (2022), K-MHaS: A Multi-label Hate Speech Detection Dataset in Korean Online News "
        "Comment, COLING, https://aclanthology.org/2022.coling-1.311",
        homepage="https://github.com/adlnlp/K-MHaS",
        text=("text", "document"),
        hub=(HubPlace("jeanlee/kmhas_korean_hate_speech"),),
        originals=(
            Original("train", f"{GITHUB}/adlnlp/K-MHaS/main/data/kmhas_train.txt"),
            Original("validation", f"{GITHUB}/adlnlp/K-MHaS/main/data/kmhas_valid.txt"),
            Original("test", f"{GITHUB}/adlnlp/K-MHaS/main/data/kmhas_test.txt"),
        ),
    ),
    CorpusRow(
        name="kote",
        title=N_("Online comments, 44 emotions (KOTE)"),
        about="emotion",
        task="multi-label",
        label_type=tuple,
        labels=plain_labels(
            "불평/불만 환영/호의 감동/감탄 지긋지긋 고마움 슬픔 화남/분노 존경 기대감 우쭐댐/무시함 안타까움/실망 "
            "비장함 의심/불신 뿌듯함 편안/쾌적 신기함/관심 아껴주는 부끄러움 공포/무서움 절망 한심함 역겨움/징그러움 "
            "짜증 어이없음 없음 패배/자기혐오 귀찮음 힘듦/지침 즐거움/신남 깨달음 죄책감 증오/혐오 "
            "흐뭇함(귀여움/예쁨) 당황/난처 경악 부담/안_내킴 서러움 재미없음 불쌍함/연민 놀람 행복 불안/걱정 기쁨 "
            "안심/신뢰"
        ),
        rows={"train": 40_000, "validation": 5_000, "test": 5_000},
        licence="MIT",
        citation="Jeon, Lee and Kim (2024), User Guide for KOTE: Korean Online That-gul Emotions Dataset, LREC-COLING, "
        "arXiv:2205.05300",
        homepage="https://github.com/searle-j/KOTE",
        label=("labels", "label"),
        hub=(HubPlace("searle-j/kote", files=("dichotomized/*.parquet", "default/*.parquet")),),
        originals=tuple(
            Original(
                split,
                f"{GITHUB}/searle-j/KOTE/main/{file}",
                form=TextForm(quoted=True, columns=("ID", "text", "labels", "one_hot")),
            )
            for split, file in {"train": "train.tsv", "validation": "val.tsv", "test": "test.tsv"}.items()
        ),
    ),
    CorpusRow(
        name="klue-dp",
        title=N_("Dependency trees of news and reviews (KLUE)"),
        about="structure",
        task="parsing",
        label_type=Tree,
        labels=KLUE_RELATIONS,
        rows={"train": 10_000, "validation": 2_000},
        licence=CC_BY_SA,
        citation="Park et al. (2021), KLUE: Korean Language Understanding Evaluation, arXiv:2105.09680",
        homepage="https://klue-benchmark.com",
        text=("sentence",),
        label=("deprel",),
        hub=(
            HubPlace("klue/klue", "349481ec73fff722f88e0453ca05c77a447d967c", ("dp/*.parquet",)),
            HubPlace("klue/klue", PARQUET_REF, ("dp/*.parquet",)),
        ),
        originals=(Original("train", f"{DP}_train.tsv"), Original("validation", f"{DP}_dev.tsv")),
        made_test=0.2,
        notes=(N_("KLUE keeps its test split hidden: scores are compared on validation"),),
    ),
    treebank(
        "kaist",
        N_("Dependency trees of novels, news and essays (Universal Dependencies, Kaist)"),
        {"train": 23_010, "validation": 2_066, "test": 2_287},
        "Chun, Han, Hwang and Choi (2018), Building Universal Dependency Treebanks in Korean, LREC",
    ),
    treebank(
        "gsd",
        N_("Dependency trees of blogs and news (Universal Dependencies, GSD)"),
        {"train": 4_400, "validation": 950, "test": 989},
        "McDonald et al. (2013), Universal Dependency Annotation for Multilingual Parsing, ACL; Chun et al. (2018)",
    ),
    treebank(
        "ksl",
        N_("Dependency trees of learners' essays (Universal Dependencies, KSL)"),
        {"train": 6_024, "validation": 753},
        "Sung and Shin (2023), Towards L2-friendly pipelines for learner corpora: a case of written production by "
        "L2-Korean learners, BEA",
    ),
    replace(
        SENTIMENT_SAMPLE,
        name="sample:sentiment",
        title=N_("Reviews and remarks (embedded sample)"),
        about="sentiment",
        labels=label_set(("부정", "negative"), ("긍정", "positive")),
    ),
    replace(
        SENTIMENT_SAMPLE,
        name="sample:topic",
        title=N_("Headlines on seven topics (embedded sample)"),
        about="topic",
        labels=plain_labels("IT과학 경제 사회 생활문화 세계 스포츠 정치"),
    ),
    replace(
        SENTIMENT_SAMPLE,
        name="sample:intent",
        title=N_("Utterances of seven intentions (embedded sample)"),
        about="intent",
        labels=plain_labels("단편 서술 질문 명령 수사의문 수사명령 억양의존"),
    ),
    replace(
        SENTIMENT_SAMPLE,
        name="sample:language",
        title=N_("Sentences in many languages (embedded sample)"),
        about="language",
        language="mul",
        labels=plain_labels("cs da en es id it ja ko ms no pt ru sk sv uk zh"),
    ),
)

CORPORA: dict[str, CorpusRow] = {row.name: row for row in ROWS}

DEFAULT_CONFIGURATIONS = {"kor_hate": "kor_hate:hate"}
"""What the plain name of a corpus with several configurations means."""


def corpus_row(name: str) -> CorpusRow:
    """The row of a corpus. UnknownName: the table has no such corpus; the message lists the known names."""
    name = DEFAULT_CONFIGURATIONS.get(name, name)
    if name not in CORPORA:
        raise unknown_name(_("corpus"), name, CORPORA)
    return CORPORA[name]


@checked()
def load_corpus(name: str, data_dir: str | Path | None = None, *, seed: int = 13) -> Corpus:
    """A corpus of the table, from the first source that has it: data folder, local cache, hub, original address.

    data_dir: folder with `DIR/<corpus>/` in parquet or in the original files; None: MUNJANG_DATA. seed decides the test
    split of a corpus that is published as one file. If the source hides its test split (KLUE), the validation split
    becomes the test split: nothing may be chosen by the scores that are reported. If only a part of the corpus is
    found, it is used, and the notes of the card say "partial". FetchError: no source has it. DataError: a missing
    column, a broken line or a label outside the table.
    """
    row = corpus_row(name)
    corpus = load_row(row, data_dir, seed=seed)
    return corpus if "test" in row.rows else validation_as_test(corpus)
