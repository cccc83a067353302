"""Gold articles and NER sentences → training examples, and their padding into batches.

An example is one window of one article: its token ids, a tag for the first token of each word, and every allowed
ordered pair of the gold entities inside it with its stance, voice and evidence tokens.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from mawaqif.article import Article, Mention, Stance
from mawaqif.encoding import (
    Bools,
    Ints,
    Pairs,
    encode,
    pad_pairs,
    pad_windows,
    pairs_of,
    tokens_in,
    word_tags,
    words_in,
)
from mawaqif.errors import ConfigError, InputError
from mawaqif.jsonl import read_articles, read_lines
from mawaqif.labels import LabelSet
from mawaqif.train.objective import IGNORED


@dataclass(frozen=True)
class Example:
    """One window of an article.

    ids [tokens] without specials; tags [tokens], IGNORED but at first tokens of words that are known; stance [pairs]
    (0 is none; IGNORED where the evidence lies in another window or the score is too low); voice [pairs], IGNORED where
    there is none; evidence [pairs, tokens + 2]; sentence [tokens]: number of each token's sentence, rising.
    """

    ids: Ints
    tags: Ints
    pairs: Pairs
    stance: Ints
    voice: Ints
    evidence: Bools
    sentence: Ints


@dataclass(frozen=True)
class Sentence:
    """One NER sentence: ids and tags [tokens], tags IGNORED but at first tokens of words."""

    ids: Ints
    tags: Ints


def load_articles(path: Path, labels: LabelSet, terms: Sequence[str] | None) -> list[Article]:
    """The annotated articles of a JSONL file, only those whose field `terms` is listed where `terms` is given.

    Raises InputError for a file that cannot be read, a broken article, or a label that the label set does not have.
    """
    articles = []
    for article in read_articles(path):
        if terms is None or (article.model_extra or {}).get("terms") in terms:
            _check_labels(article, labels, path)
            articles.append(article)
    return articles


def load_training(paths: Iterable[Path], labels: LabelSet, terms: Sequence[str] | None) -> list[Article]:
    """The articles of all training files, in their order; raises as `load_articles` does."""
    return [article for path in paths for article in load_articles(path, labels, terms)]


def _check_labels(article: Article, labels: LabelSet, path: Path) -> None:
    known = {"type": labels.type_names, "stance": labels.stance_names, "voice": labels.voice_names}
    found = [
        *((f"mentions[{n}].type", "type", m.type) for n, m in enumerate(article.mentions)),
        *((f"stances[{n}].stance", "stance", s.stance) for n, s in enumerate(article.stances)),
        *((f"stances[{n}].voice", "voice", s.voice) for n, s in enumerate(article.stances) if s.voice is not None),
    ]
    for field, kind, value in found:
        if value not in known[kind]:
            raise InputError(
                f"{value!r} is no {kind} of the label set ({', '.join(known[kind])}); correct it or add it there",
                path=str(path),
                article_id=article.id,
                field=field,
            )


def load_noisy(paths: Iterable[Path], articles: Sequence[Article], labels: LabelSet) -> dict[str, Article]:
    """Training articles by id as `mawaqif crossfit` wrote them: with the entities that a model found in them.

    Articles that are not trained on are passed over. Raises InputError where the text is another one, and for a file
    that holds none of the articles.
    """
    texts = {article.id: article.text for article in articles}
    found: dict[str, Article] = {}
    for path in paths:
        here = {article.id: article for article in load_articles(path, labels, None) if article.id in texts}
        for article in here.values():
            if article.text != texts[article.id]:
                raise InputError("is not the text that is trained on", path=str(path), article_id=article.id)
        if not here:
            raise InputError(
                "holds none of the articles that are trained on; leave it out of data.noisy, or make it of them "
                "(mawaqif crossfit)",
                path=str(path),
            )
        found |= here
    return found


def make_examples(
    articles: Sequence[Article],
    tokenizer: Tokenizer,
    labels: LabelSet,
    max_tokens: int,
    noisy: Mapping[str, Article] | None = None,
    sure: float = 0.0,
) -> list[Example]:
    """One example a window of each article.

    With `noisy`, by id, the pairs are of the entities of those articles instead, and the stances theirs; the tags stay.
    Mentions and stances with a score below `sure` (a model's, who was not sure) are neither there nor absent.
    """
    examples = []
    for article, encoded in zip(articles, encode([a.text for a in articles], tokenizer, max_tokens), strict=True):
        paired = (noisy or {}).get(article.id, article)
        tags = word_tags(article, encoded, labels)
        for mention in article.mentions:
            if _unsure(mention, sure):
                tags[words_in(encoded, mention.start, mention.end)] = IGNORED
        by_token = np.full(len(encoded.ids), IGNORED, dtype=np.int64)
        seen = encoded.first >= 0
        by_token[encoded.first[seen]] = tags[seen]
        by_word = np.append(encoded.sentence, 0)[encoded.word_of]  # 0 where a token has no word
        sentence = np.maximum.accumulate(by_word)
        gold = {(s.holder, s.target): s for s in paired.stances}
        for start, end in encoded.windows:
            pairs = pairs_of(paired, encoded, (start, end), labels)
            stance = np.zeros(len(pairs.pairs), dtype=np.int64)
            voice = np.full(len(pairs.pairs), IGNORED, dtype=np.int64)
            evidence = np.zeros((len(pairs.pairs), end - start + 2), dtype=np.bool_)
            for row, (holder, target) in enumerate(pairs.pairs):
                edge = gold.get((pairs.entities[holder], pairs.entities[target]))
                if edge is None:
                    continue
                stance[row] = 1 + labels.stance_names.index(edge.stance)
                if edge.voice is not None:
                    voice[row] = labels.voice_names.index(edge.voice)
                if edge.evidence is not None:
                    evidence[row, tokens_in(encoded, (start, end), edge.evidence)] = True
                    if not evidence[row].any() and len(encoded.windows) > 1:
                        stance[row] = IGNORED
                if _unsure(edge, sure):
                    stance[row] = IGNORED
            ids, tags_here, sentences = encoded.ids[start:end], by_token[start:end], sentence[start:end]
            examples.append(Example(ids, tags_here, pairs, stance, voice, evidence, sentences))
    return examples


def _unsure(tag: Mention | Stance, sure: float) -> bool:
    """Whether a model gave it a score, and one below `sure`."""
    return tag.score is not None and tag.score < sure


def load_sentences(
    sets: Iterable[tuple[Path, str, dict[str, str] | None, float, dict[str, object] | None]],
    labels: LabelSet,
    tokenizer: Tokenizer,
    max_tokens: int,
    seed: int = 0,
) -> tuple[dict[str, list[Sentence]], dict[str, list[str]]]:
    """Public NER sets by scheme: their sentences, and the tag names of the schemes that need a head of their own.

    Each set is (path, scheme, map, share, where): with a `map` of its types to ours it trains the main head (words of
    types that are not mapped, and O unless "O" is mapped, are not scored); without, a head of its own. `where` keeps
    only the records with these field values. Raises InputError for a set that cannot be used, ConfigError for a map to
    a type that the label set does not have.
    """
    sentences: dict[str, list[Sentence]] = {}
    inventories: dict[str, list[str]] = {}
    for path, scheme, mapping, share, where in sets:
        records = list(_read_tagged(path, where))
        if not records:
            raise InputError(f"has no sentence with {where}" if where else "has no sentence", path=str(path))
        random.Random(seed).shuffle(records)
        records = records[: max(1, round(share * len(records)))]
        if mapping is None:
            known = inventories.setdefault(scheme, ["O"])
            types = sorted({tag[2:] for _, tags in records for tag in tags if tag != "O"})
            known += [f"{p}-{t}" for t in types for p in "BI" if f"{p}-{t}" not in known]
            number = {tag: n for n, tag in enumerate(known)}
        else:
            number = _mapped(mapping, labels, scheme)
        sentences.setdefault(scheme, []).extend(_tagged(records, number, tokenizer, max_tokens))
    return sentences, inventories


def _mapped(mapping: dict[str, str], labels: LabelSet, scheme: str) -> dict[str, int]:
    """Tag of a public set → number of our tag."""
    ours = {tag: n for n, tag in enumerate(labels.bio_tags)}
    number = {"O": 0} if "O" in mapping else {}
    for old, new in mapping.items():
        if old != "O" and new not in labels.type_names:
            known = ", ".join(labels.type_names)
            raise ConfigError(f"data.ner: scheme {scheme!r} maps {old!r} to {new!r}; the types are {known}")
        number |= {f"{p}-{old}": ours[f"{p}-{new}"] for p in "BI" if old != "O"}
    return number


def _tagged(
    records: list[tuple[list[str], list[str]]], number: dict[str, int], tokenizer: Tokenizer, max_tokens: int
) -> Iterator[Sentence]:
    """Sentences with their tags at first tokens of words, cut at `max_tokens`."""
    words = [tokens for tokens, _ in records]
    encodings = tokenizer.encode_batch(words, is_pretokenized=True, add_special_tokens=False)
    for (_, tags), encoding in zip(records, encodings, strict=True):
        word_ids = np.array(encoding.word_ids[: max_tokens - 2], dtype=np.int64)
        first = np.flatnonzero(np.diff(word_ids, prepend=-1))
        by_token = np.full(len(word_ids), IGNORED, dtype=np.int64)
        by_token[first] = [number.get(tags[w], IGNORED) for w in word_ids[first]]
        yield Sentence(np.array(encoding.ids[: max_tokens - 2], dtype=np.int64), by_token)


def _read_tagged(path: Path, where: dict[str, object] | None) -> Iterable[tuple[list[str], list[str]]]:
    for number, line in read_lines(path, str(path)):
        try:
            record = json.loads(line)
            tokens, tags = record["tokens"], record["tags"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"no record with tokens and tags ({error})", path=str(path), line=number) from error
        if len(tokens) != len(tags):
            raise InputError(f"{len(tokens)} tokens but {len(tags)} tags", path=str(path), line=number)
        if tokens and all(record.get(key) == value for key, value in (where or {}).items()):
            yield tokens, tags


def collate(examples: Sequence[Example], ids: dict[str, int]) -> dict[str, Tensor]:
    """Pads examples into one batch.

    ids, mask, tags [batch, tokens]; entity_mask, distance [batch, entities, tokens]; types [batch, entities]; pairs
    [batch, pairs, 2]; stance, voice [batch, pairs], IGNORED in padding; evidence [batch, pairs, tokens].
    """
    inputs, mask = pad_windows([e.ids for e in examples], ids)
    arrays = pad_pairs([e.pairs for e in examples], inputs.shape[1])
    shape = arrays["pairs"].shape[:2]
    tags, stance, voice = np.full_like(inputs, IGNORED), np.full(shape, IGNORED), np.full(shape, IGNORED)
    evidence = np.zeros((*shape, inputs.shape[1]), dtype=np.bool_)
    for row, example in enumerate(examples):
        tags[row, 1 : len(example.tags) + 1] = example.tags
        stance[row, : len(example.stance)] = example.stance
        voice[row, : len(example.voice)] = example.voice
        evidence[row, : example.evidence.shape[0], : example.evidence.shape[1]] = example.evidence
    gold = {"tags": tags, "stance": stance, "voice": voice, "evidence": evidence}
    return {name: torch.from_numpy(array) for name, array in {"ids": inputs, "mask": mask, **arrays, **gold}.items()}
