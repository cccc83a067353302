"""Tags two short texts with the embedded model and prints who stands where.

python examples/tag_texts.py
"""

import mawaqif

TEXTS = [
    "أدان وزير الخارجية كمال الدباغ هجوم كتائب الصحراء على معسكر الوادي، واتهم حكومة سلوانيا بدعمها.",
    "أعلن حزب الإصلاح الوطني رفضه حكومة المنصوري ودعا إلى انتخابات مبكرة، ورحبت كتلة البناء بالدعوة.",
]

tagger = mawaqif.load()
for article in tagger.pipe(TEXTS):
    print(article.text)
    for mention in article.mentions:
        print(f"  {mention.type:6}{article.surface(mention)} [{mention.start}:{mention.end}]")
    for stance in article.stances:
        evidence = article.surface(stance.evidence) if stance.evidence else ""
        print(f"  {article.name_of(stance.holder)} | {stance.stance} | {article.name_of(stance.target)} | {evidence}")
