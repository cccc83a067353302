"""The stance graph of a tagged corpus: who stands where on whom, how often, since when, and in which words.

`corpus` reads the articles once into a temporary folder, `names` merges their entities, `build` makes the edges,
`outputs` and `page` write them; `query` and `sql` ask about single stances.
"""
