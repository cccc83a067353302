"""Tagged tokens become articles, and types become coarser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.errors import InputError
from mawaqif.eval.tokens import coarse, coarse_types, holds_tokens, read_tokens
from mawaqif.labels import LabelSet


def write(tmp_path, text, name="gold.conll"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def mentions(article):
    return [(article.surface(m), m.type) for m in article.mentions]


def test_sentences_become_articles(tmp_path):
    path = write(tmp_path, "زار NN O\nرند NN B-PER\nالهاشمي NN I-PER\nسمر NN B-LOC\n\n\nحزب NN B-ORG\n")
    first, second = read_tokens(path)
    assert (first.id, first.text, mentions(first)) == (
        "000001",
        "زار رند الهاشمي سمر",
        [("رند الهاشمي", "PER"), ("سمر", "LOC")],
    )
    assert (second.id, mentions(second)) == ("000002", [("حزب", "ORG")])


def test_documents_become_articles_and_mentions_end_with_the_sentence(tmp_path):
    text = "-DOCSTART- O\n\nرند B-PER\n\nالهاشمي I-PER\n\n-DOCSTART- O\n\nسمر B-LOC"
    first, second = read_tokens(write(tmp_path, text))
    assert (first.text, mentions(first)) == ("رند\nالهاشمي", [("رند", "PER"), ("الهاشمي", "PER")])
    assert second.text == "سمر"


def test_iob1_is_read_as_conlleval_does(tmp_path):
    (article,) = read_tokens(write(tmp_path, "رند I-PER\nالهاشمي I-PER\nسمر I-LOC\nندى B-LOC\nO O\nبدر I-PER"))
    assert [surface for surface, _ in mentions(article)] == ["رند الهاشمي", "سمر", "ندى", "بدر"]


def test_json_lines(tmp_path):
    path = write(
        tmp_path,
        '{"tokens": ["رند", "."], "tags": ["B-PER", "O"], "id": 7}\n{"tokens": ["x"], "tags": ["O"]}',
        "a.jsonl",
    )
    assert [(a.id, a.text) for a in read_tokens(path)] == [("7", "رند ."), ("000002", "x")]
    assert holds_tokens(path)
    assert holds_tokens("gold.conll")
    assert not holds_tokens(write(tmp_path, '{"id": "a", "text": "رند"}', "b.jsonl"))
    assert not holds_tokens(write(tmp_path, "[]", "c.jsonl"))
    assert not holds_tokens(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.conll", "زار O\nرند\n", r"a.conll:2: has one column, 'رند'"),
        ("a.conll", "زار X-PER\n", r"a.conll:1: has the tag 'X-PER'"),
        ("a.conll", "\n", "holds no tokens"),
        ("a.jsonl", '{"tokens": ["a"], "tags": []}', "a.jsonl:1: must hold the lists"),
        ("a.jsonl", '{"tokens": ["a"], "tags": ["O"]}\n{', "a.jsonl:2: is not a JSON object"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        read_tokens(write(tmp_path, text, name))
    with pytest.raises(InputError, match="no such file"):
        read_tokens(tmp_path / "none.conll")


@given(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1, max_size=8))
def test_every_tagged_token_is_in_a_mention_of_its_type(tmp_path_factory, tags):
    path = tmp_path_factory.mktemp("tokens") / "a.conll"
    path.write_text("".join(f"كلمة{n} {tag}\n" for n, tag in enumerate(tags)), encoding="utf-8")
    (article,) = read_tokens(path)
    covered = {word: m.type for m in article.mentions for word in article.surface(m).split()}
    assert covered == {f"كلمة{n}": tag[2:] for n, tag in enumerate(tags) if tag != "O"}


def test_coarse_types(build):
    article = build(
        "رند سمر حزب قضية",
        {"1": ("PERS", "رند"), "2": ("GPE", "سمر"), "3": ("ACTOR", "حزب"), "4": ("LOC", "قضية")},
        [("1", "2", "favor")],
    )
    (found,) = coarse([article], coarse_types())
    assert mentions(found) == [("رند", "PER"), ("سمر", "LOC"), ("قضية", "LOC")]
    assert (found.entities, found.stances) == ([], [])
    assert coarse([found], coarse_types()) == [found]


def test_the_shipped_mapping_knows_every_named_type():
    assert set(coarse_types()) == {label.name for label in LabelSet.default().types if not label.only_in_stances}
