"""Tags two short texts with the embedded model and prints who stands where.

python examples/tag_texts.py
"""

import mawaqif

TEXTS = [
    "رفض البرلمان النوري تمديد حالة الطوارئ، واتهم زعيم حزب الإصلاح سالم الهاشمي الحكومة النورية بالفشل.",
    "رحبت منظمة حقوق بلا حدود بقرار البرلمان، فيما دافع وزير الداخلية كمال الدباغ عن حالة الطوارئ.",
]

tagger = mawaqif.load()
for article in tagger.pipe(TEXTS):
    print(article.text)
    for mention in article.mentions:
        print(f"  {mention.type:6}{article.surface(mention)} [{mention.start}:{mention.end}]")
    for stance in article.stances:
        evidence = article.surface(stance.evidence) if stance.evidence else ""
        print(f"  {article.name_of(stance.holder)} | {stance.stance} | {article.name_of(stance.target)} | {evidence}")
