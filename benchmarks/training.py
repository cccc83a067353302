"""One step of fine-tuning at AraBERT's true size: mawaqif, both tasks, against a plain `transformers.Trainer`.

    python benchmarks/training.py ../shared/data/arabert_tokenizer ../shared/data/news/train.jsonl --steps 20

The directory holds AraBERT's config.json and tokenizer.json; the weights are random (135M of them), the same for all,
and the articles are the same in the same batches. The Trainer trains a token-classification head on the first 512 word
pieces of each article, once as it comes (fp32) and once in bf16; mawaqif trains mentions and stances on whole articles
in bf16, as configs/arabert.yaml does. Each runs in a process of its own, in turn, `--rounds` times. Prints for each the
articles a second (best round, without the first two steps), the peak memory, and the loss at both ends.

`--keep DIR` leaves mawaqif's fine-tuned model there, to be tagged with and exported.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCALES = {"mawaqif bf16": "mawaqif", "Trainer fp32": "fp32", "Trainer bf16": "bf16"}
WARM = 2  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="directory with config.json and tokenizer.json of AraBERT")
    parser.add_argument("articles", type=Path, help="annotated articles")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=4, help="articles a step")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where mawaqif's model stays")
    parser.add_argument("--run", choices=SCALES.values(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(train(options) if options.run == "mawaqif" else trainer(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        encoder, articles = prepare(options, Path(folder))
        best: dict[str, dict[str, float]] = {}
        for number in range(options.rounds):
            for name, run in SCALES.items():
                command = [sys.executable, __file__, str(encoder), str(articles), "--run", run]
                command += ["--steps", str(options.steps), "--batch", str(options.batch)]
                if options.keep and run == "mawaqif" and number == 0:
                    command += ["--keep", str(options.keep)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found = json.loads(done.stdout.splitlines()[-1])
                if name not in best or found["articles_per_second"] > best[name]["articles_per_second"]:
                    best[name] = found
    for name, found in best.items():
        rate, memory = found["articles_per_second"], found["memory"] / 2**30
        ratio = rate / best["Trainer fp32"]["articles_per_second"]
        loss = f"loss {found['first']:.2f} to {found['last']:.2f}"
        print(f"{name}: {rate:.2f} articles/s ({ratio:.2f} times Trainer fp32), {memory:.1f} GiB, {loss}")


def prepare(options: argparse.Namespace, folder: Path) -> tuple[Path, Path]:
    """Random weights of the true size, and as many articles as the steps need, in their order."""
    import torch
    from transformers import AutoConfig, AutoModel

    from mawaqif.jsonl import read_articles, write_articles

    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.from_pretrained(options.encoder))
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f}M parameters")
    encoder = folder / "encoder"
    model.save_pretrained(encoder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (encoder / name).write_bytes((options.encoder / name).read_bytes())
    articles = list(read_articles(options.articles))[: options.steps * options.batch]
    write_articles(articles, folder / "articles.jsonl")
    return encoder, folder / "articles.jsonl"


def result(options: argparse.Namespace, marks: list[float], losses: list[float]) -> dict[str, float]:
    """`marks` are the times after each step."""
    end = min(3, len(losses))
    return {
        "articles_per_second": options.batch * (len(marks) - WARM) / (marks[-1] - marks[WARM - 1]),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "first": sum(losses[:end]) / end,
        "last": sum(losses[-end:]) / end,
    }


def train(options: argparse.Namespace) -> dict[str, float]:
    """mawaqif's own loop on both tasks."""
    from accelerate import Accelerator

    import mawaqif.configs
    from mawaqif.train.checkpoints import Interrupt
    from mawaqif.train.config import load_config
    from mawaqif.train.finetune import fit, save_best, setup
    from mawaqif.train.settings import FinetuneConfig

    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            f"output={options.keep or folder}",
            f"model.encoder={options.encoder}",
            f"data.train=[{options.articles}]",
            f"data.dev={options.articles}",
            "data.terms=null",
            "data.ner=[]",
            "training.epochs=1",
            "training.gradient_accumulation=1",
            f"training.batch_articles={options.batch}",
            "training.checkpoint_minutes=1000",
        ]
        config = load_config(Path(mawaqif.configs.__path__[0]) / "arabert.yaml", FinetuneConfig, overrides)
        config.output.mkdir(parents=True, exist_ok=True)
        run = setup(config)
        marks, sums = [], []
        for step in fit(run, Accelerator(mixed_precision="bf16"), Interrupt()):
            if len(marks) >= options.steps or step.scores is not None:
                break
            marks.append(time.perf_counter())
            sums.append(sum(config.training.weight(task) * loss for task, loss in step.losses.items()))
        if options.keep:
            save_best(run, 0, {"min_score": 0.5})
    # Progress tells means over the epoch so far; the loss of each step is what it added to their sum.
    losses = [(n + 1) * mean - n * sums[n - 1] if n else mean for n, mean in enumerate(sums)]
    return result(options, marks, losses)


def trainer(options: argparse.Namespace) -> dict[str, float]:
    """The loop that most people run: named mentions as token labels, articles cut at 512 word pieces."""
    import torch
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from mawaqif.jsonl import read_articles
    from mawaqif.labels import LabelSet

    tags = LabelSet.default().bio_tags
    tokenizer = AutoTokenizer.from_pretrained(options.encoder)
    rows = []
    for article in read_articles(options.articles):
        encoded = tokenizer(article.text, truncation=True, max_length=512, return_offsets_mapping=True)
        labels = [-100 if start == end else 0 for start, end in encoded.pop("offset_mapping")]
        for mention in article.mentions:
            inside = [n for n in range(len(labels)) if labels[n] >= 0]
            for n in inside:
                start, end = encoded.token_to_chars(n)
                if start < mention.end and mention.start < end:
                    labels[n] = tags.index(f"{'B' if start <= mention.start else 'I'}-{mention.type}")
        rows.append({**encoded, "labels": labels})
    marks: list[float] = []
    losses: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: object, **__: object) -> None:
            marks.append(time.perf_counter())

        def on_log(self, *_: object, logs: dict[str, float], **__: object) -> None:
            if "loss" in logs:
                losses.append(logs["loss"])

    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_pretrained(options.encoder, num_labels=len(tags))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=options.steps,
            per_device_train_batch_size=options.batch,
            learning_rate=5e-5,
            bf16=options.run == "bf16",
            use_cpu=not torch.cuda.is_available(),
            logging_steps=1,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        )
        collator = DataCollatorForTokenClassification(tokenizer)
        Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator, callbacks=[Clock()]).train()
    return result(options, marks, losses)


if __name__ == "__main__":
    main()
